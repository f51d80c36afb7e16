"""The declaration of a label: the outcome of a bar, which a model learns to predict.

A label declares its horizon: the last `horizon` bars of a symbol have no outcome yet. Its kind
says what is predicted: one of its classes, or the outcome itself, a value. The thresholds between
classes are learned from training rows alone, and stored with the model.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

from pipelines.features.panel import Panel


class Label(Protocol):
    """The quantity that is forecast for a bar."""

    @property
    def name(self) -> str: ...

    @property
    def kind(self) -> str:
        """A kind of pipelines.modeling.kinds: `classes` or `value`."""
        ...

    @property
    def unit(self) -> str:
        """Unit of the outcome."""
        ...

    @property
    def horizon(self) -> int:
        """Number of bars after the bar that decide its outcome."""
        ...

    @property
    def within_session(self) -> bool:
        """True: a bar has no outcome where its horizon would cross the end of its session."""
        ...

    @property
    def look_back(self) -> int:
        """Number of bars before the bar that the outcome needs."""
        ...

    @property
    def classes(self) -> tuple[str, ...]:
        """Classes from the lowest outcome to the highest; empty where a value is predicted."""
        ...

    @property
    def scores(self) -> tuple[float, ...]:
        """Score of each class, in their order."""
        ...

    @property
    def definition(self) -> tuple[object, ...]: ...

    def outcome(self, panel: Panel) -> np.ndarray:
        """Return the outcome of each bar; NaN where it is not known or not defined."""
        ...

    def learn(self, outcomes: np.ndarray) -> tuple[float, ...]:
        """Learn the thresholds between the classes from the outcomes of training rows."""
        ...

    def truth(self, outcomes: np.ndarray, thresholds: tuple[float, ...]) -> np.ndarray:
        """Return what a model should have predicted for each outcome.

        This is the position of its class in `classes`, -1 where there is no outcome; or the
        value, NaN where there is none.
        """
        ...
