"""The Weighted Sentiment Score (WSS): one number and one signal from many constituents.

The arrays here have a row for each bar and a column for each member of the universe. Scoring,
the API and the backtest all combine with this code, so that the same actions and weights always
give the same signal.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import fsum, isfinite

import numpy as np

from pipelines.core.errors import InvalidRequest, unknown
from pipelines.forecasts.combination import ComponentWeighted

SIGNALS = ("SELL", "HOLD", "BUY")
DIGITS = 12  # a sum that is 0.5 on paper is 0.5 here: rounding of floats decides no signal


@dataclass(frozen=True, eq=False)
class BarScores:
    """The score of each bar."""

    wss: np.ndarray  # -2 to 2
    coverage: np.ndarray  # share of the members' weight that was scored
    weight: np.ndarray  # sum of the members' weights: their share of the whole index


@dataclass(frozen=True)
class Contribution:
    """One constituent's part in the score."""

    symbol: str
    weight: float  # share of the whole index
    share: float  # share of the universe
    action: str | None  # None: not scored
    contribution: float  # score x share; 0 where not scored


@dataclass(frozen=True)
class IndexSignal:
    """The signal of a universe at one bar."""

    wss: float  # -2 to 2
    signal: str
    reason: str
    coverage: float  # share of the universe's weight that was scored
    index_share: float  # share of the whole index that the universe stands for
    contributions: tuple[Contribution, ...]  # by symbol


def combine_scores(scores: np.ndarray, weights: np.ndarray) -> BarScores:
    """Weigh the members' scores at each bar.

    A score is NaN where a member was not scored: it counts as hold, and its weight stays in the
    total. A weight is NaN where it is not known: the member is left out. Every bar needs a member
    with a weight. Sums are exact, so that the order of the members changes no digit.
    """
    weights = np.where(np.isfinite(weights), weights, 0.0)
    is_scored = np.isfinite(scores)
    total = _row_sums(weights)
    wss = _row_sums(np.where(is_scored, scores, 0.0) * weights) / total
    coverage = _row_sums(np.where(is_scored, weights, 0.0)) / total
    return BarScores(_rounded(wss) + 0.0, _rounded(coverage), total)


def contributions(scores: np.ndarray, weights: np.ndarray, total: np.ndarray) -> np.ndarray:
    """Return each member's score x share; 0 where it was not scored."""
    return np.where(np.isfinite(scores), scores * weights / total[:, None], 0.0)


def directions(
    wss: np.ndarray,
    coverage: np.ndarray,
    rule: ComponentWeighted,
    buy_at: np.ndarray | float,
    sell_at: np.ndarray | float,
) -> np.ndarray:
    """Return 1 to buy, -1 to sell and 0 to hold. The thresholds may differ from bar to bar."""
    direction = (wss >= buy_at).astype(np.int64) - (wss <= sell_at)
    direction[coverage < rule.least_scored] = 0
    return direction


def signal_reason(rule: ComponentWeighted, wss: float, coverage: float, signal: str) -> str:
    """Say in words why a bar has its signal."""
    if coverage < rule.least_scored:
        return f"only {coverage:.1%} of the weight was scored, {rule.least_scored:.0%} is required"
    if signal == "BUY":
        return f"WSS {wss:+.4f} is at least {rule.buy_at:g}"
    if signal == "SELL":
        return f"WSS {wss:+.4f} is at most {rule.sell_at:g}"
    return f"WSS {wss:+.4f} is between {rule.sell_at:g} and {rule.buy_at:g}"


def signals_of(rule: ComponentWeighted, bars: BarScores) -> tuple[list[str], list[str]]:
    """Return each bar's signal and its reason."""
    direction = directions(bars.wss, bars.coverage, rule, rule.buy_at, rule.sell_at)
    signals = [SIGNALS[place] for place in (direction + 1).tolist()]
    reasons = [
        signal_reason(rule, *values)
        for values in zip(bars.wss.tolist(), bars.coverage.tolist(), signals, strict=True)
    ]
    return signals, reasons


def combine_bar(
    rule: ComponentWeighted,
    members: Sequence[str],
    actions: Mapping[str, str],
    weights: Mapping[str, float],
) -> IndexSignal:
    """Combine the actions of one bar.

    `members` are the universe's symbols, `actions` those that were scored, `weights` shares of
    the whole index as known at the bar; weights of other symbols are not looked at.
    """
    symbols = _checked_members(rule, members, actions, weights)
    score_of = dict(zip(rule.actions, rule.scores, strict=True))
    scores = np.array([[score_of[actions[s]] if s in actions else np.nan for s in symbols]])
    weight = np.array([[weights[symbol] for symbol in symbols]])
    bars = combine_scores(scores, weight)
    (signal,), (reason,) = signals_of(rule, bars)
    parts = zip(
        symbols,
        weight[0].tolist(),
        (weight / bars.weight)[0].tolist(),
        map(actions.get, symbols),
        contributions(scores, weight, bars.weight)[0].tolist(),
        strict=True,
    )
    return IndexSignal(
        float(bars.wss[0]),
        signal,
        reason,
        float(bars.coverage[0]),
        float(index_share(bars)[0]),
        tuple(Contribution(*part) for part in parts),
    )


def index_share(bars: BarScores) -> np.ndarray:
    """Return the share of the whole index that the members with a weight stand for.

    Whoever publishes weights rounds them, so that they may add up to a little more than all.
    """
    share: np.ndarray = np.minimum(bars.weight, 1.0)
    return share


def check_weight(symbol: str, weight: float) -> None:
    """Refuse what cannot be a share of an index."""
    if not (isfinite(weight) and 0 < weight <= 1):
        raise InvalidRequest(
            f"the weight of {symbol} is {weight}",
            "a weight is a fraction of the whole index: above 0, at most 1",
        )


def _checked_members(
    rule: ComponentWeighted,
    members: Sequence[str],
    actions: Mapping[str, str],
    weights: Mapping[str, float],
) -> list[str]:
    symbols = sorted(set(members))
    if not symbols:
        raise InvalidRequest("the universe has no members", "name at least one symbol")
    for symbol, action in actions.items():
        if symbol not in symbols:
            raise unknown("member of the universe", symbol, symbols)
        if action not in rule.actions:
            raise unknown(f"action of {symbol}", action, rule.actions)
    missing = [symbol for symbol in symbols if weights.get(symbol) is None]
    if missing:
        raise InvalidRequest(
            f"no weight is known for {', '.join(missing)}",
            "bring the weights in (bullion weights), or use a universe that has them all",
        )
    for symbol in symbols:
        check_weight(symbol, weights[symbol])
    return symbols


def _row_sums(values: np.ndarray) -> np.ndarray:
    return np.array([fsum(row) for row in values.tolist()])


def _rounded(values: np.ndarray) -> np.ndarray:
    """Round each value as Python does: NumPy's rounding differs in the last digit."""
    return np.array([round(value, DIGITS) for value in values.tolist()])
