"""The laws of the Weighted Sentiment Score."""

from __future__ import annotations

import random
from dataclasses import replace
from math import fsum

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.core.errors import InvalidRequest
from pipelines.forecasts.combination import ComponentWeighted
from pipelines.labels.action import ACTIONS, SCORES
from pipelines.scoring.wss import (
    SIGNALS,
    combine_bar,
    combine_scores,
    contributions,
    directions,
    signals_of,
)

RULE = ComponentWeighted("qqq")
MIRROR = dict(zip(ACTIONS, reversed(ACTIONS), strict=True))
OPPOSITE = {"BUY": "SELL", "SELL": "BUY", "HOLD": "HOLD"}

weight = st.floats(1e-9, 0.1)
universes = st.dictionaries(
    st.text("ABCDEFGH", min_size=1, max_size=4),
    st.tuples(weight, st.none() | st.sampled_from(ACTIONS)),
    min_size=1,
    max_size=10,
)
Universe = dict[str, tuple[float, str | None]]


def parts(rows: Universe) -> tuple[list[str], dict[str, str], dict[str, float]]:
    actions = {symbol: action for symbol, (_, action) in rows.items() if action is not None}
    return list(rows), actions, {symbol: by for symbol, (by, _) in rows.items()}


@given(universes)
def test_wss_is_the_sum_of_score_times_share_and_stays_in_bounds(rows: Universe) -> None:
    result = combine_bar(RULE, *parts(rows))
    score_of = dict(zip(ACTIONS, SCORES, strict=True))
    total = sum(by for by, _ in rows.values())
    expected = sum(score_of[action] * by / total for by, action in rows.values() if action)
    assert result.wss == pytest.approx(expected, abs=1e-9)
    assert sum(part.contribution for part in result.contributions) == pytest.approx(result.wss)
    assert sum(part.share for part in result.contributions) == pytest.approx(1)
    assert result.index_share == pytest.approx(total)
    assert -2 <= result.wss <= 2
    assert 0 <= result.coverage <= 1


@given(universes, st.randoms(use_true_random=False))
def test_the_order_of_members_does_not_matter(rows: Universe, order: random.Random) -> None:
    mixed = list(rows.items())
    order.shuffle(mixed)
    assert combine_bar(RULE, *parts(dict(mixed))) == combine_bar(RULE, *parts(rows))


@given(universes)
def test_the_mirrored_actions_give_the_mirrored_signal(rows: Universe) -> None:
    mirrored = {s: (by, None if a is None else MIRROR[a]) for s, (by, a) in rows.items()}
    first, second = combine_bar(RULE, *parts(rows)), combine_bar(RULE, *parts(mirrored))
    assert second.wss == -first.wss
    assert second.signal == OPPOSITE[first.signal]
    assert second.coverage == first.coverage


@given(universes, st.floats(1e-3, 1))
def test_only_the_proportion_of_weights_matters(rows: Universe, factor: float) -> None:
    scaled = {symbol: (by * factor, action) for symbol, (by, action) in rows.items()}
    first, second = combine_bar(RULE, *parts(rows)), combine_bar(RULE, *parts(scaled))
    assert (second.wss, second.coverage) == pytest.approx((first.wss, first.coverage), abs=1e-11)
    assert second.index_share == pytest.approx(first.index_share * factor)


@given(universes)
def test_under_the_required_coverage_the_signal_is_hold_and_the_reason_says_so(
    rows: Universe,
) -> None:
    result = combine_bar(RULE, *parts(rows))
    if result.coverage < 0.8:
        assert result.signal == "HOLD"
        assert "weight was scored" in result.reason
    else:
        expected = "BUY" if result.wss >= 0.5 else "SELL" if result.wss <= -0.5 else "HOLD"
        assert result.signal == expected
        assert "WSS" in result.reason


def test_thresholds_and_coverage_are_inclusive() -> None:
    """Ten weights of 0.07 make sums that floats miss by a last digit."""
    symbols = [f"S{n}" for n in range(10)]
    weights = dict.fromkeys(symbols, 0.07)
    half = {symbol: "buy" if n < 5 else "hold" for n, symbol in enumerate(symbols)}
    result = combine_bar(RULE, symbols, half, weights)
    assert (result.wss, result.signal, result.coverage) == (0.5, "BUY", 1.0)
    sold = {symbol: MIRROR[action] for symbol, action in half.items()}
    assert combine_bar(RULE, symbols, sold, weights).signal == "SELL"
    most = {symbol: half[symbol] for symbol in symbols[:8]}
    assert combine_bar(RULE, symbols, most, weights).signal == "BUY"
    fewer = dict.fromkeys(symbols[:7], "strong_buy")
    uncovered = combine_bar(RULE, symbols, fewer, weights)
    assert (uncovered.signal, uncovered.coverage, uncovered.wss) == ("HOLD", 0.7, 1.4)


def test_what_was_not_scored_counts_as_hold_and_lends_no_weight() -> None:
    weights = {"A": 0.09, "B": 0.01}
    result = combine_bar(RULE, ["A", "B"], {"A": "buy"}, weights)
    assert (result.wss, result.coverage, result.signal) == (0.9, 0.9, "BUY")
    assert result == replace(
        combine_bar(RULE, ["A", "B"], {"A": "buy", "B": "hold"}, weights),
        coverage=0.9,
        contributions=result.contributions,
    )


def test_nothing_scored_is_a_hold_of_zero() -> None:
    result = combine_bar(RULE, ["A"], {}, {"A": 0.1})
    assert (result.wss, result.signal, result.coverage) == (0.0, "HOLD", 0.0)


def test_weights_of_other_symbols_are_not_looked_at() -> None:
    result = combine_bar(RULE, ["A"], {"A": "buy"}, {"A": 0.1, "Z": float("nan")})
    assert (result.wss, result.index_share) == (1.0, 0.1)


@pytest.mark.parametrize("bad", [0.0, -0.1, float("nan"), float("inf"), 8.5])
def test_an_impossible_weight_is_refused_by_name(bad: float) -> None:
    with pytest.raises(InvalidRequest, match="the weight of MSFT is"):
        combine_bar(RULE, ["AAPL", "MSFT"], {}, {"AAPL": 0.1, "MSFT": bad})


def test_what_is_missing_or_unknown_is_refused_by_name() -> None:
    with pytest.raises(InvalidRequest, match="no weight is known for MSFT"):
        combine_bar(RULE, ["AAPL", "MSFT"], {"AAPL": "buy"}, {"AAPL": 0.1})
    with pytest.raises(InvalidRequest, match="member of the universe 'TSLA'"):
        combine_bar(RULE, ["AAPL"], {"TSLA": "buy"}, {"AAPL": 0.1})
    with pytest.raises(InvalidRequest, match="action of AAPL 'moon'"):
        combine_bar(RULE, ["AAPL"], {"AAPL": "moon"}, {"AAPL": 0.1})
    with pytest.raises(InvalidRequest, match="no members"):
        combine_bar(RULE, [], {}, {})


markets = st.integers(1, 6).flatmap(
    lambda members: st.tuples(
        st.lists(weight, min_size=members, max_size=members),
        st.lists(
            st.lists(st.sampled_from([*SCORES, np.nan]), min_size=members, max_size=members),
            min_size=1,
            max_size=8,
        ),
    )
)


@given(markets)
def test_many_bars_have_the_figures_of_each_bar_alone_to_the_last_digit(
    market: tuple[list[float], list[list[float]]],
) -> None:
    member_weights, rows = market
    scores, weights = np.array(rows), np.tile(member_weights, (len(rows), 1))
    bars = combine_scores(scores, weights)
    parts = contributions(scores, weights, bars.weight)
    signals, reasons = signals_of(RULE, bars)
    names = [f"S{place}" for place in range(len(member_weights))]
    total = fsum(member_weights)
    for bar, row in enumerate(rows):
        scored = [
            (score, by) for score, by in zip(row, member_weights, strict=True) if score == score
        ]
        assert bars.wss[bar] == round(fsum(score * by for score, by in scored) / total, 12)
        assert bars.coverage[bar] == round(fsum(by for _, by in scored) / total, 12)
        actions = {
            name: ACTIONS[SCORES.index(score)]
            for name, score in zip(names, row, strict=True)
            if score == score
        }
        alone = combine_bar(RULE, names, actions, dict(zip(names, member_weights, strict=True)))
        assert (alone.wss, alone.coverage) == (bars.wss[bar], bars.coverage[bar])
        assert (alone.signal, alone.reason) == (signals[bar], reasons[bar])
        assert [part.contribution for part in alone.contributions] == parts[bar].tolist()


@given(markets, st.integers(0, 5))
def test_a_member_without_a_weight_changes_nothing(
    market: tuple[list[float], list[list[float]]], place: int
) -> None:
    member_weights, rows = market
    scores, weights = np.array(rows), np.tile(member_weights, (len(rows), 1))
    place = min(place, len(member_weights))
    wider = combine_scores(
        np.insert(scores, place, 2.0, axis=1), np.insert(weights, place, np.nan, axis=1)
    )
    bars = combine_scores(scores, weights)
    for name in ("wss", "coverage", "weight"):
        np.testing.assert_array_equal(getattr(wider, name), getattr(bars, name))


def test_thresholds_may_differ_from_bar_to_bar() -> None:
    wss, covered = np.array([0.3, 0.3, -0.3, 2.0]), np.array([1.0, 1.0, 1.0, 0.5])
    buy_at, sell_at = np.array([0.3, 0.4, 0.3, 0.3]), np.array([-0.5, -0.5, -0.3, -0.5])
    direction = directions(wss, covered, RULE, buy_at, sell_at)
    assert [SIGNALS[place + 1] for place in direction] == ["BUY", "HOLD", "SELL", "HOLD"]
