"""Live rows with a chosen rank IC, as monitoring reads them."""

from __future__ import annotations

import numpy as np

from pipelines.labels import Label
from pipelines.modeling.dataset import Rows
from pipelines.monitoring.live_rows import LiveRows
from tests.steps.live_market import PREDICT, TRUTH, outcome_of


def build_live_rows(
    outcome: np.ndarray, outputs: np.ndarray, predictions: np.ndarray, truth: np.ndarray
) -> LiveRows:
    """Live rows of one bar with these arrays."""
    count = len(predictions)
    zero, at = np.zeros(count, np.int64), np.full(count, np.datetime64("2026-03-02", "us"))
    outcome = np.asarray(outcome, float)
    features = np.zeros((count, 2), np.float32)
    rows = Rows(features, outcome, zero, at, at, at.astype("datetime64[D]"), zero)
    return LiveRows(rows, zero + 1, outputs, predictions, truth)


def simulate_live_rows(label: Label, count: int = 200, ic: float = 0.5) -> LiveRows:
    """Live rows of a label whose score has this rank IC with the outcome."""
    random = np.random.default_rng(1)
    hidden = random.normal(size=count)
    score = ic * hidden + np.sqrt(1 - ic**2) * random.normal(size=count)
    outputs, predictions = PREDICT[label.kind](label, score)
    truth = TRUTH[label.kind](label, hidden)
    return build_live_rows(outcome_of(label, hidden), outputs, predictions, truth)
