"""The API in a thread of the test, over real connections."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import uvicorn
from fastapi import FastAPI

from serving.app import create_app
from serving.http.protocol import options
from tests.servers.ports import free_port
from tests.serving.process import WAIT, environment_of
from tests.serving.scored_api import own_settings, wait_until


@contextmanager
def serving_folder(folder: Path, **settings: str) -> Iterator[tuple[int, FastAPI, uvicorn.Server]]:
    """Serve the lake of a folder from a thread, as its own process would; the port comes first."""
    port = free_port()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment_of(folder, port).items():
            patch.setenv(name, value)
        with own_settings({"port": str(port)} | settings):
            app = create_app()
        server_options = options(app.state.settings, app.state.unread)
        server = uvicorn.Server(uvicorn.Config(app, log_level="error", **server_options))
        thread = threading.Thread(target=server.run)
        thread.start()
        try:
            wait_until(lambda: server.started)
            yield port, app, server
        finally:
            server.should_exit = True
            thread.join(WAIT)
