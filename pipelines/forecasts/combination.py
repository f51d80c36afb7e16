"""The Weighted Sentiment Score: one number and one signal of many constituents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import fsum, isfinite

from pipelines.core.errors import InvalidRequest, unknown
from pipelines.labels.action import ACTIONS, SCORES

SIGNALS = ("SELL", "HOLD", "BUY")
DIGITS = 12  # a sum that is 0.5 on paper is 0.5 here: rounding of floats decides no signal


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
    """What the constituents say together at one bar."""

    wss: float  # -2 to 2
    signal: str
    reason: str
    coverage: float  # share of the universe's weight that was scored
    index_share: float  # share of the whole index that the universe stands for
    contributions: tuple[Contribution, ...]  # by symbol


@dataclass(frozen=True)
class ComponentWeighted:
    """Combine the constituents' actions by their index weights.

    WSS is the sum of score x share over the scored constituents. A share is the constituent's
    index weight over the weights of the whole universe, scored or not: what could not be scored
    counts as hold and pulls the score towards 0, and never lends its weight to the others. Under
    `least_scored` of the weight the signal is HOLD, whatever the score.
    """

    universe: str  # whose members are combined
    actions: tuple[str, ...] = ACTIONS
    scores: tuple[float, ...] = SCORES
    buy_at: float = 0.5
    sell_at: float = -0.5
    least_scored: float = 0.8

    def __post_init__(self) -> None:
        if not self.actions or len(self.actions) != len(self.scores):
            raise InvalidRequest(
                f"{len(self.scores)} scores for {len(self.actions)} actions", "score each action"
            )
        if not self.sell_at < self.buy_at:
            raise InvalidRequest(
                f"it sells at {self.sell_at} and buys at {self.buy_at}",
                "put sell_at below buy_at, such as -0.5 and 0.5",
            )
        if not 0 < self.least_scored <= 1:
            raise InvalidRequest(
                f"least_scored is {self.least_scored}", "name a share above 0, at most 1"
            )

    def combine(
        self, members: Sequence[str], actions: Mapping[str, str], weights: Mapping[str, float]
    ) -> IndexSignal:
        """The signal of one bar.

        `members` are the universe's symbols, `actions` those that were scored, `weights` shares
        of the whole index as known at the bar; weights of other symbols are not looked at.
        """
        symbols = self._checked(members, actions, weights)
        whole = fsum(weights[symbol] for symbol in symbols)
        worth = dict(zip(self.actions, self.scores, strict=True))
        scored = [symbol for symbol in symbols if symbol in actions]
        wss = round(fsum(worth[actions[s]] * weights[s] for s in scored) / whole, DIGITS) + 0.0
        coverage = round(fsum(weights[symbol] for symbol in scored) / whole, DIGITS)
        signal, reason = self._signal(wss, coverage)
        parts = tuple(
            Contribution(
                symbol,
                weights[symbol],
                weights[symbol] / whole,
                actions.get(symbol),
                worth[actions[symbol]] * weights[symbol] / whole if symbol in actions else 0.0,
            )
            for symbol in symbols
        )
        # Weights are rounded by who publishes them, and may add up to a little more than all.
        return IndexSignal(wss, signal, reason, coverage, min(whole, 1.0), parts)

    def _signal(self, wss: float, coverage: float) -> tuple[str, str]:
        if coverage < self.least_scored:
            share = f"only {coverage:.1%} of the weight was scored"
            return "HOLD", f"{share}, {self.least_scored:.0%} is asked"
        if wss >= self.buy_at:
            return "BUY", f"WSS {wss:+.4f} is at least {self.buy_at:g}"
        if wss <= self.sell_at:
            return "SELL", f"WSS {wss:+.4f} is at most {self.sell_at:g}"
        return "HOLD", f"WSS {wss:+.4f} is between {self.sell_at:g} and {self.buy_at:g}"

    def _checked(
        self, members: Sequence[str], actions: Mapping[str, str], weights: Mapping[str, float]
    ) -> list[str]:
        symbols = sorted(set(members))
        if not symbols:
            raise InvalidRequest("the universe has no members", "name at least one symbol")
        for symbol, action in actions.items():
            if symbol not in symbols:
                raise unknown("member of the universe", symbol, symbols)
            if action not in self.actions:
                raise unknown(f"action of {symbol}", action, self.actions)
        missing = [symbol for symbol in symbols if weights.get(symbol) is None]
        if missing:
            raise InvalidRequest(
                f"no weight is known for {', '.join(missing)}",
                "bring the weights in (bullion weights), or use a universe that has them all",
            )
        for symbol in symbols:
            weight = weights[symbol]
            if not (isfinite(weight) and 0 < weight <= 1):
                raise InvalidRequest(
                    f"the weight of {symbol} is {weight}",
                    "a weight is a fraction of the whole index: above 0, at most 1",
                )
        return symbols
