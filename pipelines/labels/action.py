"""The next bars' return, in deviations, cut into actions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipelines.errors import InvalidRequest
from pipelines.features.base import Block
from pipelines.features.rolling import return_deviation

ACTIONS = ("strong_sell", "sell", "hold", "buy", "strong_buy")
SCORES = (-2.0, -1.0, 0.0, 1.0, 2.0)


@dataclass(frozen=True)
class Action:
    """Which of five actions the next `horizon` bars would have rewarded.

    The outcome is the log-return from this close to the one `horizon` bars later, in units of
    what the last `scale` returns let expect. Over a session's end it spans the night. Where one
    of the bars between is missing there is no outcome.
    """

    horizon: int = 1
    scale: int = 20
    quantiles: tuple[float, ...] = (0.1, 0.3, 0.7, 0.9)
    fixed: tuple[float, ...] | None = None  # thresholds in deviations, instead of quantiles

    def __post_init__(self) -> None:
        if self.horizon < 1 or self.scale < 2:
            raise InvalidRequest(
                f"an action with horizon {self.horizon} and scale {self.scale}",
                "the horizon is at least 1 bar, the scale at least 2",
            )
        for cuts in (self.quantiles, self.fixed or SCORES[:4]):
            if len(cuts) != len(ACTIONS) - 1 or list(cuts) != sorted(set(cuts)):
                raise InvalidRequest(
                    f"{cuts} do not cut five actions", "name four numbers that ascend"
                )

    @property
    def name(self) -> str:
        return "action"

    @property
    def reach(self) -> int:
        return self.scale

    @property
    def classes(self) -> tuple[str, ...]:
        return ACTIONS

    @property
    def scores(self) -> tuple[float, ...]:
        return SCORES

    @property
    def definition(self) -> tuple[object, ...]:
        return ("action", self.horizon, self.scale, self.quantiles, self.fixed)

    def outcome(self, block: Block) -> np.ndarray:
        close, ordinal = block.arrays["close"], block.arrays["ordinal"]
        made = np.full(len(block), np.nan)
        ahead, behind = self.horizon, self.scale
        if len(block) <= ahead + behind:
            return made
        logs = np.log(close)
        spread = return_deviation(logs, behind) * np.sqrt(ahead)
        inside = slice(behind, len(block) - ahead)
        with np.errstate(divide="ignore", invalid="ignore"):
            made[inside] = (logs[behind + ahead :] - logs[inside]) / spread[: len(spread) - ahead]
        # The bar `ahead` rows later must be this symbol's, and that many bars later.
        nth = block.nth
        same = np.zeros(len(block), bool)
        same[:-ahead] = nth[ahead:] == nth[:-ahead] + ahead
        same[:-ahead] &= ordinal[ahead:] == ordinal[:-ahead] + ahead
        made[~same | (nth < behind) | ~np.isfinite(made)] = np.nan
        return made

    def learn(self, outcomes: np.ndarray) -> tuple[float, ...]:
        if self.fixed is not None:
            return self.fixed
        known = outcomes[np.isfinite(outcomes)]
        if len(known) < 100:
            raise InvalidRequest(
                f"{len(known)} outcomes are too few to learn five actions from",
                "train on a longer span or on more symbols",
            )
        return tuple(float(cut) for cut in np.quantile(known, self.quantiles))

    def classify(self, outcomes: np.ndarray, thresholds: tuple[float, ...]) -> np.ndarray:
        made = np.searchsorted(np.asarray(thresholds), outcomes, side="right").astype(np.int8)
        made[~np.isfinite(outcomes)] = -1
        return made
