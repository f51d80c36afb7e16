"""What a label is: what became of a bar, and the class it is given.

A label declares its horizon: the last `horizon` bars of a symbol have none yet. What a class
means is learned from training rows alone, and stored with the model.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

from pipelines.features.base import Block


class Label(Protocol):
    """One target."""

    @property
    def name(self) -> str: ...

    @property
    def horizon(self) -> int:
        """Bars after the bar that decide on it."""
        ...

    @property
    def reach(self) -> int:
        """Bars before the bar that the outcome is measured by."""
        ...

    @property
    def classes(self) -> tuple[str, ...]:
        """From the lowest outcome to the highest."""
        ...

    @property
    def scores(self) -> tuple[float, ...]:
        """What each class is worth, from the lowest outcome to the highest."""
        ...

    @property
    def definition(self) -> tuple[object, ...]: ...

    def outcome(self, block: Block) -> np.ndarray:
        """What became of each bar, a number; NaN where that is not known, or cannot be said."""
        ...

    def learn(self, outcomes: np.ndarray) -> tuple[float, ...]:
        """The thresholds between the classes, from the outcomes of training rows."""
        ...

    def classify(self, outcomes: np.ndarray, thresholds: tuple[float, ...]) -> np.ndarray:
        """The class of each outcome as its place in `classes`; -1 where there is no outcome."""
        ...
