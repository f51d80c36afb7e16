"""Turn balanced probabilities into the probabilities of the classes.

A candidate is fitted as if classes were equally frequent, and gives balanced probabilities. The
probability of a class is its balanced probability, sharpened or softened by a temperature, times
the share of the class among training rows: three steps in ONNX. The class that is published is
chosen by the target's rule (action_rules.py).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipelines.modeling.action_rules import ActionRule
from pipelines.modeling.candidates.base import Fitted
from pipelines.modeling.dataset import Rows
from pipelines.modeling.metrics import log_loss

SMALLEST_PROBABILITY = 1e-7  # smaller balanced ones are raised to it before the logarithm
LOWEST_TEMPERATURE, HIGHEST_TEMPERATURE = 0.2, 20.0
LEAST_ROWS = 100  # rows to fit a temperature on, and to try it on


@dataclass(frozen=True)
class Calibration:
    """The shares of the classes among training rows, and a temperature; 1 changes nothing."""

    shares: tuple[float, ...]
    temperature: float = 1.0

    def probabilities(self, balanced: np.ndarray) -> np.ndarray:
        logs = np.log(np.maximum(balanced, SMALLEST_PROBABILITY)) / self.temperature + np.log(
            self.shares
        )
        powers = np.exp(logs - logs.max(axis=1, keepdims=True))
        shares: np.ndarray = powers / powers.sum(axis=1, keepdims=True)
        return shares


@dataclass(frozen=True)
class CalibrationReport:
    """The calibration that is used and why, with the log loss on rows it was not fitted on."""

    calibration: Calibration
    improved: bool  # whether the fitted temperature is used
    fitted_temperature: float
    loss_before: float | None  # None: there were too few rows to try it
    loss_after: float | None
    reason: str


@dataclass(frozen=True, eq=False)
class ClassModel:
    """A fitted candidate with its calibration and its rule, as it is published."""

    fitted: Fitted
    calibration: Calibration
    rule: ActionRule
    scores: tuple[float, ...]  # of the classes
    score_thresholds: tuple[float, ...]  # that the rule learned

    def score(self, features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The probabilities of each row's classes, and the class that is published."""
        return self.decide(self.fitted.balanced_probabilities(features))

    def decide(self, balanced: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The same from the balanced probabilities of the rows."""
        probabilities = self.calibration.probabilities(balanced)
        return probabilities, self.rule.choose(
            probabilities, self.scores, self.calibration.shares, self.score_thresholds
        )


def fit_temperature(shares: tuple[float, ...], balanced: np.ndarray, classes: np.ndarray) -> float:
    """Fit the temperature with the smallest log loss."""
    from scipy.optimize import minimize_scalar

    def loss(log_temperature: float) -> float:
        probabilities = Calibration(shares, float(np.exp(log_temperature))).probabilities(balanced)
        return log_loss(classes, probabilities)

    result = minimize_scalar(
        loss,
        bounds=(np.log(LOWEST_TEMPERATURE), np.log(HIGHEST_TEMPERATURE)),
        method="bounded",
        options={"xatol": 1e-4},
    )
    return float(np.exp(result.x))


def calibrate(
    shares: tuple[float, ...], balanced: np.ndarray, classes: np.ndarray, rows: Rows
) -> CalibrationReport:
    """Fit a temperature on the older half of the rows, and keep it if it helps on the newer."""
    uncalibrated = Calibration(shares)
    sessions = np.unique(rows.session)
    if len(sessions) < 2:
        return CalibrationReport(
            uncalibrated, False, 1.0, None, None, "one session cannot be halved"
        )
    newer = rows.session >= sessions[len(sessions) // 2]
    older = ~newer & (rows.known_at < rows.closes_at[newer].min())
    if min(older.sum(), newer.sum()) < LEAST_ROWS:
        reason = f"{older.sum()} and {newer.sum()} rows are too few to fit and to try it on"
        return CalibrationReport(uncalibrated, False, 1.0, None, None, reason)
    candidate = Calibration(shares, fit_temperature(shares, balanced[older], classes[older]))
    before, after = (
        log_loss(classes[newer], calibration.probabilities(balanced[newer]))
        for calibration in (uncalibrated, candidate)
    )
    helps = after < before
    reason = (
        f"a temperature of {candidate.temperature:.3f} takes the log loss from {before:.4f} to"
        f" {after:.4f} on rows it was not fitted on: {'kept' if helps else 'not kept'}"
    )
    return CalibrationReport(
        candidate if helps else uncalibrated, helps, candidate.temperature, before, after, reason
    )
