"""From what a bar speaks for to how probable each class is.

A candidate is fitted as if classes were equally frequent. The probability of a class is what
the bar speaks for it, sharpened or softened by a temperature, times the share that the class
has of the training rows. The class that is published is the one that the bar speaks for most:
the one whose probability stands highest above its share. The likeliest class would nearly
always be `hold`.

So calibration never changes which class is published, and it is three steps in ONNX.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipelines.modeling.candidates.base import Fitted
from pipelines.modeling.dataset import Rows
from pipelines.modeling.metrics import log_loss

LEAST = 1e-7  # what a bar speaks for a class at the least
COLDEST, HOTTEST = 0.2, 20.0
FEWEST = 100  # rows to fit a temperature on, and to try it on


@dataclass(frozen=True)
class Calibration:
    """The shares of the classes among training rows, and a temperature; 1 leaves things as is."""

    shares: tuple[float, ...]
    temperature: float = 1.0

    def probabilities(self, weighed: np.ndarray) -> np.ndarray:
        logs = np.log(np.maximum(weighed, LEAST)) / self.temperature + np.log(self.shares)
        powers = np.exp(logs - logs.max(axis=1, keepdims=True))
        made: np.ndarray = powers / powers.sum(axis=1, keepdims=True)
        return made


@dataclass(frozen=True)
class Calibrated:
    """What became of calibration, with the log loss on rows that it was not fitted on."""

    calibration: Calibration
    kept: bool
    tried: float  # the temperature that was fitted
    before: float | None  # None: there were too few rows to try it
    after: float | None
    reason: str


@dataclass(frozen=True, eq=False)
class Model:
    """A fitted candidate with its calibration: what is published."""

    fitted: Fitted
    calibration: Calibration

    def score(self, features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The probabilities of each row's classes, and the class it is given."""
        weighed = self.fitted.weighed(features)
        return self.calibration.probabilities(weighed), weighed.argmax(axis=1)


def temperature(shares: tuple[float, ...], weighed: np.ndarray, classes: np.ndarray) -> float:
    """The temperature with the smallest log loss."""
    from scipy.optimize import minimize_scalar

    def loss(log: float) -> float:
        made = Calibration(shares, float(np.exp(log))).probabilities(weighed)
        return log_loss(classes, made)

    found = minimize_scalar(
        loss, bounds=(np.log(COLDEST), np.log(HOTTEST)), method="bounded", options={"xatol": 1e-4}
    )
    return float(np.exp(found.x))


def calibrate(
    shares: tuple[float, ...], weighed: np.ndarray, classes: np.ndarray, rows: Rows
) -> Calibrated:
    """Fit a temperature on the older half of the rows, and keep it if it helps on the newer."""
    plain = Calibration(shares)
    sessions = np.unique(rows.session)
    if len(sessions) < 2:
        return Calibrated(plain, False, 1.0, None, None, "one session cannot be halved")
    newer = rows.session >= sessions[len(sessions) // 2]
    older = ~newer & (rows.known_at < rows.closes_at[newer].min())
    if min(older.sum(), newer.sum()) < FEWEST:
        reason = f"{older.sum()} and {newer.sum()} rows are too few to fit and to try it on"
        return Calibrated(plain, False, 1.0, None, None, reason)
    tried = Calibration(shares, temperature(shares, weighed[older], classes[older]))
    before, after = (
        log_loss(classes[newer], one.probabilities(weighed[newer])) for one in (plain, tried)
    )
    kept = after < before
    reason = (
        f"a temperature of {tried.temperature:.3f} takes the log loss from {before:.4f} to"
        f" {after:.4f} on rows it was not fitted on: {'kept' if kept else 'not kept'}"
    )
    return Calibrated(tried if kept else plain, kept, tried.temperature, before, after, reason)
