"""Label: the return of the next bars, in deviations, cut into actions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from pipelines.core.errors import InvalidRequest
from pipelines.features.panel import Panel
from pipelines.features.rolling import return_deviation
from pipelines.labels.ahead import has_outcome, session_suffix
from pipelines.labels.cuts import check_cuts, classify, learn_thresholds

ACTIONS = ("strong_sell", "sell", "hold", "buy", "strong_buy")
SCORES = (-2.0, -1.0, 0.0, 1.0, 2.0)


@dataclass(frozen=True)
class Action:
    """The one of five actions that the next `horizon` bars would have rewarded.

    The outcome is the log-return from this close to the close `horizon` bars later, divided by
    the standard deviation that the last `scale` returns let expect. It includes the night where
    a session ends between. Where one of the bars between is missing there is no outcome.
    """

    name: ClassVar[str] = "action"
    kind: ClassVar[str] = "classes"
    unit: ClassVar[str] = "deviations"
    classes: ClassVar[tuple[str, ...]] = ACTIONS
    scores: ClassVar[tuple[float, ...]] = SCORES

    horizon: int = 1
    scale: int = 20
    quantiles: tuple[float, ...] = (0.1, 0.3, 0.7, 0.9)
    fixed: tuple[float, ...] | None = None  # thresholds in deviations, instead of quantiles
    within_session: bool = False  # no outcome where the session ends between

    def __post_init__(self) -> None:
        if self.horizon < 1 or self.scale < 2:
            raise InvalidRequest(
                f"an action with horizon {self.horizon} and scale {self.scale}",
                "the horizon is at least 1 bar, the scale at least 2",
            )
        check_cuts(self.quantiles, ACTIONS)
        check_cuts(SCORES[1:] if self.fixed is None else self.fixed, ACTIONS)

    @property
    def look_back(self) -> int:
        return self.scale

    @property
    def definition(self) -> tuple[object, ...]:
        suffix = session_suffix(self.within_session)
        return ("action", self.horizon, self.scale, self.quantiles, self.fixed, *suffix)

    def outcome(self, panel: Panel) -> np.ndarray:
        outcome = np.full(len(panel), np.nan)
        ahead, behind = self.horizon, self.scale
        if len(panel) <= ahead + behind:
            return outcome
        logs = np.log(panel.arrays["close"])
        spread = return_deviation(logs, behind) * np.sqrt(ahead)
        inside = slice(behind, len(panel) - ahead)
        with np.errstate(divide="ignore", invalid="ignore"):
            moves = logs[behind + ahead :] - logs[inside]
            outcome[inside] = moves / spread[: len(spread) - ahead]
        # The first `behind` rows of a symbol would be scaled by returns of another symbol.
        is_known = has_outcome(panel, ahead, within_session=self.within_session)
        is_known &= (panel.bars_before >= behind) & np.isfinite(outcome)
        outcome[~is_known] = np.nan
        return outcome

    def learn(self, outcomes: np.ndarray) -> tuple[float, ...]:
        if self.fixed is not None:
            return self.fixed
        return learn_thresholds(outcomes, self.quantiles, self.name)

    def truth(self, outcomes: np.ndarray, thresholds: tuple[float, ...]) -> np.ndarray:
        return classify(outcomes, thresholds)
