"""Pages as Streamlit draws them, without a browser, over a real API on loopback."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import pytest
import uvicorn
from streamlit.testing.v1 import AppTest

from dashboard.connection import connect, read_settings
from serving.app import create_app
from tests.servers.ports import free_port
from tests.serving.scored_api import NIGHT, own_settings, wait_until

SECONDS = 60.0  # that a drawing may take


@contextmanager
def serve_lake(folder: Path, at: datetime = NIGHT, **settings: str) -> Iterator[str]:
    """Serve the lake of a folder, with the clock at a fixed instant; yield the address."""
    port = free_port()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BULLION_LAKE_CATALOG", f"sqlite:{folder}/catalog.sqlite")
        patch.setenv("BULLION_LAKE_DATA", f"{folder}/files")
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder}/mlflow/mlflow.db")
        with own_settings(settings):
            app = create_app()
        app.state.clock = at.timestamp
        server = uvicorn.Server(
            uvicorn.Config(app, host="127.0.0.1", port=port, log_level="error", ws="none")
        )
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        wait_until(lambda: server.started)
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            server.should_exit = True
            thread.join(SECONDS)


@contextmanager
def dashboard_settings(**settings: str) -> Iterator[None]:
    """Give the dashboard these settings, and a new connection."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in settings.items():
            patch.setenv(f"BULLION_DASHBOARD_{name.upper()}", value)
        for resource in (read_settings, connect):
            resource.clear()
        try:
            yield
        finally:
            connect().close()
            for resource in (read_settings, connect):
                resource.clear()


def open_page(name: str, **address: str) -> AppTest:
    """Draw a page with these parameters in its address."""
    return _open(AppTest.from_function(_script, kwargs={"name": name}), address)


def open_script(script: Callable[[], None], **address: str) -> AppTest:
    """Draw what a function draws; it imports all that it needs itself."""
    return _open(AppTest.from_function(script), address)


def _open(screen: AppTest, address: Mapping[str, str]) -> AppTest:
    for key, value in address.items():
        screen.query_params[key] = value
    return screen.run(timeout=SECONDS)


def texts(screen: AppTest) -> str:
    """Return all that a reader can read on a page but for its charts, as it is written."""
    parts = [
        element.value
        for kind in ("title", "subheader", "caption", "markdown", "info", "warning", "error")
        for element in getattr(screen, kind)
    ]
    return "\n".join(parts).replace("\\", "")


def _script(name: str) -> None:
    from importlib import import_module

    from dashboard.app import draw_page
    from dashboard.connection import connect
    from dashboard.reader import Reader

    draw_page(import_module(f"dashboard.views.{name}"), Reader(connect()))
