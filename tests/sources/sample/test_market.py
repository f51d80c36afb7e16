"""The sample's bars: one market, however it is asked, without a leak of its future."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipelines.core.calendar import INTERVALS, interval_of, utc
from pipelines.sources.sample.market import Span, Ticks, span_of, ticks
from pipelines.sources.sample.skeleton import (
    Market,
    grid,
    instruments,
    skeleton,
)

MARKET, NOISE = Market(), Market(rank_ic=0.0)
SYMBOLS = tuple(instruments())
symbols = st.sampled_from(SYMBOLS)
days = st.datetimes(datetime(2015, 1, 1), datetime(2026, 11, 10)).map(
    lambda d: utc(f"{d:%Y-%m-%d}")
)


def span(interval: str, start: datetime, end: datetime) -> Span:
    return span_of(interval_of(interval), start, end, end)


def same(bars: Ticks, expected: Ticks) -> bool:
    return all(
        np.array_equal(getattr(bars, name), getattr(expected, name), equal_nan=True)
        for name in ("open", "high", "low", "close", "volume", "bid", "ask")
    )


@given(symbols, days, st.sampled_from([i.name for i in INTERVALS[1:]]))
@example("ES", utc("2026-11-27"), "1h")  # half a day
@example("NVDA", utc("2024-11-29"), "1d")
@example("VIX", utc("2026-03-06"), "1h")  # the clocks change on the weekend
@example("SPY", utc("2015-01-02"), "1mo")
@settings(max_examples=40, deadline=None)
def test_a_coarse_bar_is_the_aggregate_of_its_minutes(
    symbol: str, day: datetime, interval: str
) -> None:
    end = day + timedelta(days=5 if interval[-1] in "mhd" and interval != "1mo" else 70)
    coarse = span(interval, day, end)
    if len(coarse.bars) == 0:
        return
    fine = span_of(interval_of("1m"), *edges(coarse))
    places = np.searchsorted(fine.bars.ts, coarse.bars.ts)
    assert (fine.bars.ts[places] == coarse.bars.ts).all()
    minutes, bar_ticks = ticks(MARKET, symbol, fine), ticks(MARKET, symbol, coarse)
    for bar, (low, high) in enumerate(pairwise([*places, len(fine.bars)])):
        assert bar_ticks.open[bar] == minutes.open[low]
        assert bar_ticks.high[bar] == minutes.high[low:high].max()
        assert bar_ticks.low[bar] == minutes.low[low:high].min()
        assert bar_ticks.close[bar] == minutes.close[high - 1]
        assert bar_ticks.volume[bar] == minutes.volume[low:high].sum()
        assert symbol != "ES" or bar_ticks.bid[bar] == minutes.bid[high - 1]
        assert symbol != "ES" or bar_ticks.ask[bar] == minutes.ask[high - 1]


def edges(coarse: Span) -> tuple[datetime, datetime, datetime]:
    first, last = coarse.bars.ts[0].item(), coarse.bars.closes_at[-1].item()
    return utc(f"{first}+00:00"), utc(f"{last}+00:00"), utc(f"{last}+00:00")


@given(
    symbols, days, st.integers(0, 3000), st.integers(1, 3000), st.sampled_from(["1m", "1h", "1d"])
)
@settings(max_examples=40, deadline=None)
def test_a_span_gives_the_same_bars_alone_as_within_a_longer_one(
    symbol: str, day: datetime, skip: int, length: int, interval: str
) -> None:
    longer = span(interval, day, day + timedelta(days=12))
    start = day + timedelta(minutes=skip)
    part = span(interval, start, min(start + timedelta(minutes=length), day + timedelta(days=12)))
    inside = np.isin(longer.bars.ts, part.bars.ts)
    assert inside.sum() == len(part.bars)
    expected = ticks(MARKET, symbol, longer).take(inside)
    assert same(ticks(MARKET, symbol, part), expected)


@pytest.mark.parametrize("symbol", ["NVDA", "XEL", "ES", "VIX", "TLT", "QQQ"])
def test_bars_are_valid(symbol: str) -> None:
    bar_ticks = ticks(MARKET, symbol, span("1m", utc("2019-10-01"), utc("2020-06-01")))
    assert (bar_ticks.low >= 1).all()
    assert (bar_ticks.high >= np.maximum(bar_ticks.open, bar_ticks.close)).all()
    assert (bar_ticks.low <= np.minimum(bar_ticks.open, bar_ticks.close)).all()
    for values in (
        bar_ticks.open,
        bar_ticks.high,
        bar_ticks.low,
        bar_ticks.close,
        bar_ticks.volume,
    ):
        assert (values == np.rint(values)).all()
    assert (bar_ticks.volume == 0).all() if symbol == "VIX" else (bar_ticks.volume > 0).all()
    assert np.isnan(bar_ticks.bid).all() != (symbol == "ES")
    if symbol == "ES":
        width = bar_ticks.ask - bar_ticks.bid
        assert set(width) == {1.0, 2.0, 3.0}
        assert (bar_ticks.bid <= bar_ticks.close).all()
        assert (bar_ticks.close <= bar_ticks.ask).all()
        size = np.abs(bar_ticks.close - bar_ticks.open)
        assert size[width == 3].mean() > size[width == 1].mean()


def test_a_minute_opens_where_the_one_before_closed_and_a_night_leaves_a_gap() -> None:
    part = span("1m", utc("2026-09-01"), utc("2026-11-01"))
    minutes = ticks(MARKET, "AAPL", part)
    first = np.r_[True, part.bars.session[1:] != part.bars.session[:-1]]
    assert (minutes.open[1:] == minutes.close[:-1])[~first[1:]].all()
    assert (minutes.open[1:] != minutes.close[:-1])[first[1:]].mean() > 0.9


def test_hourly_closes_follow_the_skeleton() -> None:
    part = span("1h", utc("2026-01-01"), utc("2026-06-01"))
    hours = ticks(MARKET, "NVDA", part)
    first = grid().first[part.low]
    level = skeleton(MARKET, "NVDA").level[first : first + len(part.bars)]
    assert np.abs(hours.close / 100 - np.exp(level)).max() < 0.0051


def test_the_noise_twin_has_the_same_volatility_shape() -> None:
    part = span("1h", utc("2022-01-01"), utc("2025-01-01"))
    place = grid().place[grid().first[part.low] :][: len(part.bars)]
    for symbol in ("AAPL", "SPY"):
        assert (skeleton(MARKET, symbol).volatility == skeleton(NOISE, symbol).volatility).all()
        moves = [np.diff(np.log(ticks(m, symbol, part).close)) for m in (MARKET, NOISE)]
        for slot in range(7):
            one, other = (move[place[1:] == slot].std() for move in moves)
            assert one == pytest.approx(other, rel=0.1)


def test_volatility_clusters_and_is_high_at_the_open_and_the_close() -> None:
    part = span("1d", utc("2015-01-01"), utc("2026-11-01"))
    move = np.abs(np.diff(np.log(ticks(MARKET, "SPY", part).close)))
    assert np.corrcoef(move[1:], move[:-1])[0, 1] > 0.1
    minutes = ticks(MARKET, "SPY", span("1m", utc("2026-01-01"), utc("2026-11-01")))
    size = np.abs(np.log(minutes.close / minutes.open)).reshape(-1, 390).mean(axis=0)
    volume = minutes.volume.reshape(-1, 390).mean(axis=0)
    for shape in (size, volume):
        assert shape[:15].mean() > shape[375:].mean() > 1.1 * shape[180:210].mean()


def test_instruments_move_together_as_they_should() -> None:
    part = span("1d", utc("2015-01-01"), utc("2026-11-01"))
    move = {
        symbol: np.diff(np.log(ticks(MARKET, symbol, part).close))
        for symbol in ("SPY", "ES", "QQQ", "TLT", "GLD", "VIX", "NVDA", "AMD", "XEL")
    }

    def together(one: str, other: str) -> float:
        return float(np.corrcoef(move[one], move[other])[0, 1])

    assert together("SPY", "ES") > 0.97
    assert together("SPY", "QQQ") > 0.8
    assert together("NVDA", "AMD") > together("NVDA", "XEL") > 0.1
    assert together("SPY", "VIX") < -0.3
    assert -0.4 < together("SPY", "TLT") < -0.1
    assert abs(together("SPY", "GLD")) < 0.15
    level = ticks(MARKET, "VIX", part).close / 100
    assert 5 < level.min() < level.mean() < 25 < level.max() < 90


def clustered(predictor: np.ndarray, outcome: np.ndarray, session: np.ndarray) -> float:
    """The z of a predictor, its products summed by session: hours of one day are not alone."""
    _, which = np.unique(session, return_inverse=True)
    sums = np.bincount(which, weights=(predictor - predictor.mean()) * outcome)
    return float(sums.sum() / np.sqrt((sums**2).sum()))


def past_and_next(market: Market, symbol: str, part: Span) -> dict[str, np.ndarray]:
    """Simple predictors of each hourly bar, and the return of the next one as `next`."""
    bar_ticks = ticks(market, symbol, part)
    close = np.log(bar_ticks.close)
    scale = skeleton(market, symbol).volatility[part.low : part.high]
    _, session_of = np.unique(part.bars.session, return_inverse=True)
    first = np.searchsorted(session_of, session_of)
    move = np.diff(close, prepend=close[0])
    return {
        "last": move / scale[session_of],
        "session so far": (close - np.log(bar_ticks.open[first])) / scale[session_of],
        "five": (close - np.roll(close, 5)) / scale[session_of],
        "place in range": (2 * bar_ticks.close - bar_ticks.high - bar_ticks.low)
        / (bar_ticks.high - bar_ticks.low + 1),
        "gap": (np.log(bar_ticks.open) - np.roll(close, 1))[first] / scale[session_of],
        "volume": np.log(bar_ticks.volume) * np.sign(move),
        "next": np.append(move[1:], 0.0) / scale[session_of],
    }


def test_the_past_says_nothing_about_the_next_hour_of_pure_noise() -> None:
    part = span("1h", utc("2015-01-01"), utc("2026-11-01"))
    by_symbol = [past_and_next(NOISE, symbol, part) for symbol in SYMBOLS[:100:10]]
    session = np.tile(part.bars.session[5:-1], len(by_symbol))
    pooled = {
        name: np.concatenate([predictors[name][5:-1] for predictors in by_symbol])
        for name in by_symbol[0]
    }
    outcome = pooled.pop("next")
    for name, values in pooled.items():
        assert abs(clustered(values, outcome, session)) < 3, name


@pytest.mark.parametrize(("minutes", "within"), [(1, 390), (5, 60), (15, 60), (30, 60), (30, 120)])
def test_minutes_of_pure_noise_say_nothing_about_the_minutes_after(
    minutes: int, within: int
) -> None:
    """A bridge to a close drawn beforehand must not show: neither inside an hour nor across."""
    part = span("1m", utc("2021-01-01"), utc("2025-01-01"))
    full = np.flatnonzero(grid().minutes[part.low : part.high] == 390) + part.low
    keep = np.isin(part.bars.session, grid().session[full])
    for symbol in ("SPY", "AAPL", "NVDA"):
        bar_ticks = ticks(NOISE, symbol, part).take(keep)
        close = (
            np.log(bar_ticks.close).reshape(-1, 390)
            / skeleton(NOISE, symbol).volatility[full, None]
        )
        step = np.diff(close[:, minutes - 1 :: minutes], axis=1)
        before, after = step[:, :-1], step[:, 1:]
        if within == 120:  # only from one hour into the next
            before, after = before[:, 1::2], after[:, 1::2]
        session = np.repeat(full, before.shape[1])
        assert abs(clustered(before.ravel(), after.ravel(), session)) < 3, symbol


def test_the_last_hour_predicts_the_next_one_where_it_is_planted() -> None:
    part = span("1h", utc("2015-01-01"), utc("2026-11-01"))
    predictors = past_and_next(MARKET, "AAPL", part)
    assert clustered(predictors["last"], predictors["next"], part.bars.session) > 15
