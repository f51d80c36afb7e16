"""The results of comparing candidates: each candidate's, the winner, and the rows of both."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from pipelines.labels.base import Label
from pipelines.modeling.action_rules import ActionRule
from pipelines.modeling.dataset import Rows
from pipelines.modeling.kinds import Fitted, Metrics, Model, Publishing


@dataclass(frozen=True, eq=False)
class Part:
    """Rows of one part of time, and the truth that a model is to predict for each of them."""

    rows: Rows
    truth: np.ndarray

    def __len__(self) -> int:
        return len(self.truth)


@dataclass(frozen=True, eq=False)
class Fold:
    """Rows to fit on, newer rows to measure on, and what was learned from the first alone."""

    training: Part
    validation: Part
    thresholds: tuple[float, ...]
    shares: tuple[float, ...]  # of the classes among training rows; empty where a value is forecast


@dataclass(frozen=True)
class Aucs:
    """How well a candidate ranks rows of each part of time; None where there is no such part.

    Of two classes the ROC AUC; of more its mean over the classes, each against the others; of a
    value the ROC AUC of rises. 0.5 knows nothing.
    """

    train: float  # on the rows that it was fitted on, or a sample spread over all of them
    validation: float | None  # in the mean over the folds, each fitted on older rows
    test: float | None  # on selection rows before the tail
    out_of_time: float | None  # on the tail, the newest selection rows

    @property
    def gap(self) -> float | None:
        """How much better it ranks the rows that it was fitted on than the newest it has not."""
        newest = self.test if self.out_of_time is None else self.out_of_time
        return None if newest is None else self.train - newest


@dataclass(frozen=True, eq=False)
class Result:
    """The result of one candidate: a failure, or a fitted candidate with all of its metrics."""

    name: str
    parameters: dict[str, Any]
    seconds: float  # of the fit on training rows
    failure: str = ""
    fitted: Fitted | None = None
    metrics: Metrics | None = None  # on selection rows, as it was fitted
    outputs: np.ndarray | None = None  # of the same rows
    predictions: np.ndarray | None = None
    folds: tuple[Metrics, ...] = ()  # the oldest first; none where the split has no folds
    aucs: Aucs | None = None
    objection: str = ""  # of the target's rule of selection to it; it can still come first
    features: tuple[str, ...] = ()  # that it reads

    @property
    def figures(self) -> dict[str, float]:
        """The figures it is ranked by: means over the folds, or those of the selection rows."""
        figures = [metrics.figures for metrics in self._ranked_on]
        if not figures:
            return {}
        return {name: float(np.mean([f[name] for f in figures])) for name in figures[0]}

    @property
    def order(self) -> tuple[float, ...]:
        """The key it is ranked by, the smaller the better."""
        return tuple(np.mean([metrics.order for metrics in self._ranked_on], axis=0).tolist())

    @property
    def _ranked_on(self) -> tuple[Metrics, ...]:
        return self.folds or ((self.metrics,) if self.metrics else ())


@dataclass(frozen=True, eq=False)
class JudgedStretch:
    """Rows that a model predicts which was chosen from older rows alone."""

    judging: Part
    training: Part  # of the model
    candidate: str
    # A row a judging row: a column a class, or the value and its interval; and the prediction.
    outputs: np.ndarray
    predictions: np.ndarray


@dataclass(frozen=True, eq=False)
class Comparison:
    """The ranking of the candidates, the calibrated winner, and the rows they were compared on."""

    label: Label
    rule: ActionRule
    feature_names: tuple[str, ...]  # of all columns but the last, the symbol's code
    flags: tuple[str, ...]  # of these, what may be the same on all rows
    thresholds: tuple[float, ...]
    shares: tuple[float, ...]  # of the classes among training rows; empty where a value is forecast
    symbols: tuple[int, ...]  # codes that training rows have; rows of others were dropped
    dropped: dict[str, int]  # reason: rows
    training: Part
    selection: Part
    judging: Part
    ranking: tuple[Result, ...]  # the best first, what failed last
    calibration_reason: str  # what calibrating the winner taught
    winner: Model
    training_metrics: Metrics  # of the calibrated winner
    selection_metrics: Metrics
    judging_metrics: Metrics
    # The winner's outputs for the judging rows: a column a class, or the value and its interval.
    outputs: np.ndarray
    predictions: np.ndarray  # the class of each judging row, or the value
    earlier: tuple[JudgedStretch, ...]  # the oldest first, judged by models of their own
    seconds: float

    @property
    def winner_features(self) -> tuple[str, ...]:
        """The features that the winner reads."""
        return self.ranking[0].features

    @property
    def publishing(self) -> Publishing:
        return Publishing(self.label, self.shares, self.rule)

    @property
    def stretches(self) -> tuple[JudgedStretch, ...]:
        """All that is judged, the oldest first; the last are the winner's judging rows."""
        newest = JudgedStretch(
            self.judging, self.training, self.ranking[0].name, self.outputs, self.predictions
        )
        return (*self.earlier, newest)
