"""What a kind of target is: how it is fitted, measured, calibrated, converted and drawn.

A label names its kind, and everything else about a target is the same for all kinds: how time is
divided, who is compared, what is logged, registered and decided.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from pipelines.labels.base import Label
from pipelines.modeling.action_rules import ActionRule
from pipelines.modeling.candidates.base import Candidate, Predictor
from pipelines.modeling.dataset import Rows
from pipelines.modeling.evidence_rows import EvidenceRow

if TYPE_CHECKING:
    from onnx import ModelProto

    from pipelines.modeling.description import Description


class Fitted(Protocol):
    """A candidate after its fit."""

    @property
    def name(self) -> str: ...

    @property
    def predictor(self) -> Predictor: ...

    @property
    def medians(self) -> tuple[float, ...]:
        """The median of each feature among training rows."""
        ...

    @property
    def places(self) -> tuple[int, ...] | None:
        """The columns that it reads of the rows of a comparison; None: all of them."""
        ...

    @property
    def tuned_parameters(self) -> Mapping[str, Any]:
        """Parameters that the fit itself chose."""
        ...


class Model(Protocol):
    """A fitted candidate as it is published."""

    @property
    def fitted(self) -> Any: ...

    def score(self, features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The outputs of each row (a column a number), and its prediction."""
        ...


class Metrics(Protocol):
    """Metrics of a model's predictions for some rows."""

    @property
    def rows(self) -> int: ...

    @property
    def figures(self) -> Mapping[str, float]:
        """The metrics by the names that rankings and MLflow have for them."""
        ...

    @property
    def order(self) -> tuple[float, ...]:
        """The key that candidates are ranked by; smaller is better."""
        ...

    @property
    def fit(self) -> float:
        """Metric of the gap between training and selection; higher is better."""
        ...


@dataclass(frozen=True)
class Publishing:
    """What turns a fitted candidate into a model, beside its calibration."""

    label: Label
    shares: tuple[float, ...]  # of the classes among training rows; empty where a value is forecast
    rule: ActionRule


@dataclass(frozen=True, eq=False)
class CalibratedModel:
    """A model that was calibrated on newer rows, and a sentence about how that went."""

    model: Model
    reason: str


class Kind(Protocol):
    """Everything that differs between kinds of targets."""

    @property
    def name(self) -> str: ...

    @property
    def fit_name(self) -> str:
        """The name of the metric `fit`: macro F1, R squared."""
        ...

    def shares(self, truth: np.ndarray, label: Label) -> tuple[float, ...]:
        """The shares of the classes among training rows; refuses rows that lack some class."""
        ...

    def fit(
        self,
        candidate: Candidate,
        features: np.ndarray,
        truth: np.ndarray,
        label: Label,
        seed: int,
        names: Sequence[str] = (),
    ) -> Fitted:
        """Fit a candidate to training rows, which come in order of time.

        `names` are those of the columns, of which a candidate may read a part.
        """
        ...

    def predict_uncalibrated(
        self, fitted: Any, publishing: Publishing, rows: Rows
    ) -> tuple[np.ndarray, np.ndarray]:
        """Outputs and predictions for rows of a model as it was fitted.

        Its rule has looked at these rows, but at no outcome of them.
        """
        ...

    def calibrate(
        self, fitted: Any, publishing: Publishing, rows: Rows, truth: np.ndarray
    ) -> CalibratedModel:
        """The model with its probabilities and rule, or its interval, learned from these rows."""
        ...

    def learned(self, model: Any) -> dict[str, Any]:
        """What a model knows beside its fit, by the names of its description's fields."""
        ...

    def measure(
        self,
        label: Label,
        truth: np.ndarray,
        outputs: np.ndarray,
        predictions: np.ndarray,
        rows: Rows,
    ) -> Metrics: ...

    def auc(self, truth: np.ndarray, outputs: np.ndarray) -> float:
        """How well outputs rank rows; 0.5 knows nothing."""
        ...

    def finish_graph(self, proto: ModelProto, model: Any, description: Description) -> None:
        """Append the calibration to the predictor's graph, and name the outputs."""
        ...

    def pictures(
        self, subject: str, metrics: Any, truth: np.ndarray, outputs: np.ndarray
    ) -> dict[str, bytes]:
        """Pictures of predictions as PNG files, by name."""
        ...

    def tables(self, metrics: Any) -> dict[str, Any]:
        """Metrics that are no single figures, such as a confusion, for JSON files by name."""
        ...

    def evidence_rows(
        self, label: Label, truth: np.ndarray, outputs: np.ndarray, predictions: np.ndarray
    ) -> list[EvidenceRow]:
        """Curves and counts of judged rows, for gold.model_evidence."""
        ...

    def summarize_truth(self, truth: np.ndarray, label: Label) -> dict[str, Any]:
        """A summary of the truth of some rows: rows of each class, or quantiles of the value."""
        ...

    def measure_fit(self, truth: np.ndarray, predictions: np.ndarray, label: Label) -> float:
        """The `fit` of Metrics alone, for the importance of features."""
        ...
