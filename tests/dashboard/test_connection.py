"""All sessions of a process have one connection."""

from __future__ import annotations

from dashboard.connection import connect, read_settings
from tests.dashboard.screens import dashboard_settings


def test_sessions_share_the_settings_and_the_connection() -> None:
    with dashboard_settings(api="http://127.0.0.1:1", port="9999"):
        assert connect() is connect()
        assert read_settings() is read_settings()
        assert read_settings().port == 9999
