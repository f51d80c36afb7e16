"""Label: the return of the next bars, as a value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from pipelines.core.errors import InvalidRequest
from pipelines.features.panel import Panel
from pipelines.labels.ahead import has_outcome, session_suffix


@dataclass(frozen=True)
class NextReturn:
    """The log-return from this close to the one `horizon` bars later.

    It includes the night where a session ends between; with `within_session` there is no outcome
    then. Nor is there where one of the bars between is missing.
    """

    kind: ClassVar[str] = "value"
    unit: ClassVar[str] = "fraction"
    look_back: ClassVar[int] = 0
    classes: ClassVar[tuple[str, ...]] = ()
    scores: ClassVar[tuple[float, ...]] = ()

    horizon: int = 1
    within_session: bool = False
    name: str = "return"  # another one where a forecast has several horizons

    def __post_init__(self) -> None:
        if self.horizon < 1:
            raise InvalidRequest(
                f"a return with horizon {self.horizon}", "the horizon is at least 1 bar"
            )

    @property
    def definition(self) -> tuple[object, ...]:
        return ("return", self.horizon, *session_suffix(self.within_session))

    def outcome(self, panel: Panel) -> np.ndarray:
        outcome, ahead = np.full(len(panel), np.nan), self.horizon
        if len(panel) <= ahead:
            return outcome
        close = panel.arrays["close"]
        with np.errstate(divide="ignore", invalid="ignore"):
            outcome[:-ahead] = np.log(close[ahead:] / close[:-ahead])
        outcome[
            ~has_outcome(panel, ahead, within_session=self.within_session) | ~np.isfinite(outcome)
        ] = np.nan
        return outcome

    def learn(self, outcomes: np.ndarray) -> tuple[float, ...]:
        return ()

    def truth(self, outcomes: np.ndarray, thresholds: tuple[float, ...]) -> np.ndarray:
        return np.where(np.isfinite(outcomes), outcomes, np.nan).astype(np.float64)
