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
from pipelines.core.universes import universe
from pipelines.sources.base import BARS, WEIGHTS, Answer, Request
from pipelines.sources.sample import MOST_BARS, Sample, SampleNoise

SAMPLE = Sample()
WEEK = utc("2026-11-02"), utc("2026-11-07")


def request(
    symbols: tuple[str, ...],
    interval: str,
    start: datetime,
    end: datetime,
    as_of: datetime | None = None,
) -> Request:
    return Request(symbols, interval_of(interval), start, end, as_of or end)


def bars(source: Sample, asked: Request) -> pa.Table:
    parts = [source.parse(answer).bars for answer in source.fetch(asked)]
    return pa.concat_tables(parts) if parts else BARS.empty_table()


def without_row(table: pa.Table) -> pa.Table:
    return table.drop_columns(["row"]).sort_by([("symbol", "ascending"), ("ts", "ascending")])


@pytest.mark.parametrize("interval", [i.name for i in INTERVALS])
def test_bars_have_the_contract_s_columns_and_the_calendar_s_times(interval: str) -> None:
    asked = request(("NVDA", "ES", "VIX"), interval, utc("2026-06-01"), utc("2026-09-01"))
    made = bars(SAMPLE, asked)
    assert made.schema.equals(BARS)
    assert made["row"].to_pylist() == list(range(1, len(made) + 1))
    on = calendar("XNYS").closed_bars(asked.interval, asked.start, asked.end)
    times = on.ts if asked.interval.intraday else on.session.astype("datetime64[us]")
    for symbol in asked.symbols:
        ours = made.filter(pc.field("symbol") == symbol)
        assert (ours["ts"].to_numpy() == times).all()
    quoted = made.filter(pc.field("symbol") == "ES")
    assert (np.subtract(quoted["ask"], quoted["bid"]) == 0.25).all()
    assert pc.all(pc.less_equal(quoted["bid"], quoted["close"])).as_py()
    assert made.filter(pc.field("symbol") == "NVDA")["bid"].null_count == len(times)


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
    whole = bars(SAMPLE, request(tuple(symbols), interval, start, end))
    parts = [
        bars(SAMPLE, request((symbol,), interval, *span, end))
        for span in ((middle, end), (start, middle))
        for symbol in reversed(list(dict.fromkeys(symbols)))
    ]
    assert without_row(whole).equals(without_row(pa.concat_tables(parts)).combine_chunks())


@given(st.integers(0, 7 * 24 * 60), st.sampled_from(["1m", "15m", "1h", "1d", "1w"]))
@settings(max_examples=30, deadline=None)
def test_nothing_is_known_before_it_closed_and_nothing_known_changes(
    minutes: int, interval: str
) -> None:
    at = WEEK[0] + timedelta(minutes=minutes)
    later = request(("NVDA", "SPY"), interval, utc("2026-10-26"), utc("2026-11-14"))
    on = calendar("XNYS").bars(later.interval, later.start, later.end)
    whole, known = bars(SAMPLE, later), bars(SAMPLE, replace(later, as_of=at))
    closed = int((on.closes_at <= np.datetime64(at.replace(tzinfo=None))).sum())
    for symbol in later.symbols:
        of = pc.field("symbol") == symbol
        assert (
            known.filter(of)
            .drop_columns(["row"])
            .equals(whole.filter(of).slice(0, closed).drop_columns(["row"]))
        )


def test_an_answer_is_small_plain_json_and_parses_to_the_same_bars_again() -> None:
    asked = request(("NVDA", "ES"), "1h", *WEEK)
    (one,), (other,) = SAMPLE.fetch(asked), SAMPLE.fetch(asked)
    assert one == other
    assert len(one.body) < 1000
    assert one.media_type == "application/json"
    assert json.loads(one.body) | dict(one.asked) == json.loads(one.body)
    assert (one.source, one.kind, one.received_at) == ("sample", "bars", asked.as_of)
    kept = replace(one, asked=json.loads(json.dumps(one.asked)), body=bytes(one.body))
    assert Sample(rank_ic=0.0, seed=99).parse(kept).bars.equals(SAMPLE.parse(other).bars)


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
    ("asked", "said"),
    [
        (request(("NVDX",), "1h", *WEEK), "unknown symbol 'NVDX'.*NVDA"),
        (request(("NVDA",), "1h", utc("2014-12-31"), WEEK[1]), "begins on 2015-01-01"),
        (request(("NVDA",), "1h", *reversed(WEEK)), "before its start"),
        (Request(("NVDA",), Interval("7m", 7, "7m"), *WEEK, WEEK[1]), "unknown interval '7m'"),
        (Request(("NVDA",), interval_of("1h"), datetime(2026, 1, 1), *WEEK), "no time zone"),
    ],
)
def test_what_it_cannot_answer_is_refused(asked: Request, said: str) -> None:
    with pytest.raises(InvalidRequest, match=f"(?s){said}"):
        list(SAMPLE.fetch(asked))


@pytest.mark.parametrize("body", [b"<html>", b"[]", b"{}", b'{"generator": 0}'])
def test_an_answer_of_something_else_is_refused(body: bytes) -> None:
    answer = Answer("sample", "bars", {}, body, "application/json", WEEK[1])
    with pytest.raises(SourceError):
        SAMPLE.parse(answer)


def test_another_seed_and_the_noise_twin_are_other_markets() -> None:
    asked = request(("NVDA",), "1h", *WEEK)
    closes = {
        tuple(bars(source, asked)["close"].to_pylist())
        for source in (SAMPLE, Sample(seed=8), SampleNoise())
    }
    assert len(closes) == 3
    assert SampleNoise.name == "sample_noise"
    assert next(SampleNoise().fetch(asked)).source == "sample_noise"


def test_the_shipped_list_is_whole_and_the_sample_has_all_of_it() -> None:
    whole, ten = universe("nasdaq100"), universe("qqq")
    assert len(whole.symbols) == len(set(whole.symbols)) >= 100
    assert ten.symbols == whole.symbols[:10]
    assert all(member.name and member.sector for member in whole.members)
    assert set(SAMPLE.symbols()) == {*whole.symbols, "QQQ", "SPY", "TLT", "GLD", "VIX", "ES"}


def weights(name: str, as_of: str) -> pa.Table:
    parts = [SAMPLE.parse_weights(answer) for answer in SAMPLE.fetch_weights(name, utc(as_of))]
    return pa.concat_tables(parts) if parts else WEIGHTS.empty_table()


def test_the_weights_of_every_month_sum_to_one() -> None:
    made = weights("nasdaq100", "2026-11-20T15:00+00:00")
    assert made.schema.equals(WEIGHTS)
    months = made.group_by("effective").aggregate([("weight", "sum"), ("weight", "max")])
    assert len(months) == 143
    assert np.allclose(months["weight_sum"], 1)
    assert (
        0.05 < min(months["weight_max"].to_pylist()) < max(months["weight_max"].to_pylist()) < 0.2
    )
    assert pc.max(made["effective"]).as_py() == date(2026, 11, 2)
    assert not pc.any(made["partial"]).as_py()


def test_weights_are_known_from_the_open_and_never_change() -> None:
    newest = weights("nasdaq100", "2026-11-20")
    before = weights("nasdaq100", "2026-11-02T14:29:59+00:00")
    at = weights("nasdaq100", "2026-11-02T14:30+00:00")
    assert pc.max(before["effective"]).as_py() == date(2026, 10, 1)
    assert at.equals(newest)
    assert newest.slice(0, len(before)).equals(before)
    assert pc.max(at["known_at"]).as_py() == utc("2026-11-02T14:30+00:00")


def test_weights_drift_with_prices() -> None:
    made = weights("nasdaq100", "2026-11-20")
    price = bars(SAMPLE, request(("NVDA", "AMD"), "1d", utc("2026-01-30"), utc("2026-02-28")))
    grown = {}
    for symbol in ("NVDA", "AMD"):
        close = price.filter(pc.field("symbol") == symbol)["close"].to_numpy()
        rows = made.filter(pc.field("symbol") == symbol)
        by_month = dict(zip(rows["effective"].to_pylist(), rows["weight"].to_pylist(), strict=True))
        now, then = by_month[date(2026, 3, 2)], by_month[date(2026, 2, 2)]
        grown[symbol] = (now / then) / (close[-1] / close[0])
    assert grown["NVDA"] == pytest.approx(grown["AMD"], rel=1e-3)


def test_a_year_begins_with_the_weights_of_the_list() -> None:
    """What the prices do later must not show in the weights of earlier years."""
    made = weights("nasdaq100", "2019-01-02T15:00+00:00")["weight"].to_numpy()
    weight = made[-len(universe("nasdaq100").symbols) :]
    expected = 1 / np.arange(3, len(weight) + 3)
    assert np.allclose(weight, expected / expected.sum())


def test_ten_weights_are_fractions_of_the_whole_index() -> None:
    ten, whole = weights("qqq", "2020-05-05"), weights("nasdaq100", "2020-05-05")
    assert ten["symbol"].to_pylist()[:10] == list(universe("qqq").symbols)
    assert pc.all(ten["partial"]).as_py()
    assert ten["weight"].to_pylist()[:10] == whole["weight"].to_pylist()[:10]


def test_there_are_no_weights_before_the_first_session() -> None:
    assert len(weights("nasdaq100", "2015-01-02")) == 0
    assert len(weights("nasdaq100", "2015-01-03")) == len(universe("nasdaq100").symbols)


def test_weights_of_an_unknown_universe_are_refused() -> None:
    with pytest.raises(InvalidRequest, match="unknown universe"):
        weights("dax", "2020-05-05")
