"""Label: whether the next bars end higher or lower."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from pipelines.features.panel import Panel
from pipelines.labels.ahead import session_suffix
from pipelines.labels.cuts import classify
from pipelines.labels.next_return import NextReturn


@dataclass(frozen=True)
class NextDirection:
    """Up or down: the sign of the return from this close to the one `horizon` bars later.

    The outcome is the return itself, so that whatever is traded on a direction is measured by what
    it earned. An unchanged close counts as up.
    """

    kind: ClassVar[str] = "classes"
    unit: ClassVar[str] = "fraction"
    look_back: ClassVar[int] = 0
    classes: ClassVar[tuple[str, ...]] = ("down", "up")
    scores: ClassVar[tuple[float, ...]] = (-1.0, 1.0)

    horizon: int = 1
    within_session: bool = False  # no outcome where the session ends between
    name: str = "direction"  # another one where a forecast has several horizons

    def __post_init__(self) -> None:
        NextReturn(self.horizon)  # which refuses a horizon that there is not

    @property
    def definition(self) -> tuple[object, ...]:
        return ("direction", self.horizon, *session_suffix(self.within_session))

    def outcome(self, panel: Panel) -> np.ndarray:
        return NextReturn(self.horizon, self.within_session).outcome(panel)

    def learn(self, outcomes: np.ndarray) -> tuple[float, ...]:
        return (0.0,)

    def truth(self, outcomes: np.ndarray, thresholds: tuple[float, ...]) -> np.ndarray:
        return classify(outcomes, thresholds)
