"""Settings of releases from the environment. Every name begins with BULLION_RELEASE_."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from pipelines.core.settings import read_settings
from pipelines.core.state_folder import state_folder

ADDRESS = r"^[\w.-]+:\d{1,5}$"


class ReleaseSettings(BaseSettings):
    """Where the two API processes listen, and how long a release is on trial."""

    model_config = SettingsConfigDict(env_prefix="BULLION_RELEASE_", extra="forbid", frozen=True)

    folder: str = ""
    """The folder of what releases are and were, which nginx reads; empty: `release` in the
    state's."""

    first: str = Field(default="127.0.0.1:8011", pattern=ADDRESS)
    """Address of one process."""

    second: str = Field(default="127.0.0.1:8012", pattern=ADDRESS)
    """Address of the other."""

    first_image: str = "bullion-serving:0.1.0"
    """Image of the first process in compose: its code."""

    second_image: str = "bullion-serving:0.1.0"
    """Image of the second."""

    first_models: str = ""
    """Versions of models that the first process serves in compose; empty: those of the lake."""

    second_models: str = ""
    """Versions that the second serves there."""

    key: SecretStr = SecretStr("")
    """Key by which both processes are asked the same."""

    start_seconds: float = Field(default=120, gt=0)
    """Until a new process must be healthy."""

    least_seconds: float = Field(default=60, ge=0)
    """On trial before it is promoted."""

    most_seconds: float = Field(default=3600, gt=0)
    """On trial before it is withdrawn, where not enough was seen."""

    drain_seconds: float = Field(default=10, ge=0)
    """For requests under way, before a process ends."""

    reads_per_second: float = Field(default=10, gt=0, le=1000)
    """Requests of callers that both are asked again."""

    read_seconds: float = Field(default=5, gt=0)
    """Until an answer to such a read counts as failed."""

    slow_ms: float = Field(default=50, ge=0)
    """An answer is slow that takes longer than this and than twice blue's p99."""

    may_differ: float = Field(default=0.005, ge=0.0001, le=0.9)
    """Share of the answers that may differ from blue's."""

    predictions_may_differ: float = Field(default=0.3, ge=0.0001, le=0.8)
    """Share of the predictions that may differ from blue's, where the models are others."""

    @property
    def place(self) -> Path:
        return Path(self.folder).expanduser() if self.folder else state_folder() / "release"

    def address(self, place: str) -> str:
        """Return the address of the first or the second process."""
        return self.first if place == "first" else self.second


def release_settings() -> ReleaseSettings:
    """Read the settings again at each call."""
    return read_settings(ReleaseSettings)
