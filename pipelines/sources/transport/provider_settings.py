"""The settings of the providers: where they are, and how often they may be asked."""

from __future__ import annotations

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from pipelines.core.errors import InvalidRequest
from pipelines.core.settings import read_settings


class ProviderSettings(BaseSettings):
    """Read from the environment. An address is another than the provider's own for tests."""

    model_config = SettingsConfigDict(env_prefix="BULLION_", frozen=True)

    user_agent: str = Field(default="Bullion/0.1", min_length=1, pattern=r"^[ -~]+$")
    """What sources say they are; some, as the SEC, want an address to write to."""

    gdelt_files_url: str = "https://storage.googleapis.com/data.gdeltproject.org"
    """Where GDELT's files are."""

    gdelt_url: str = "https://api.gdeltproject.org"
    """Where GDELT's DOC API is."""

    gdelt_seconds: float = Field(default=7.0, ge=0, le=3600)
    """Seconds between two requests to the DOC API."""

    feeds: str = ""
    """The folder of your own lists of feeds, beside those that are shipped."""

    alphavantage_key: SecretStr = SecretStr("")
    """The key of Alpha Vantage."""

    alphavantage_url: str = "https://www.alphavantage.co"
    """Where Alpha Vantage is."""

    alphavantage_limits: str = "25/day 1/second"
    """How often it may be asked; a paid key allows more."""

    finnhub_key: SecretStr = SecretStr("")
    """The key of Finnhub."""

    finnhub_url: str = "https://finnhub.io"
    """Where Finnhub is."""

    finnhub_limits: str = "60/minute 30/second"
    """How often it may be asked."""

    oanda_token: SecretStr = SecretStr("")
    """The token of an account at OANDA."""

    oanda_url: str = "practice"
    """Which server of OANDA has that account: practice, live, or an address."""

    oanda_account: str = Field(default="", pattern=r"^[0-9A-Za-z-]*$")
    """Which account of the token the price stream is asked of; empty: its first."""

    oanda_limits: str = "100/second"
    """How often it may be asked."""


def provider_settings() -> ProviderSettings:
    """Read the settings again at each call: a test may have set others."""
    return read_settings(ProviderSettings)


def read_key(setting: str, provider: str, page: str, secret: SecretStr) -> str:
    """Return the key that a setting holds. An error never shows it."""
    key = secret.get_secret_value().strip()
    if not key:
        raise InvalidRequest(
            f"{provider} wants a key, and {setting} is not set",
            f"get one at {page}, and set {setting} in the environment",
        )
    if not key.isascii() or not key.isprintable() or " " in key:
        raise InvalidRequest(
            f"{setting} holds characters that no key has", "copy the key again, and nothing else"
        )
    return key


class KeyGuard:
    """Takes a key out of texts and bodies: a provider may repeat it in its answer."""

    SHORTEST = 8  # a shorter key, such as demo, may be a word

    def __init__(self, key: str) -> None:
        self._key = key if len(key) >= self.SHORTEST else ""

    def hide(self, text: str) -> str:
        return text.replace(self._key, "***") if self._key else text

    def hide_in_body(self, body: bytes) -> bytes:
        return body.replace(self._key.encode(), b"***") if self._key else body
