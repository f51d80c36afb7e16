"""What a label is: what became of a bar, and what a model predicts of it.

A label declares its horizon: the last `horizon` bars of a symbol have none yet. Its kind says
what is asked for: one of its classes, or the outcome itself, a value. What a class means is
learned from training rows alone, and stored with the model.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

from pipelines.features.panel import Panel


class Label(Protocol):
    """What is forecast of a bar."""

    @property
    def name(self) -> str: ...

    @property
    def kind(self) -> str:
        """Of pipelines.modeling.kinds: `classes` or `value`."""
        ...

    @property
    def unit(self) -> str:
        """Of the outcome."""
        ...

    @property
    def horizon(self) -> int:
        """Bars after the bar that decide on it."""
        ...

    @property
    def look_back(self) -> int:
        """Bars before the bar that the outcome is measured by."""
        ...

    @property
    def classes(self) -> tuple[str, ...]:
        """From the lowest outcome to the highest; none where a value is asked for."""
        ...

    @property
    def scores(self) -> tuple[float, ...]:
        """What each class is worth, in their order."""
        ...

    @property
    def definition(self) -> tuple[object, ...]: ...

    def outcome(self, panel: Panel) -> np.ndarray:
        """What became of each bar, a number; NaN where it is not known or not defined."""
        ...

    def learn(self, outcomes: np.ndarray) -> tuple[float, ...]:
        """The thresholds between the classes, from the outcomes of training rows."""
        ...

    def truth(self, outcomes: np.ndarray, thresholds: tuple[float, ...]) -> np.ndarray:
        """What a model should have predicted for each outcome.

        The place of its class in `classes`, -1 where there is no outcome; or the value, NaN
        where there is none.
        """
        ...
