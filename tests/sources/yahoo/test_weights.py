"""Weights: Yahoo's top holdings, or a holdings file that is dropped in."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from pipelines.core.errors import InvalidRequest, SourceError, SourceUnavailable
from pipelines.sources.base import WEIGHTS
from pipelines.sources.yahoo import Yahoo
from pipelines.sources.yahoo.http import Patience
from tests.servers.yahoo import Fault, YahooServer

NOW = datetime(2026, 11, 20, 22, 0, tzinfo=UTC)
TOP = [("NVDA", "NVIDIA Corp", 0.09), ("AAPL", "Apple Inc", 0.08)]
FILE = """Invesco QQQ Trust
Fund Ticker,Holding Ticker,Weight,Name,Date
QQQ,NVDA   ,60.5,NVIDIA Corp,11/19/2026
QQQ,BRK/B,38.5,"Berkshire, Inc",11/19/2026
QQQ,-,1.0,CASH,11/19/2026
"""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[YahooServer]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.delenv("BULLION_HOLDINGS_CSV", raising=False)
    with YahooServer() as yahoo_server:
        yahoo_server.hold("QQQ", TOP)
        monkeypatch.setenv("BULLION_YAHOO_URL", yahoo_server.url)
        yield yahoo_server


def weights(universe: str = "nasdaq100") -> pa.Table:
    source = Yahoo(Patience(tries=2, timeout=5), sleep=lambda _: None, now=lambda: NOW)
    (answer,) = source.fetch_weights(universe, NOW)
    stored = replace(answer, asked=json.loads(json.dumps(dict(answer.asked))))
    table = Yahoo().parse_weights(stored)
    assert table.schema == WEIGHTS
    return table


def holdings(path: Path, monkeypatch: pytest.MonkeyPatch, text: str | bytes) -> Path:
    file = path / "qqq.csv"
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    monkeypatch.setenv("BULLION_HOLDINGS_CSV", str(file))
    return file


@pytest.mark.parametrize("universe", ["nasdaq100", "qqq"])
def test_top_holdings_are_dated_partial_and_not_scaled(server: YahooServer, universe: str) -> None:
    assert weights(universe).to_pylist() == [
        {"symbol": symbol, "name": name, "weight": weight, "effective": NOW.date(),
         "known_at": NOW, "partial": True}
        for symbol, name, weight in TOP
    ]  # fmt: skip


def test_a_past_moment_has_no_weights_for_yahoo_keeps_none(server: YahooServer) -> None:
    assert list(Yahoo(now=lambda: NOW).fetch_weights("qqq", NOW - timedelta(days=2))) == []
    assert server.asked == []


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


def test_a_holdings_file_is_read_instead(
    server: YahooServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    holdings(tmp_path, monkeypatch, FILE)
    rows = weights().to_pylist()
    assert [(r["symbol"], r["name"]) for r in rows] == [
        ("NVDA", "NVIDIA Corp"),
        ("BRK-B", "Berkshire, Inc"),
    ]
    assert [r["weight"] for r in rows] == pytest.approx([0.605, 0.385])
    assert {(r["effective"], r["known_at"], r["partial"]) for r in rows} == {
        (date(2026, 11, 19), NOW, False)
    }
    assert server.asked == []


@pytest.mark.parametrize(
    ("text", "expected", "partial"),
    [
        ("ticker,weight\nA,0.6\nB,0.4\n", [0.6, 0.4], False),
        ("Ticker,Weight\nA,60\nB,40\n", [0.6, 0.4], False),
        ("Ticker,Weight (%)\nA,0.6\nB,0.4\n", [0.006, 0.004], True),
        ("Symbol,Weight\nA,0.6%\nB,0.4%\n", [0.006, 0.004], True),
        ("Symbol,Weight\nA,30\nB,20\n", [0.3, 0.2], True),
        ("Symbol,Weight\nA,0.3\nB,0.2\n", [0.3, 0.2], True),
        ("\ufeffSymbol,Weight\nA,0.5\nB,0.48\n", [0.5, 0.48], False),
    ],
)
def test_percent_and_fractions_are_told_apart(
    server: YahooServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    text: str,
    expected: list[float],
    partial: bool,
) -> None:
    file = holdings(tmp_path, monkeypatch, text)
    rows = weights().to_pylist()
    assert [r["weight"] for r in rows] == pytest.approx(expected)
    modified = datetime.fromtimestamp(file.stat().st_mtime, UTC).date()
    assert {(r["partial"], r["effective"]) for r in rows} == {(partial, modified)}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (FILE.replace("38.5", "much"), ("line 4", "'much'")),
        (FILE.replace("38.5", "-3"), ("line 4", "'-3'")),
        (FILE.replace("38.5", "nan"), ("line 4", "'nan'")),
        (FILE.replace("BRK/B", "NVDA"), ("line 4", "second time")),
        (FILE.replace("38.5", "88.5"), ("add up to 149",)),
        (FILE.replace('Inc",11/19', 'Inc",11/18'), ("2 dates",)),
        (FILE.replace('Inc",11/19/2026', 'Inc",soon'), ("line 4", "'soon'")),
        (FILE.replace("Holding Ticker", "Thing"), ("no header",)),
        ("Ticker,Weight\n", ("no holdings",)),
        ("", ("no header",)),
        (b"\xff\xfe\x00", ("UTF-8",)),
    ],
)
def test_a_bad_file_is_named_with_the_line_and_what_is_expected(
    server: YahooServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    text: str | bytes,
    words: tuple[str, ...],
) -> None:
    file = holdings(tmp_path, monkeypatch, text)
    with pytest.raises(SourceError) as caught:
        weights()
    assert all(word in caught.value.message for word in (str(file), "line", *words)), caught.value
    assert "expected is" in caught.value.hint


def test_a_file_that_is_not_there_is_named(
    server: YahooServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BULLION_HOLDINGS_CSV", str(tmp_path / "none.csv"))
    with pytest.raises(SourceError, match=r"none\.csv"):
        weights()


def test_a_pipe_for_a_holdings_file_is_not_opened(
    server: YahooServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.mkfifo(tmp_path / "pipe.csv")
    monkeypatch.setenv("BULLION_HOLDINGS_CSV", str(tmp_path / "pipe.csv"))
    with pytest.raises(SourceError, match=r"pipe\.csv is a pipe"):
        weights()


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("Ticker,Weight\nAA\0PL,1\n", "line 2 has the ticker"),
        (f"Ticker,Weight\n{'A' * 200_000},1\n", "is not CSV: field larger"),
    ],
)
def test_a_holdings_file_that_is_made_to_break_the_reader(
    server: YahooServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str, says: str
) -> None:
    (tmp_path / "h.csv").write_text(body)
    monkeypatch.setenv("BULLION_HOLDINGS_CSV", str(tmp_path / "h.csv"))
    with pytest.raises(SourceError) as caught:
        weights()
    assert says in caught.value.message
