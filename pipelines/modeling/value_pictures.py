"""Pictures of predicted values: each function returns the bytes of a PNG."""

from __future__ import annotations

import numpy as np

from pipelines.modeling.pictures import CHANCE, CLASS_SCALE, encode_png, new_axes
from pipelines.modeling.value_metrics import ValueMetrics, group_by_prediction, is_inside

LOW, NEUTRAL, HIGH = CLASS_SCALE[0], CLASS_SCALE[2], CLASS_SCALE[-1]


def draw_predictions(
    subject: str, metrics: ValueMetrics, truth: np.ndarray, outputs: np.ndarray
) -> dict[str, bytes]:
    """Draw all pictures of some predictions; by file name."""
    return {
        "values.png": values(subject, metrics, truth, outputs),
        "residuals.png": residuals(subject, metrics, truth, outputs),
    }


def values(subject: str, metrics: ValueMetrics, truth: np.ndarray, outputs: np.ndarray) -> bytes:
    """Draw outcomes by predictions: of each row, and as means of similar predictions."""
    subtitle = f"{subject}; R squared {metrics.r2:.4f}, rank IC {metrics.rank_ic:.3f}"
    axes = new_axes("What the model predicted, and what happened", subtitle)
    predictions = outputs[:, 0]
    axes.scatter(predictions, truth, s=9, color=NEUTRAL, alpha=0.35, linewidths=0, label="a row")
    groups = group_by_prediction(predictions)
    means = np.array([(predictions[group].mean(), truth[group].mean()) for group in groups])
    axes.plot(*means.T, color=HIGH, marker="o", label=f"mean of each of {len(groups)} equal groups")
    ends = np.array([predictions.min(), predictions.max()])
    axes.plot(ends, ends, label="as predicted", **CHANCE)
    axes.set_xlabel("predicted value")
    axes.set_ylabel("value that happened")
    axes.legend(loc="best", framealpha=0.8, edgecolor="none")
    return encode_png(axes)


def residuals(subject: str, metrics: ValueMetrics, truth: np.ndarray, outputs: np.ndarray) -> bytes:
    """Draw the residual of each row, with the interval that was predicted."""
    subtitle = f"{subject}; RMSE {metrics.rmse:.4g}, {metrics.coverage:.1%} of the rows inside"
    axes = new_axes("How far off the model was, from row to row", subtitle, 8.4)
    places, residuals = np.arange(len(truth)), truth - outputs[:, 0]
    inside = is_inside(truth, outputs)
    low, high = (outputs[:, end] - outputs[:, 0] for end in (1, 2))
    axes.fill_between(places, low, high, color=HIGH, alpha=0.2, linewidth=0, label="interval")
    for rows, colour, name in ((inside, NEUTRAL, "inside"), (~inside, LOW, "outside")):
        label = f"{name}: {rows.sum():,} rows"
        axes.scatter(places[rows], residuals[rows], s=9, color=colour, linewidths=0, label=label)
    axes.axhline(0, **CHANCE)
    axes.set_xlabel("rows, the oldest first")
    axes.set_ylabel("what happened, less the prediction")
    axes.legend(loc="best", framealpha=0.8, edgecolor="none")
    return encode_png(axes)
