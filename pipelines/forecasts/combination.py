"""How a forecast combines the actions of an index's constituents to one signal."""

from __future__ import annotations

from dataclasses import dataclass

from pipelines.core.errors import InvalidRequest
from pipelines.labels.action import ACTIONS, SCORES


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
