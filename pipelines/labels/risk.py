"""Label: the range of the next bars, cut into low, medium and high risk."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from pipelines.core.errors import InvalidRequest
from pipelines.features.panel import Panel
from pipelines.features.rolling import mean
from pipelines.features.volatility import log_true_range
from pipelines.labels.ahead import has_outcome, session_suffix
from pipelines.labels.cuts import check_cuts, classify, learn_thresholds

RISKS = ("low", "medium", "high")
SCORES = (0.0, 1.0, 2.0)


@dataclass(frozen=True)
class Risk:
    """The one of three risks that the next `horizon` bars turned out to have.

    The outcome is the true range of the next bar in logs: the highest over the lowest of its
    prices and the previous close, so that a gap counts. For several bars it is the root mean
    square of their ranges: it stays the risk of one bar, and one wild bar still shows. Where one
    of the bars is missing there is no outcome.
    """

    name: ClassVar[str] = "risk"
    kind: ClassVar[str] = "classes"
    unit: ClassVar[str] = "fraction"
    look_back: ClassVar[int] = 0
    classes: ClassVar[tuple[str, ...]] = RISKS
    scores: ClassVar[tuple[float, ...]] = SCORES

    horizon: int = 1
    quantiles: tuple[float, ...] = (1 / 3, 2 / 3)
    fixed: tuple[float, ...] | None = None  # thresholds as fractions, instead of quantiles
    within_session: bool = False  # no outcome where the session ends between

    def __post_init__(self) -> None:
        if self.horizon < 1:
            raise InvalidRequest(
                f"a risk with horizon {self.horizon}", "the horizon is at least 1 bar"
            )
        check_cuts(self.quantiles, RISKS)
        check_cuts(SCORES[1:] if self.fixed is None else self.fixed, RISKS)

    @property
    def definition(self) -> tuple[object, ...]:
        suffix = session_suffix(self.within_session)
        return ("risk", self.horizon, self.quantiles, self.fixed, *suffix)

    def outcome(self, panel: Panel) -> np.ndarray:
        outcome, ahead = np.full(len(panel), np.nan), self.horizon
        if len(panel) <= ahead:
            return outcome
        x = panel.arrays
        with np.errstate(divide="ignore", invalid="ignore"):
            ranges = log_true_range(x["high"], x["low"], x["close"])
            outcome[:-ahead] = np.sqrt(mean(ranges * ranges, ahead))
        outcome[
            ~has_outcome(panel, ahead, within_session=self.within_session) | ~np.isfinite(outcome)
        ] = np.nan
        return outcome

    def learn(self, outcomes: np.ndarray) -> tuple[float, ...]:
        if self.fixed is not None:
            return self.fixed
        return learn_thresholds(outcomes, self.quantiles, self.name)

    def truth(self, outcomes: np.ndarray, thresholds: tuple[float, ...]) -> np.ndarray:
        return classify(outcomes, thresholds)
