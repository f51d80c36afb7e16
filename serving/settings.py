"""Settings of the API from the environment. Every name begins with BULLION_API_."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Where the API listens. Which lake it reads is said by pipelines.settings."""

    model_config = SettingsConfigDict(env_prefix="BULLION_API_", extra="forbid", frozen=True)

    host: str = "127.0.0.1"
    """Address to listen on; another one lets other machines in."""

    port: int = Field(default=8000, ge=1, le=65535)
    """TCP port to listen on."""
