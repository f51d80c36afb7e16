"""Tell Airflow of each commit of closed minutes, as an event of an asset that scoring waits for.

Events that come while the one before is being posted become one. An event that cannot be posted
is not repeated: the next minute brings another, and the schedule scores what none was posted for.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from typing import Any

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from pipelines.core.settings import read_settings
from pipelines.stream.minutes import MinuteBar

log = logging.getLogger(__name__)

ASSET = "stream.bars"
SECONDS = 10.0  # that Airflow may take to answer


class AirflowSettings(BaseSettings):
    """The Airflow that scores new minutes."""

    model_config = SettingsConfigDict(env_prefix="BULLION_AIRFLOW_", frozen=True)

    url: str = Field(default="", pattern="^(https?://.+)?$")
    """Where Airflow is, which a stream tells of new minutes; empty: it tells nobody."""

    user: str = "admin"
    """Who logs in there for it."""

    password: SecretStr = SecretStr("")
    """That user's password."""


class NoEvents:
    """Tells nobody."""

    def post(self, bars: Sequence[MinuteBar]) -> None: ...

    def stop(self) -> None: ...


class ScoringEvents:
    """Posts events in a thread of its own."""

    def __init__(self, config: AirflowSettings, source: str) -> None:
        import httpx

        self.posted = 0
        self._config, self._source = config, source
        self._client = httpx.Client(base_url=config.url.rstrip("/"), timeout=SECONDS)
        self._newest: MinuteBar | None = None
        self._asset: int | None = None
        self._wake, self._over = threading.Event(), threading.Event()
        self._trouble = ""
        self._thread = threading.Thread(target=self._work, name="tell Airflow", daemon=True)
        self._thread.start()

    def post(self, bars: Sequence[MinuteBar]) -> None:
        """Tell of these minutes, soon. It never waits."""
        self._newest = max(bars, key=lambda bar: bar.ts)
        self._wake.set()

    def stop(self) -> None:
        """Post what is still waiting, and end the thread."""
        self._over.set()
        self._wake.set()
        self._thread.join(SECONDS)
        self._client.close()

    def _work(self) -> None:
        import httpx

        while True:
            self._wake.wait()
            self._wake.clear()
            bar, self._newest = self._newest, None
            if bar is not None:
                try:
                    self._post(bar)
                    self._trouble = ""
                except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
                    self._note(f"{type(error).__name__}: {error}")
            if self._over.is_set() and self._newest is None:
                return

    def _post(self, bar: MinuteBar) -> None:
        for is_last in (False, True):
            if "Authorization" not in self._client.headers:
                self._log_in()
            if self._asset is None:
                self._asset = self._find_asset()
            extra = {"source": self._source, "closes_at": bar.closes_at.isoformat()}
            reply = self._client.post(
                "/api/v2/assets/events", json={"asset_id": self._asset, "extra": extra}
            )
            if reply.status_code in (401, 403, 404) and not is_last:
                # A token has run out, or another database knows the asset by another number.
                self._client.headers.pop("Authorization", None)
                self._asset = None
                continue
            reply.raise_for_status()
            self.posted += 1
            return

    def _log_in(self) -> None:
        body = {
            "username": self._config.user,
            "password": self._config.password.get_secret_value(),
        }
        reply = self._client.post("/auth/token", json=body)
        reply.raise_for_status()
        self._client.headers["Authorization"] = f"Bearer {reply.json()['access_token']}"

    def _find_asset(self) -> int:
        reply = self._client.get("/api/v2/assets", params={"name_pattern": ASSET})
        reply.raise_for_status()
        assets: list[dict[str, Any]] = reply.json()["assets"]
        for asset in assets:
            if asset["name"] == ASSET:
                return int(asset["id"])
        raise KeyError(f"Airflow has no asset {ASSET} yet")

    def _note(self, trouble: str) -> None:
        """Log why an event was not posted, once for each reason."""
        if trouble != self._trouble:
            log.warning("Airflow was not told of a new minute: %s", trouble)
            self._trouble = trouble


def choose_events(source: str) -> ScoringEvents | NoEvents:
    """Return how events reach Airflow, by the settings."""
    config = read_settings(AirflowSettings)
    return ScoringEvents(config, source) if config.url else NoEvents()
