"""Settings from the environment. Every name begins with BULLION_."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal, TypeVar

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from pipelines.core.errors import InvalidRequest

Declared = TypeVar("Declared", bound=BaseSettings)
ROOT = Path(__file__).resolve().parents[2]


class Settings(BaseSettings):
    """Where things are. The defaults need no server and no account."""

    model_config = SettingsConfigDict(env_prefix="BULLION_", extra="forbid", frozen=True)

    lake_catalog: str = f"sqlite:{ROOT / 'data_lake' / 'catalog.sqlite'}"
    """The catalog: sqlite:PATH, or postgres:dbname=... host=... (a libpq connection string)."""

    lake_data: str = Field(default=str(ROOT / "data_lake" / "files"), min_length=1)
    """Where the Parquet files lie: a folder, or s3://bucket/prefix."""

    lake_lock_timeout: float = Field(default=120.0, ge=0)
    """Seconds a writer waits for its turn."""

    state: str = ""
    """The folder of quotas and of what feeds said last; empty: beside the catalog."""

    prices: str = ""
    """The folder in which a stream hands on the newest prices; empty: `prices` in that of the
    state."""

    source: str = "sample"
    """The source that DAGs and commands use when none is named."""

    news_sources: str = ""
    """The sources of news that the DAGs ask, by commas; empty: the one that belongs to the source
    of bars, such as gdelt to yahoo, and sample to sample."""

    universe: str = "qqq"
    """The universe whose bars the DAGs bring in when none is named."""

    sentiment: Literal["headlines", "finbert"] = "headlines"
    """The sentiment model; headlines ships, and speaks wherever finbert cannot be used."""

    finbert: str = ""
    """The folder of `bullion sentiment export`, for the sentiment model finbert."""

    alert_webhook: str = Field(default="", pattern="^(https?://.+)?$")
    """Where failures and late signals are posted as JSON; empty: nowhere."""

    alert_mail: str = Field(default="", pattern=r"^([^@\s]+@[^@\s]+)?$")
    """Whom failures and late signals are mailed to, by way of BULLION_SMTP; empty: nobody."""

    smtp: str = Field(default="", pattern=r"^(smtps?://[^/\s]+)?$")
    """The mail server: smtp://host:25, or smtps://user:password@host (TLS from the first byte)."""


def redacted(text: str) -> str:
    """Return a message without the password that a connection string in it may hold."""
    text = re.sub(r"(password\s*=\s*)('[^']*'|[^\s'\"]+)", r"\1***", text, flags=re.IGNORECASE)
    return re.sub(r"(://[^:/@\s]+:)[^@\s]+@", r"\1***@", text)


def read_settings(declared: type[Declared]) -> Declared:
    """Read a class of settings from the environment; an error names the variable."""
    try:
        return declared()
    except ValidationError as error:
        failure = error.errors()[0]
        place = "_".join(str(part) for part in failure["loc"])
        name = f"{declared.model_config.get('env_prefix', '')}{place}".upper()
        value = redacted(repr(failure["input"]))
        raise InvalidRequest(
            f"{name}={value}: {failure['msg']}", f"change {name}, or unset it"
        ) from None


def settings() -> Settings:
    """Read the settings again at each call: a test or a task may have set another lake."""
    return read_settings(Settings)
