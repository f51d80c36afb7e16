"""Settings of the API from the environment. Every name begins with BULLION_API_."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from pipelines.core.settings import read_settings
from pipelines.core.settings import settings as lake_settings
from pipelines.core.state_folder import state_folder

LOOPBACK = ("localhost", "127.0.0.1", "::1")


class Settings(BaseSettings):
    """Where the API listens, whom it lets in, and how much it takes at once.

    Which lake it reads is said by pipelines.core.settings.
    """

    model_config = SettingsConfigDict(env_prefix="BULLION_API_", extra="forbid", frozen=True)

    host: str = "127.0.0.1"
    """Address to listen on; another one lets other machines in, and needs keys."""

    port: int = Field(default=8000, ge=1, le=65535)
    """TCP port to listen on."""

    hosts: str = ""
    """Names by which callers may reach it besides localhost, with commas; * for any."""

    keys: SecretStr = SecretStr("")
    """Keys with commas. Once there is one, every call needs one; changing always does."""

    open: bool = False
    """True: reading needs no key from other machines either, while there are none."""

    requests_per_minute: int = Field(default=6000, ge=1)
    """That one key may make."""

    source: str = ""
    """Whose data is served; empty: what BULLION_SOURCE says."""

    grace: int = Field(default=300, ge=0, le=86400)
    """Seconds over the forecast's own grace until a closed bar without a signal is stale."""

    cache_seconds: int = Field(default=1, ge=0, le=60)
    """For which a cache may keep the newest signal, as long as it does not turn stale."""

    poll_seconds: float = Field(default=0.2, ge=0.01, le=1)
    """Between two looks at the lake's snapshot number."""

    slow_ms: float = Field(default=500, gt=0)
    """A rolling p99 above this makes the health degraded."""

    header_bytes: int = Field(default=16384, ge=1024)
    """All of a request's headers."""

    header_seconds: float = Field(default=10, gt=0)
    """Until a request's headers must be there."""

    body_bytes: int = Field(default=8 * 1024 * 1024, ge=1024)
    """A request's body."""

    body_seconds: float = Field(default=30, gt=0)
    """Until a request's body must be there."""

    bodies_bytes: int = Field(default=64 * 1024 * 1024, ge=1024)
    """All bodies that are held at once; one that exceeds it is refused with 503."""

    unread_bytes: int = Field(default=128 * 1024 * 1024, ge=1024)
    """Of answers that clients have yet to read; beyond it a history is refused with 503."""

    unread_seconds: float = Field(default=30, gt=0)
    """In which a client must read something of a large answer."""

    values: int = Field(default=50_000, ge=1)
    """Values in one body of JSON."""

    bars: int = Field(default=5000, ge=1)
    """Bars in one request to score."""

    batch: int = Field(default=200, ge=1)
    """Requests in one batch."""

    rows: int = Field(default=10_000, ge=1)
    """Rows in one answer."""

    range_days: int = Field(default=3660, ge=1)
    """Days that a history may span."""

    sockets: int = Field(default=5000, ge=1)
    """WebSockets open at once."""

    models: str = ""
    """Versions that serve whatever the lake decides: nasdaq100_hourly=3,aapl_daily.risk=2."""

    backtests: str = ""
    """The folder with reports of backtests; empty: `backtests` beside the catalog, or in
    data_lake where the catalog is on a server."""

    @property
    def backtests_folder(self) -> Path:
        return Path(self.backtests).expanduser() if self.backtests else state_folder() / "backtests"

    @cached_property
    def key_list(self) -> tuple[str, ...]:
        return tuple(k.strip() for k in self.keys.get_secret_value().split(",") if k.strip())

    @cached_property
    def host_list(self) -> tuple[str, ...]:
        names = (h.strip().lower() for h in self.hosts.split(",") if h.strip())
        return (*LOOPBACK, self.host.lower(), *names)

    @property
    def data_source(self) -> str:
        return self.source or lake_settings().source


def settings() -> Settings:
    """Read anew at each call; an app keeps its own in app.state.settings."""
    return read_settings(Settings)
