"""Weights: Yahoo's top holdings."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest

from pipelines.core.errors import InvalidRequest, SourceError, SourceUnavailable
from pipelines.sources.base import WEIGHTS
from pipelines.sources.transport.retries import Patience
from pipelines.sources.yahoo import Yahoo
from tests.servers.yahoo import Fault, YahooServer

NOW = datetime(2026, 11, 20, 22, 0, tzinfo=UTC)
TOP = [("NVDA", "NVIDIA Corp", 0.09), ("AAPL", "Apple Inc", 0.08)]


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[YahooServer]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with YahooServer() as yahoo_server:
        yahoo_server.hold("QQQ", TOP)
        monkeypatch.setenv("BULLION_YAHOO_URL", yahoo_server.url)
        yield yahoo_server


def weights(universe: str = "nasdaq100") -> pa.Table:
    source = Yahoo(Patience(tries=2, timeout=5), sleep=lambda _: None, now=lambda: NOW)
    (answer,) = source.fetch_weights(universe, NOW)
    stored = replace(answer, query=json.loads(json.dumps(dict(answer.query))))
    table = Yahoo().parse_weights(stored)
    assert table.schema == WEIGHTS
    return table


@pytest.mark.parametrize("universe", ["nasdaq100", "qqq"])
def test_top_holdings_are_dated_partial_and_not_scaled(server: YahooServer, universe: str) -> None:
    assert weights(universe).to_pylist() == [
        {"symbol": symbol, "name": name, "weight": weight, "effective": NOW.date(),
         "known_at": NOW, "partial": True}
        for symbol, name, weight in TOP
    ]  # fmt: skip


def test_a_past_moment_has_no_weights_for_yahoo_keeps_none(server: YahooServer) -> None:
    assert list(Yahoo(now=lambda: NOW).fetch_weights("qqq", NOW - timedelta(days=2))) == []
    assert server.questions == []


def test_an_unknown_universe_is_refused(server: YahooServer) -> None:
    with pytest.raises(InvalidRequest, match="nasdaq1000"):
        weights("nasdaq1000")


def without(key: str) -> Any:
    def edit(data: Any) -> Any:
        for holding in data["quoteSummary"]["result"][0]["topHoldings"]["holdings"]:
            holding.pop(key)
        return data

    return edit


@pytest.mark.parametrize(
    "fault",
    [
        Fault(edit=without("holdingPercent")),
        Fault(edit=without("symbol")),
        Fault(edit=lambda _: {"quoteSummary": {"result": [], "error": None}}),
        Fault(edit=lambda _: {"quoteSummary": {"result": None, "error": {"description": "No"}}}),
        Fault(edit=lambda _: {}),
        Fault(edit=lambda _: []),
    ],
)
def test_holdings_of_another_form_are_refused_by_name(server: YahooServer, fault: Fault) -> None:
    server.fail(fault, times=None)
    with pytest.raises(SourceError, match="QQQ"):
        weights()


@pytest.mark.parametrize("weight", [9.0, 0.0, -0.1])
def test_a_top_holding_that_is_no_fraction_is_refused(server: YahooServer, weight: float) -> None:
    server.hold("QQQ", [("NVDA", "NVIDIA", weight)])
    with pytest.raises(SourceError, match="NVDA weighs"):
        weights()


def test_an_empty_list_and_a_page_are_no_weights(server: YahooServer) -> None:
    server.hold("QQQ", [])
    with pytest.raises(SourceError, match="QQQ"):
        weights()
    server.fail(Fault(body="<html>"), times=None)
    with pytest.raises(SourceUnavailable, match="tried 2 times"):
        weights()
