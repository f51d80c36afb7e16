"""What values that were said are worth, as pictures: each function gives the bytes of a PNG."""

from __future__ import annotations

import numpy as np

from pipelines.modeling.class_pictures import CHANCE, SCALE, _axes, _png
from pipelines.modeling.values import ValueMetrics, inside

GROUPS = 10  # of equally many rows, whose means are drawn
LOW, STILL, HIGH = SCALE[0], SCALE[2], SCALE[-1]


def judged(
    of: str, metrics: ValueMetrics, truth: np.ndarray, given: np.ndarray
) -> dict[str, bytes]:
    """The pictures of some predictions, by file name."""
    return {
        "values.png": values(of, metrics, truth, given),
        "residuals.png": residuals(of, metrics, truth, given),
    }


def values(of: str, metrics: ValueMetrics, truth: np.ndarray, given: np.ndarray) -> bytes:
    """What happened, by what was said; and the same in the mean of rows that were said alike."""
    told = f"{of}; R squared {metrics.r2:.4f}, rank IC {metrics.rank_ic:.3f}"
    axes = _axes("What the model said, and what happened", told)
    said = given[:, 0]
    axes.scatter(said, truth, s=9, color=STILL, alpha=0.35, linewidths=0, label="a row")
    groups = np.array_split(np.argsort(said, kind="stable"), max(1, min(GROUPS, len(said) // 5)))
    means = np.array([(said[group].mean(), truth[group].mean()) for group in groups])
    axes.plot(*means.T, color=HIGH, marker="o", label=f"mean of each of {len(groups)} equal groups")
    ends = np.array([said.min(), said.max()])
    axes.plot(ends, ends, label="as it was said", **CHANCE)
    axes.set_xlabel("value that was said")
    axes.set_ylabel("value that happened")
    axes.legend(loc="best", framealpha=0.8, edgecolor="none")
    return _png(axes)


def residuals(of: str, metrics: ValueMetrics, truth: np.ndarray, given: np.ndarray) -> bytes:
    """How far each row ended from what was said of it, beside the interval it was given."""
    told = f"{of}; RMSE {metrics.rmse:.4g}, {metrics.coverage:.1%} of the rows inside"
    axes = _axes("How far off the model was, from row to row", told, 8.4)
    places, left = np.arange(len(truth)), truth - given[:, 0]
    held = inside(truth, given)
    low, high = (given[:, end] - given[:, 0] for end in (1, 2))
    axes.fill_between(places, low, high, color=HIGH, alpha=0.2, linewidth=0, label="interval")
    for which, colour, name in ((held, STILL, "inside"), (~held, LOW, "outside")):
        label = f"{name}: {which.sum():,} rows"
        axes.scatter(places[which], left[which], s=9, color=colour, linewidths=0, label=label)
    axes.axhline(0, **CHANCE)
    axes.set_xlabel("rows, the oldest first")
    axes.set_ylabel("what happened, less what was said")
    axes.legend(loc="best", framealpha=0.8, edgecolor="none")
    return _png(axes)
