"""What a kind of target is: how it is learned, measured, settled, converted and shown.

A label names its kind, and everything else about a target is the same for all kinds: how time is
divided, who is compared, what is logged, registered and decided.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from pipelines.labels.base import Label
from pipelines.modeling.candidates.base import Candidate
from pipelines.modeling.dataset import Rows

if TYPE_CHECKING:
    from onnx import ModelProto
    from sklearn.pipeline import Pipeline

    from pipelines.modeling.scorer import Description


class Fitted(Protocol):
    """A candidate after its fit."""

    @property
    def name(self) -> str: ...

    @property
    def pipeline(self) -> Pipeline: ...

    @property
    def chosen(self) -> Mapping[str, Any]:
        """What the fit itself chose, such as tuned parameters."""
        ...


class Model(Protocol):
    """A fitted candidate as it is published."""

    @property
    def fitted(self) -> Any: ...

    def score(self, features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """What it gives each row (a column a number), and what it says of it."""
        ...


class Metrics(Protocol):
    """What a model's words about some rows are worth."""

    @property
    def rows(self) -> int: ...

    @property
    def figures(self) -> Mapping[str, float]:
        """By the names that rankings and MLflow have for them."""
        ...

    @property
    def order(self) -> tuple[float, ...]:
        """What candidates are ranked by: the smaller the better."""
        ...

    @property
    def fit(self) -> float:
        """What the gap between two parts of time is told by: the larger the better."""
        ...


@dataclass(frozen=True, eq=False)
class Settled:
    """A fitted candidate with what newer rows taught about its answers, and what that was."""

    model: Model
    reason: str


class Kind(Protocol):
    """What differs between targets that ask for different things."""

    @property
    def name(self) -> str: ...

    @property
    def fit_name(self) -> str:
        """What `fit` of its metrics is: macro F1, R squared."""
        ...

    def shares(self, truth: np.ndarray, label: Label) -> tuple[float, ...]:
        """The shares of the classes among training rows, if these can be learned from."""
        ...

    def fit(
        self, candidate: Candidate, features: np.ndarray, truth: np.ndarray, label: Label, seed: int
    ) -> Fitted:
        """Fit a candidate to training rows, which come in order of time."""
        ...

    def plain(self, fitted: Any, shares: tuple[float, ...], truth: np.ndarray) -> Model:
        """As it was fitted, knowing nothing but its training rows and their truth."""
        ...

    def settle(
        self, fitted: Any, shares: tuple[float, ...], rows: Rows, truth: np.ndarray
    ) -> Settled:
        """With what the selection rows teach of how sure its answers are."""
        ...

    def measure(
        self, label: Label, truth: np.ndarray, given: np.ndarray, said: np.ndarray, rows: Rows
    ) -> Metrics: ...

    def finish(self, made: ModelProto, model: Any, description: Description) -> None:
        """Put what settling taught behind the converted pipeline, and name its outputs."""
        ...

    def pictures(
        self, of: str, metrics: Any, truth: np.ndarray, given: np.ndarray
    ) -> dict[str, bytes]:
        """PNG files by name."""
        ...

    def tables(self, metrics: Any) -> dict[str, Any]:
        """What figures alone do not tell, for JSON files by name."""
        ...

    def spread_of(self, truth: np.ndarray, label: Label) -> dict[str, Any]:
        """What some rows became, for the record: rows of each class, or quantiles of the value."""
        ...

    def fit_of(self, truth: np.ndarray, said: np.ndarray, label: Label) -> float:
        """How well what is said fits: the `fit` of Metrics, alone. Importance is told by it."""
        ...
