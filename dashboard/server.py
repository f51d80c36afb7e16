"""The dashboard as an ASGI application: Streamlit behind the door."""

from __future__ import annotations

from pathlib import Path

from starlette.middleware import Middleware
from streamlit import App

from dashboard.door import Door
from dashboard.settings import Settings

SCRIPT = Path(__file__).with_name("app.py")


def create_server(settings: Settings) -> App:
    """Return the application; .streamlit/config.toml has Streamlit's options."""
    return App(SCRIPT, middleware=[Middleware(Door, hosts=settings.host_list)])
