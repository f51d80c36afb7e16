"""OANDA's candles as bars: rows that are none, days and weeks, and what landing makes of them."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

import pytest

from pipelines.core.errors import CheckFailed, SourceError
from pipelines.lake import Lake
from pipelines.sources.base import Answer
from pipelines.sources.oanda.candles import calendar_of, read_candles
from pipelines.sources.transport.retries import NotAnAnswer
from pipelines.steps import ingest
from tests.servers.oanda import OandaServer, candle
from tests.sources.news_requests import NOW, at
from tests.sources.oanda.requests import build_source, fetch, read_bars, read_rejects, request

TEN = at("2026-11-18T10:00")


def minute(number: int, price: float = 1.1, **fields: Any) -> dict[str, Any]:
    return candle(TEN + timedelta(minutes=number), price, **fields)


def without(candle: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in candle.items() if key != name}


def with_close(number: int, side: str, close: Any) -> dict[str, Any]:
    candle_of_minute = minute(number)
    return candle_of_minute | {side: candle_of_minute[side] | {"c": close}}


def build_answer(body: Any, interval: str = "1m", symbol: str = "EUR_USD") -> Answer:
    query = {
        "symbol": symbol,
        "interval": interval,
        "start": TEN.isoformat(),
        "end": at("2026-11-18T11:00").isoformat(),
        "as_of": NOW.isoformat(),
    }
    return Answer("oanda", "bars", query, json.dumps(body).encode(), "application/json", NOW)


def ingest_hour(lake: Lake, first: str = "2026-11-18T10:00", last: str = "2026-11-18T11:00") -> Any:
    bars = request(first, last)
    return ingest(
        lake,
        build_source(),
        bars.symbols,
        bars.interval,
        bars.start,
        bars.end,
        as_of=NOW,
        force=True,
    )


def test_what_is_no_candle_is_rejected_with_its_reason() -> None:
    candles = [
        minute(0), "text", without(minute(2), "time"), minute(3) | {"time": "soon"},
        minute(4) | {"time": "2026-11-18T10:04:00"}, without(minute(5), "complete"),
        without(minute(6), "mid"), with_close(7, "mid", "n/a"), with_close(8, "bid", None),
        with_close(9, "ask", "NaN"), minute(10) | {"mid": 1.1}, minute(11, volume="many"),
        with_close(12, "mid", True), minute(13, complete="true"),
    ]  # fmt: skip
    answers = [build_answer({"instrument": "EUR_USD", "granularity": "M1", "candles": candles})]
    assert read_rejects(answers) == [
        (2, "not_an_object"),
        (3, "bad_time"),
        (4, "bad_time"),
        (5, "bad_time"),
        (6, "not_a_candle"),
        (7, "no_price"),
        (8, "not_a_number"),
        (9, "not_a_number"),
        (10, "not_a_number"),
        (11, "not_an_object"),
        (12, "not_a_number"),
        (13, "not_a_number"),
        (14, "not_a_candle"),
    ]
    assert [bar["row"] for bar in read_bars(answers)] == [1]


def test_without_quotes_and_volume_a_bar_has_none_of_them(server: OandaServer) -> None:
    candles = [without(minute(0), "bid"), minute(1), without(minute(2), "volume")]
    server.add("EUR_USD", "M1", candles)
    bars = read_bars(fetch())
    assert [(b["bid"] is None, b["ask"] is None, b["volume"]) for b in bars] == [
        (True, False, 42.0),
        (False, False, 42.0),
        (False, False, None),
    ]


def test_an_incomplete_candle_is_no_bar(server: OandaServer, lake: Lake) -> None:
    server.add("EUR_USD", "M1", [minute(0), minute(1), minute(2, complete=False)])
    report = ingest_hour(lake)
    assert report.counts["received"] == 3
    assert report.counts["accepted"] == 2
    assert report.landed.reasons == {"unclosed": 1}
    assert lake.rows("SELECT count(*), max(ts) FROM silver.bars")[0][0] == 2
    server.add("EUR_USD", "M1", [minute(0), minute(1), minute(2)])  # as it is a moment later
    assert ingest_hour(lake).counts["accepted"] == 1


def test_candles_out_of_order_and_twice_are_each_one_bar(server: OandaServer, lake: Lake) -> None:
    candles = [minute(n, 1.1 + n / 1e4) for n in range(60)]
    fuller = minute(7, 1.1008, volume=50)
    server.add("EUR_USD", "M1", [*reversed(candles), candles[3], fuller])
    report = ingest_hour(lake)
    counts = report.counts
    assert counts["received"] == 62
    assert (counts["accepted"], counts["unchanged"], counts["quarantined"]) == (60, 1, 1)
    assert report.landed.reasons == {"duplicate_conflict": 1}
    rows = lake.rows("SELECT ts, volume FROM silver.bars ORDER BY ts")
    assert [ts.minute for ts, _ in rows] == list(range(60))
    assert rows[7][1] == 50.0
    assert ingest_hour(lake).counts["accepted"] == 0


def test_crossed_quotes_and_prices_that_cannot_be_are_quarantined(
    server: OandaServer, lake: Lake
) -> None:
    wrong = [
        minute(57, half_spread=-0.0001), with_close(58, "mid", "-1"), with_close(59, "mid", "2"),
    ]  # fmt: skip
    server.add("EUR_USD", "M1", [*(minute(n) for n in range(57)), *wrong])
    report = ingest_hour(lake)
    assert report.counts["accepted"] == 57
    assert report.landed.reasons == {"crossed_quote": 1, "not_positive": 1, "high_low": 1}


def test_minutes_without_a_price_are_counted_as_gaps_and_a_warning(
    server: OandaServer, lake: Lake
) -> None:
    server.make_up("EUR_USD", "M1", at("2026-11-17"), at("2026-11-19"), absent=lambda n: n % 5 == 0)
    report = ingest_hour(lake)
    report.enforce()  # no failure
    assert report.counts["accepted"] == 48
    assert "12 of 60 bars of the calendar are missing (20.0%)" in report.summary()
    assert lake.rows("SELECT expected, missing FROM silver.gaps") == [(1440, 1392)]
    server.add("EUR_USD", "M1", [])
    with pytest.raises(CheckFailed, match="exchange was closed, or the source has none"):
        ingest_hour(lake, "2026-11-14T10:00", "2026-11-14T11:00").enforce()


@pytest.mark.parametrize(
    ("interval", "granularity", "begins_at", "label", "opens"),
    [
        ("1d", "D", "2026-11-17T22:00", "2026-11-18", "2026-11-17T22:00"),
        ("1d", "D", "2026-11-15T22:00", "2026-11-16", "2026-11-15T22:00"),  # Monday's, on Sunday
        ("1d", "D", "2026-09-15T21:00", "2026-09-16", "2026-09-15T21:00"),  # summer time
        ("1w", "W", "2026-11-06T22:00", "2026-11-09", "2026-11-08T22:00"),
        ("1w", "W", "2026-11-08T22:00", "2026-11-09", "2026-11-08T22:00"),
        ("1mo", "M", "2026-10-31T21:00", "2026-11-01", "2026-11-01T22:00"),
    ],
)
def test_days_weeks_and_months_are_named_by_their_date(
    server: OandaServer, interval: str, granularity: str, begins_at: str, label: str, opens: str
) -> None:
    server.add("EUR_USD", granularity, [candle(at(begins_at))])
    first = at(opens)
    span = request(opens, f"{first + timedelta(days=1):%Y-%m-%dT%H:%M}", interval)
    assert [bar["ts"] for bar in read_bars(fetch(span))] == [at(label)]
    before = request(f"{first - timedelta(days=1):%Y-%m-%dT%H:%M}", opens, interval)
    assert read_bars(fetch(before)) == []  # it is asked for beside the span, and no part of it


def test_a_day_in_progress_comes_when_it_is_over(server: OandaServer, lake: Lake) -> None:
    as_of = at("2026-11-18T15:00")
    server.now = lambda: as_of
    days = [at("2026-11-15T22:00"), at("2026-11-16T22:00"), at("2026-11-17T22:00")]
    candles = [candle(day, complete=day < days[-1]) for day in days]
    server.add("EUR_USD", "D", candles)

    def ingest_days(until: datetime) -> Any:
        bars = request("2026-11-15", f"{until:%Y-%m-%d}", "1d")
        source = build_source()
        return ingest(
            lake, source, bars.symbols, bars.interval, bars.start, until, as_of=until, force=True
        )

    counts = ingest_days(as_of).counts
    assert (counts["received"], counts["accepted"], counts["unclosed"]) == (3, 2, 1)
    server.now = lambda: NOW
    server.add("EUR_USD", "D", [c | {"complete": True} for c in candles])
    counts = ingest_days(NOW).counts
    assert (counts["accepted"], counts["unchanged"], counts["unclosed"]) == (1, 2, 0)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"instrument": "EUR_USD", "granularity": "M5", "candles": []}, "granularity 'M5'"),
        ({"instrument": "GBP_USD", "granularity": "M1", "candles": []}, "instrument 'GBP_USD'"),
        ({"candles": []}, "instrument None"),
    ],
)
def test_an_answer_to_another_request_is_refused(body: Any, words: str) -> None:
    with pytest.raises(SourceError, match=words):
        read_candles(build_answer(body))


@pytest.mark.parametrize("body", [[], {"candles": {}}, "text", None])
def test_what_is_no_list_of_candles_is_no_answer(body: Any) -> None:
    with pytest.raises(NotAnAnswer, match="no list of candles"):
        read_candles(build_answer(body))


def test_an_index_of_us_shares_has_a_daily_break_and_currencies_none() -> None:
    assert calendar_of("SPX500_USD") == "US_INDEX_CFD"
    assert calendar_of("EUR_USD") == "FX"
    body = {"instrument": "SPX500/USD", "granularity": "M1", "candles": [minute(0, 6800.0)]}
    parsed = read_candles(build_answer(body, symbol="SPX500_USD"))
    assert parsed.calendar == "US_INDEX_CFD"
    assert parsed.bars.num_rows == 1
