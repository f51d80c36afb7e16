"""Pictures of predicted classes and of importances: each function returns the bytes of a PNG.

`subject` says whose predictions they are and of which rows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pipelines.modeling.importance import Importances
from pipelines.modeling.metrics import (
    ClassificationMetrics,
    Curve,
    count_bins,
    precision_recall,
    reliability,
    roc,
)
from pipelines.modeling.pictures import (
    CHANCE,
    CLASS_SCALE,
    class_colours,
    encode_png,
    new_axes,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_BARS = 30  # features that the picture of importances shows; the JSON file has all


def draw_predictions(
    subject: str, metrics: ClassificationMetrics, classes: np.ndarray, probabilities: np.ndarray
) -> dict[str, bytes]:
    """Draw all pictures of some predictions; by file name."""
    names = [m.name for m in metrics.classes]
    return {
        "confusion.png": confusion(subject, metrics),
        "roc.png": roc_curves(subject, names, classes, probabilities),
        "precision_recall.png": precision_recall_curves(subject, names, classes, probabilities),
        "calibration.png": calibration(subject, names, classes, probabilities),
    }


def confusion(subject: str, metrics: ClassificationMetrics) -> bytes:
    """Draw how the rows of each class were predicted: every line adds up to 100 %."""
    counts = metrics.confusion
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    darkest = max(0.5, float(shares.max()))
    figures = f"macro F1 {metrics.macro_f1:.3f}, accuracy {metrics.accuracy:.1%}"
    axes = new_axes(
        "What happened, and what the model predicted", f"{subject}; {figures}", 7.6, 6.2
    )
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=darkest, aspect="auto")
    for (row, column), share in np.ndenumerate(shares):
        text = f"{share:.0%}\n{counts[row, column]:,}"
        colour = "white" if share > 0.6 * darkest else "black"
        axes.text(column, row, text, ha="center", va="center", color=colour)
    names = [m.name for m in metrics.classes]
    axes.set_xticks(range(len(names)), _count_labels(names, counts.sum(axis=0)))
    axes.set_yticks(range(len(names)), _count_labels(names, counts.sum(axis=1)))
    axes.tick_params(length=0)
    axes.set_xlabel("predicted class")
    axes.set_ylabel("what happened")
    return encode_png(axes)


def roc_curves(
    subject: str, names: Sequence[str], classes: np.ndarray, probabilities: np.ndarray
) -> bytes:
    """Draw true positives by false alarms, of each class against the others."""
    axes = new_axes("How well each class is separated from the others (ROC)", subject)
    axes.plot([0, 1], [0, 1], label="by chance: area 0.500", **CHANCE)
    _curves(axes, roc, "{name}: area {area:.3f}", names, classes, probabilities)
    axes.set(xlim=(0, 1), ylim=(0, 1.01))
    axes.set_xlabel("false alarms: share of the other rows that are predicted as it")
    axes.set_ylabel("true positives: share of the class's rows that are predicted as it")
    axes.legend(loc="lower right", frameon=False)
    return encode_png(axes)


def precision_recall_curves(
    subject: str, names: Sequence[str], classes: np.ndarray, probabilities: np.ndarray
) -> bytes:
    """Draw precision by recall, of each class against the others."""
    title = "How often a call is right, by how much it finds (precision and recall)"
    axes = new_axes(title, f"{subject}; dotted: by chance")
    shares = np.bincount(classes, minlength=len(names)) / len(classes)
    for colour, share in zip(class_colours(len(names)), shares, strict=True):
        axes.axhline(share, **(CHANCE | {"color": colour}))
    labels = [
        f"{name}: mean {{area:.3f}}, by chance {s:.3f}"
        for name, s in zip(names, shares, strict=True)
    ]
    curves = _curves(axes, precision_recall, labels, names, classes, probabilities)
    # The first few calls are right or wrong by luck: they do not set the scale.
    highest = max(0.1, *(float(curve.y[curve.x >= 0.05].max()) for curve in curves))
    axes.set(xlim=(0, 1), ylim=(0, min(1.01, 1.5 * highest)))
    axes.set_xlabel("recall: share of the class's rows that are found")
    axes.set_ylabel("precision: share of the calls that are right")
    axes.legend(loc="best", framealpha=0.8, edgecolor="none")
    return encode_png(axes)


def calibration(
    subject: str, names: Sequence[str], classes: np.ndarray, probabilities: np.ndarray
) -> bytes:
    """Draw how often each class happened, by its predicted probability."""
    axes = new_axes("Does a class happen as often as its probability says? (calibration)", subject)
    bins = count_bins(len(classes))

    def curve(happened: np.ndarray, probability: np.ndarray) -> Curve:
        return reliability(happened, probability, bins)

    label = "{name}: off by {area:.3f} in the mean"
    curves = _curves(axes, curve, label, names, classes, probabilities, marker="o", markersize=4)
    highest = min(
        1.0,
        1.1
        * max(
            float(max(reliability_curve.x.max(), reliability_curve.y.max()))
            for reliability_curve in curves
        ),
    )
    axes.plot([0, 1], [0, 1], label="as often as predicted", **CHANCE)
    axes.set(xlim=(0, highest), ylim=(0, highest))
    axes.set_xlabel(f"predicted probability (mean of each of {bins} equal groups of rows)")
    axes.set_ylabel("share of these rows where it happened")
    axes.legend(loc="upper left", frameon=False)
    return encode_png(axes)


def importance(subject: str, importances: Importances) -> bytes:
    """Draw the fit that is lost when a feature is shuffled, the greatest loss on top."""
    largest = importances.features[:MOST_BARS]
    title = "What the model leans on: fit lost when a feature is shuffled"
    rows = f"{importances.rows:,} of {importances.of:,} rows, {importances.draws} draws"
    omission = f"; {len(largest)} of {len(importances.features)} features" * (
        len(largest) < len(importances.features)
    )
    axes = new_axes(
        title,
        f"{subject}: {importances.measure} {importances.fit:.3f}; {rows}{omission}",
        8.4,
        1.6 + 0.26 * len(largest),
    )
    places = np.arange(len(largest))
    losses = np.array([feature.loss for feature in largest])
    spreads = [feature.spread for feature in largest]
    colours = [CLASS_SCALE[-1] if loss > 0 else CLASS_SCALE[2] for loss in losses]
    axes.barh(places, losses, xerr=spreads, color=colours, ecolor="#444444", height=0.7)
    axes.set_yticks(places, [feature.name for feature in largest])
    axes.invert_yaxis()
    axes.axvline(0, color="#444444", linewidth=1)
    axes.grid(axis="y", visible=False)
    axes.set_xlabel(f"{importances.measure} lost (the line: one standard deviation of the draws)")
    return encode_png(axes)


def _curves(
    axes: Axes,
    curve: Callable[[np.ndarray, np.ndarray], Curve],
    labels: str | Sequence[str],
    names: Sequence[str],
    classes: np.ndarray,
    probabilities: np.ndarray,
    **style: Any,
) -> list[Curve]:
    """Draw a line for each class, labelled with its area."""
    curves = []
    for place, (name, colour) in enumerate(zip(names, class_colours(len(names)), strict=True)):
        points = curve(classes == place, probabilities[:, place])
        text = labels if isinstance(labels, str) else labels[place]
        label = text.format(name=name, area=points.area)
        if np.isnan(points.area):
            label = f"{name}: not defined, as all or none of the rows are of it"
        axes.plot(points.x, points.y, color=colour, label=label, linewidth=1.8, **style)
        curves.append(points)
    return curves


def _count_labels(names: Sequence[str], counts: np.ndarray) -> list[str]:
    return [f"{name}\n{count:,} rows" for name, count in zip(names, counts, strict=True)]
