"""The laws of the Weighted Sentiment Score."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.core.errors import InvalidRequest
from pipelines.forecasts.combination import ComponentWeighted
from pipelines.labels.action import ACTIONS, SCORES

RULE = ComponentWeighted("qqq")
MIRROR = dict(zip(ACTIONS, reversed(ACTIONS), strict=True))
OTHER = {"BUY": "SELL", "SELL": "BUY", "HOLD": "HOLD"}

weight = st.floats(1e-9, 0.1)
universes = st.dictionaries(
    st.text("ABCDEFGH", min_size=1, max_size=4),
    st.tuples(weight, st.none() | st.sampled_from(ACTIONS)),
    min_size=1,
    max_size=10,
)
Given = dict[str, tuple[float, str | None]]


def parts(rows: Given) -> tuple[list[str], dict[str, str], dict[str, float]]:
    actions = {symbol: action for symbol, (_, action) in rows.items() if action is not None}
    return list(rows), actions, {symbol: by for symbol, (by, _) in rows.items()}


@given(universes)
def test_it_is_the_sum_of_score_times_share_and_stays_in_bounds(rows: Given) -> None:
    made = RULE.combine(*parts(rows))
    worth = dict(zip(ACTIONS, SCORES, strict=True))
    whole = sum(by for by, _ in rows.values())
    plain = sum(worth[action] * by / whole for by, action in rows.values() if action)
    assert made.wss == pytest.approx(plain, abs=1e-9)
    assert sum(part.contribution for part in made.contributions) == pytest.approx(made.wss)
    assert sum(part.share for part in made.contributions) == pytest.approx(1)
    assert made.index_share == pytest.approx(whole)
    assert -2 <= made.wss <= 2
    assert 0 <= made.coverage <= 1


@given(universes, st.randoms(use_true_random=False))
def test_order_does_not_matter(rows: Given, order: random.Random) -> None:
    mixed = list(rows.items())
    order.shuffle(mixed)
    assert RULE.combine(*parts(dict(mixed))) == RULE.combine(*parts(rows))


@given(universes)
def test_the_mirrored_actions_give_the_mirrored_signal(rows: Given) -> None:
    mirrored = {s: (by, None if a is None else MIRROR[a]) for s, (by, a) in rows.items()}
    one, other = RULE.combine(*parts(rows)), RULE.combine(*parts(mirrored))
    assert other.wss == -one.wss
    assert other.signal == OTHER[one.signal]
    assert other.coverage == one.coverage


@given(universes, st.floats(1e-3, 1))
def test_only_the_proportion_of_weights_matters(rows: Given, factor: float) -> None:
    scaled = {symbol: (by * factor, action) for symbol, (by, action) in rows.items()}
    one, other = RULE.combine(*parts(rows)), RULE.combine(*parts(scaled))
    assert (other.wss, other.coverage) == pytest.approx((one.wss, one.coverage), abs=1e-11)
    assert other.index_share == pytest.approx(one.index_share * factor)


@given(universes)
def test_under_the_asked_coverage_it_holds_and_says_so(rows: Given) -> None:
    made = RULE.combine(*parts(rows))
    if made.coverage < 0.8:
        assert made.signal == "HOLD"
        assert "weight was scored" in made.reason
    else:
        expected = "BUY" if made.wss >= 0.5 else "SELL" if made.wss <= -0.5 else "HOLD"
        assert made.signal == expected
        assert "WSS" in made.reason


def test_thresholds_and_coverage_are_inclusive() -> None:
    """Ten weights of 0.07 make sums that floats miss by a last digit."""
    symbols = [f"S{n}" for n in range(10)]
    weights = dict.fromkeys(symbols, 0.07)
    half = {symbol: "buy" if n < 5 else "hold" for n, symbol in enumerate(symbols)}
    made = RULE.combine(symbols, half, weights)
    assert (made.wss, made.signal, made.coverage) == (0.5, "BUY", 1.0)
    sold = {symbol: MIRROR[action] for symbol, action in half.items()}
    assert RULE.combine(symbols, sold, weights).signal == "SELL"
    most = {symbol: half[symbol] for symbol in symbols[:8]}
    assert RULE.combine(symbols, most, weights).signal == "BUY"
    fewer = dict.fromkeys(symbols[:7], "strong_buy")
    held = RULE.combine(symbols, fewer, weights)
    assert (held.signal, held.coverage, held.wss) == ("HOLD", 0.7, 1.4)


def test_what_was_not_scored_counts_as_hold_and_lends_no_weight() -> None:
    weights = {"A": 0.09, "B": 0.01}
    made = RULE.combine(["A", "B"], {"A": "buy"}, weights)
    assert (made.wss, made.coverage, made.signal) == (0.9, 0.9, "BUY")
    assert made == replace(
        RULE.combine(["A", "B"], {"A": "buy", "B": "hold"}, weights),
        coverage=0.9,
        contributions=made.contributions,
    )


def test_nothing_scored_is_a_hold_of_zero() -> None:
    made = RULE.combine(["A"], {}, {"A": 0.1})
    assert (made.wss, made.signal, made.coverage) == (0.0, "HOLD", 0.0)


def test_weights_of_other_symbols_are_not_looked_at() -> None:
    made = RULE.combine(["A"], {"A": "buy"}, {"A": 0.1, "Z": float("nan")})
    assert (made.wss, made.index_share) == (1.0, 0.1)


@pytest.mark.parametrize("bad", [0.0, -0.1, float("nan"), float("inf"), 8.5])
def test_a_weight_that_is_none_is_refused_by_name(bad: float) -> None:
    with pytest.raises(InvalidRequest, match="the weight of MSFT is"):
        RULE.combine(["AAPL", "MSFT"], {}, {"AAPL": 0.1, "MSFT": bad})


def test_what_is_missing_or_unknown_is_refused_by_name() -> None:
    with pytest.raises(InvalidRequest, match="no weight is known for MSFT"):
        RULE.combine(["AAPL", "MSFT"], {"AAPL": "buy"}, {"AAPL": 0.1})
    with pytest.raises(InvalidRequest, match="member of the universe 'TSLA'"):
        RULE.combine(["AAPL"], {"TSLA": "buy"}, {"AAPL": 0.1})
    with pytest.raises(InvalidRequest, match="action of AAPL 'moon'"):
        RULE.combine(["AAPL"], {"AAPL": "moon"}, {"AAPL": 0.1})
    with pytest.raises(InvalidRequest, match="no members"):
        RULE.combine([], {}, {})


def test_a_declaration_that_cannot_work_is_refused() -> None:
    for wrong in ({"buy_at": -0.5}, {"least_scored": 0.0}, {"scores": (1.0,)}):
        with pytest.raises(InvalidRequest):
            replace(RULE, **wrong)
