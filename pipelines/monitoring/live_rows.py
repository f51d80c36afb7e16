"""Live predictions with their outcomes, and the rows that their model was trained on."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from pipelines.gates import Evidence
from pipelines.modeling.dataset import Rows


@dataclass(frozen=True)
class LiveRows:
    """Live predictions of bars whose outcome is known, in ascending order of session."""

    rows: Rows  # features are NaN where the row is gone, a symbol's code -1 where it is unknown
    version: np.ndarray  # int: the version of the model that predicted
    outputs: np.ndarray  # the probability of each class; or the value and the ends of its interval
    predictions: np.ndarray  # the place in the label's classes; or the value
    truth: np.ndarray  # what became of the bar: the place in the classes, or the outcome

    def __len__(self) -> int:
        return len(self.predictions)

    def take(self, which: np.ndarray) -> LiveRows:
        return LiveRows(
            self.rows.take(which), *(getattr(self, field.name)[which] for field in fields(self)[1:])
        )

    @property
    def session_days(self) -> np.ndarray:
        """The days of its sessions, oldest first."""
        return np.unique(self.rows.session)

    @property
    def sessions(self) -> int:
        return len(self.session_days)

    @property
    def judged(self) -> LiveRows:
        """The rows that can be judged."""
        return self.take(np.isfinite(self.rows.outcome))

    @property
    def constant(self) -> str:
        """What is the same in all rows, so that nothing can be ranked; empty where nothing is."""
        if len(self) and np.ptp(self.rows.outcome) == 0:
            return "outcome"
        is_varying = len(self) and np.ptp(np.round(self.outputs, 9), axis=0).any()
        return "" if is_varying else "prediction"

    def of_days(self, days: np.ndarray) -> LiveRows:
        return self.take(np.isin(self.rows.session, days))

    def newest(self, sessions: int, rows: int = 0) -> LiveRows:
        """The rows of the last sessions: that many, or as many as it takes for that many rows."""
        days, counts = np.unique(self.rows.session, return_counts=True)
        enough = int(np.searchsorted(np.cumsum(counts[::-1]), rows)) + 1
        return self.of_days(days[-max(sessions, enough) :])


@dataclass(frozen=True)
class ReferenceRows:
    """The rows that a model was trained on, which live rows are compared with."""

    rows: Rows
    truth: np.ndarray
    features: tuple[str, ...]
    scores: tuple[float, ...]

    def build_evidence(self, live: LiveRows) -> Evidence:
        """Evidence with live rows as the judging rows, for gates that need no more than rows."""
        unknown = float("nan")
        return Evidence(
            judging=live.rows,
            truth=live.truth,
            outputs=live.outputs,
            predictions=live.predictions,
            scores=self.scores,
            training=self.rows,
            training_truth=self.truth,
            feature_names=self.features,
            training_fit=unknown,
            selection_fit=unknown,
            onnx=b"",
            parity=unknown,
            training_seconds=unknown,
            latency_seconds=unknown,
        )
