"""Models of classes that tests put together from a fitted candidate."""

from __future__ import annotations

from pipelines.modeling.action_rules import BY_EXPECTED_SCORE, ActionRule
from pipelines.modeling.calibration import Calibration, ClassModel
from pipelines.modeling.candidates import Fitted
from pipelines.modeling.comparison import Comparison


def build_model(
    comparison: Comparison,
    fitted: Fitted,
    temperature: float = 1.0,
    rule: ActionRule = BY_EXPECTED_SCORE,
) -> ClassModel:
    """The candidate with that temperature; its rule has learned from the selection rows."""
    scores, calibration = comparison.label.scores, Calibration(comparison.shares, temperature)
    balanced = fitted.balanced_probabilities(comparison.selection.rows.features)
    thresholds = rule.learn(calibration.probabilities(balanced), scores, comparison.shares)
    return ClassModel(fitted, calibration, rule, scores, thresholds)
