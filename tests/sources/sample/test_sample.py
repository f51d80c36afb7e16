"""The sample as a source: what it answers, refuses and keeps."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.core.calendar import INTERVALS, Interval, calendar, interval_of, utc
from pipelines.core.errors import InvalidRequest, SourceError
from pipelines.sources.base import BARS, Answer, Request
from pipelines.sources.sample import MOST_BARS, Sample
from tests.sources.sample.requests import read_bars, request

SAMPLE = Sample()
WEEK = utc("2026-11-02"), utc("2026-11-07")


def without_row(table: pa.Table) -> pa.Table:
    return table.drop_columns(["row"]).sort_by([("symbol", "ascending"), ("ts", "ascending")])


@pytest.mark.parametrize("interval", [i.name for i in INTERVALS])
def test_bars_have_the_contract_s_columns_and_the_calendar_s_times(interval: str) -> None:
    three_symbols = request(("NVDA", "ES", "VIX"), interval, utc("2026-06-01"), utc("2026-09-01"))
    bars = read_bars(SAMPLE, three_symbols)
    assert bars.schema.equals(BARS)
    assert bars["row"].to_pylist() == list(range(1, len(bars) + 1))
    sessions = calendar("XNYS").closed_bars(
        three_symbols.interval, three_symbols.start, three_symbols.end
    )
    times = (
        sessions.ts
        if three_symbols.interval.intraday
        else sessions.session.astype("datetime64[us]")
    )
    for symbol in three_symbols.symbols:
        rows = bars.filter(pc.field("symbol") == symbol)
        assert (rows["ts"].to_numpy() == times).all()
    quoted = bars.filter(pc.field("symbol") == "ES")
    assert set(np.subtract(quoted["ask"], quoted["bid"])) <= {0.25, 0.5, 0.75}
    assert pc.all(pc.less_equal(quoted["bid"], quoted["close"])).as_py()
    assert pc.all(pc.less_equal(quoted["close"], quoted["ask"])).as_py()
    assert bars.filter(pc.field("symbol") == "NVDA")["bid"].null_count == len(times)


@given(
    st.lists(st.sampled_from(SAMPLE.symbols()), min_size=1, max_size=6),
    st.sampled_from(["5m", "1h", "1d"]),
    st.integers(1, 4),
)
@settings(max_examples=20, deadline=None)
def test_the_same_bars_come_however_they_are_asked(
    symbols: list[str], interval: str, cut: int
) -> None:
    start, end = WEEK
    middle = start + timedelta(days=cut, hours=3 * cut + 7, minutes=11)
    full = read_bars(SAMPLE, request(tuple(symbols), interval, start, end))
    parts = [
        read_bars(SAMPLE, request((symbol,), interval, *span, end))
        for span in ((middle, end), (start, middle))
        for symbol in reversed(list(dict.fromkeys(symbols)))
    ]
    assert without_row(full).equals(without_row(pa.concat_tables(parts)).combine_chunks())


@given(st.integers(0, 7 * 24 * 60), st.sampled_from(["1m", "15m", "1h", "1d", "1w"]))
@settings(max_examples=30, deadline=None)
def test_nothing_is_known_before_it_closed_and_nothing_known_changes(
    minutes: int, interval: str
) -> None:
    at = WEEK[0] + timedelta(minutes=minutes)
    later = request(("NVDA", "SPY"), interval, utc("2026-10-26"), utc("2026-11-14"))
    sessions = calendar("XNYS").bars(later.interval, later.start, later.end)
    final, known = read_bars(SAMPLE, later), read_bars(SAMPLE, replace(later, as_of=at))
    closed = int((sessions.closes_at <= np.datetime64(at.replace(tzinfo=None))).sum())
    for symbol in later.symbols:
        is_symbol = pc.field("symbol") == symbol
        assert (
            known.filter(is_symbol)
            .drop_columns(["row"])
            .equals(final.filter(is_symbol).slice(0, closed).drop_columns(["row"]))
        )


def test_an_answer_is_small_plain_json_and_parses_to_the_same_bars_again() -> None:
    two_symbols = request(("NVDA", "ES"), "1h", *WEEK)
    (answer,), (repeated,) = SAMPLE.fetch(two_symbols), SAMPLE.fetch(two_symbols)
    assert answer == repeated
    assert len(answer.body) < 1000
    assert answer.media_type == "application/json"
    assert json.loads(answer.body) | dict(answer.query) == json.loads(answer.body)
    assert (answer.source, answer.kind, answer.received_at) == ("sample", "bars", two_symbols.as_of)
    stored = replace(answer, query=json.loads(json.dumps(answer.query)), body=bytes(answer.body))
    assert Sample(rank_ic=0.0, seed=99).parse(stored).bars.equals(SAMPLE.parse(repeated).bars)


def test_a_large_request_is_cut_at_places_that_stay_put() -> None:
    minutes = request(("NVDA", "AMD"), "1m", utc("2015-03-01"), utc("2026-11-01"))
    cuts = [(p.symbols, p.start.date(), p.end.date()) for p in SAMPLE.pieces(minutes)]
    assert cuts[:3] == [
        (("NVDA",), date(2015, 3, 1), date(2020, 1, 1)),
        (("NVDA",), date(2020, 1, 1), date(2025, 1, 1)),
        (("NVDA",), date(2025, 1, 1), date(2026, 11, 1)),
    ]
    assert len(cuts) == 6
    decade = request(("NVDA",), "1m", utc("2015-01-01"), utc("2025-01-01"))
    assert [p.end.year for p in SAMPLE.pieces(decade)] == [2020, 2025]
    hours = request(SAMPLE.symbols(), "1h", utc("2015-01-01"), utc("2026-11-01"))
    for piece in [next(SAMPLE.pieces(minutes)), *SAMPLE.pieces(hours)]:
        on = calendar("XNYS").bars(piece.interval, piece.start, piece.end)
        assert len(on) * len(piece.symbols) <= MOST_BARS
    assert sum(len(piece.symbols) for piece in SAMPLE.pieces(hours)) == len(SAMPLE.symbols())
    piece = next(SAMPLE.pieces(hours))
    assert list(SAMPLE.pieces(piece)) == [piece]


def test_nothing_comes_for_a_span_without_sessions_or_in_the_future() -> None:
    weekend = utc("2026-10-31"), utc("2026-11-01")
    assert list(SAMPLE.fetch(request(("NVDA",), "1h", *weekend))) == []
    assert list(SAMPLE.fetch(request(("NVDA",), "1h", *WEEK, utc("2026-10-30")))) == []


@pytest.mark.parametrize(
    ("bad_request", "words"),
    [
        (request(("NVDX",), "1h", *WEEK), "unknown symbol 'NVDX'.*NVDA"),
        (request(("NVDA",), "1h", utc("2014-12-31"), WEEK[1]), "begins on 2015-01-01"),
        (request(("NVDA",), "1h", *reversed(WEEK)), "before its start"),
        (Request(("NVDA",), Interval("7m", 7, "7m"), *WEEK, WEEK[1]), "unknown interval '7m'"),
        (Request(("NVDA",), interval_of("1h"), datetime(2026, 1, 1), *WEEK), "no time zone"),
    ],
)
def test_what_it_cannot_answer_is_refused(bad_request: Request, words: str) -> None:
    with pytest.raises(InvalidRequest, match=f"(?s){words}"):
        list(SAMPLE.fetch(bad_request))


@pytest.mark.parametrize("body", [b"<html>", b"[]", b"{}", b'{"generator": 0}'])
def test_an_answer_of_something_else_is_refused(body: bytes) -> None:
    answer = Answer("sample", "bars", {}, body, "application/json", WEEK[1])
    with pytest.raises(SourceError):
        SAMPLE.parse(answer)
