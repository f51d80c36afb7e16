"""A local server that answers as GDELT does."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.servers.gdelt import GdeltServer


@pytest.fixture
def server(markets: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[GdeltServer]:
    with GdeltServer() as gdelt_server:
        monkeypatch.setenv("BULLION_GDELT_URL", gdelt_server.url)
        monkeypatch.setenv("BULLION_GDELT_FILES_URL", gdelt_server.url)
        monkeypatch.setenv("BULLION_GDELT_SECONDS", "0")
        yield gdelt_server
