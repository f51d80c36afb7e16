"""A local server that answers as Yahoo does."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.servers.yahoo import YahooServer
from tests.sources.yahoo.daily import BARS
from tests.sources.yahoo.requests import NOW


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[YahooServer]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with YahooServer() as yahoo_server:
        yahoo_server.now = lambda: NOW
        monkeypatch.setenv("BULLION_YAHOO_URL", yahoo_server.url)
        yield yahoo_server


@pytest.fixture
def daily_server(server: YahooServer) -> YahooServer:
    """The local server with four daily bars of AAPL."""
    server.add("AAPL", "1d", BARS)
    return server
