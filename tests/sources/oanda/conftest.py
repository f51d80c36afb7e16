"""A local server that answers as OANDA does."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.servers.oanda import TOKEN, OandaServer
from tests.sources.news_requests import NOW, at


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[OandaServer]:
    """Two days of a candle a minute of EUR_USD."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    with OandaServer() as oanda:
        oanda.now = lambda: NOW
        oanda.make_up("EUR_USD", "M1", at("2026-11-17"), at("2026-11-19"))
        monkeypatch.setenv("BULLION_OANDA_URL", oanda.url)
        monkeypatch.setenv("BULLION_OANDA_TOKEN", TOKEN)
        yield oanda
