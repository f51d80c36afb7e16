"""What a model is worth, as pictures: each function gives the bytes of a PNG.

`of` says whose predictions they are and of which rows. Figures are made without pyplot, which
keeps them for the whole process; the same numbers give the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np

from pipelines.modeling.importance import Importances
from pipelines.modeling.metrics import Curve, Metrics, precision_recall, reliability, roc

if TYPE_CHECKING:
    from matplotlib.axes import Axes

DPI = 100
MOST_BARS = 30  # of the importance; the JSON file beside it has all
# From the lowest class to the highest.
SCALE = ("#b2182b", "#ef8a62", "#808080", "#67a9cf", "#2166ac")
CHANCE: dict[str, Any] = {"color": "#444444", "linestyle": ":", "linewidth": 1.2}


def judged(
    of: str, metrics: Metrics, classes: np.ndarray, probabilities: np.ndarray
) -> dict[str, bytes]:
    """The pictures of some predictions, by file name."""
    names = [one.name for one in metrics.classes]
    return {
        "confusion.png": confusion(of, metrics),
        "roc.png": roc_curves(of, names, classes, probabilities),
        "precision_recall.png": precision_recall_curves(of, names, classes, probabilities),
        "calibration.png": calibration(of, names, classes, probabilities),
    }


def confusion(of: str, metrics: Metrics) -> bytes:
    """How the rows of each class were called: every line adds up to 100 %."""
    counted = metrics.confusion
    shares = counted / np.maximum(counted.sum(axis=1, keepdims=True), 1)
    darkest = max(0.5, float(shares.max()))
    figures = f"macro F1 {metrics.macro_f1:.3f}, accuracy {metrics.accuracy:.1%}"
    axes = _axes("What happened, and what the model said", f"{of}; {figures}", 7.6, 6.2)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=darkest, aspect="auto")
    for (line, column), share in np.ndenumerate(shares):
        said = f"{share:.0%}\n{counted[line, column]:,}"
        ink = "white" if share > 0.6 * darkest else "black"
        axes.text(column, line, said, ha="center", va="center", color=ink)
    names = [one.name for one in metrics.classes]
    axes.set_xticks(range(len(names)), _counted(names, counted.sum(axis=0)))
    axes.set_yticks(range(len(names)), _counted(names, counted.sum(axis=1)))
    axes.tick_params(length=0)
    axes.set_xlabel("what the model said")
    axes.set_ylabel("what happened")
    return _png(axes)


def roc_curves(
    of: str, names: Sequence[str], classes: np.ndarray, probabilities: np.ndarray
) -> bytes:
    """Each class against the others: rows found, by false alarms."""
    axes = _axes("How well each class is told from the others (ROC)", of)
    axes.plot([0, 1], [0, 1], label="by chance: area 0.500", **CHANCE)
    _curves(axes, roc, "{name}: area {area:.3f}", names, classes, probabilities)
    axes.set(xlim=(0, 1), ylim=(0, 1.01))
    axes.set_xlabel("false alarms: share of the other rows that are called it")
    axes.set_ylabel("found: share of the class's rows that are called it")
    axes.legend(loc="lower right", frameon=False)
    return _png(axes)


def precision_recall_curves(
    of: str, names: Sequence[str], classes: np.ndarray, probabilities: np.ndarray
) -> bytes:
    """Each class against the others: how often it is right, by how many rows it finds."""
    title = "How often a call is right, by how much it finds (precision and recall)"
    axes = _axes(title, f"{of}; dotted: by chance")
    shares = np.bincount(classes, minlength=len(names)) / len(classes)
    for colour, share in zip(_colours(len(names)), shares, strict=True):
        axes.axhline(share, **(CHANCE | {"color": colour}))
    told = [
        f"{name}: mean {{area:.3f}}, by chance {s:.3f}"
        for name, s in zip(names, shares, strict=True)
    ]
    drawn = _curves(axes, precision_recall, told, names, classes, probabilities)
    # The first few calls are right or wrong by luck: they do not set the scale.
    most = max(0.1, *(float(one.y[one.x >= 0.05].max()) for one in drawn))
    axes.set(xlim=(0, 1), ylim=(0, min(1.01, 1.5 * most)))
    axes.set_xlabel("recall: share of the class's rows that are found")
    axes.set_ylabel("precision: share of the calls that are right")
    axes.legend(loc="best", framealpha=0.8, edgecolor="none")
    return _png(axes)


def calibration(
    of: str, names: Sequence[str], classes: np.ndarray, probabilities: np.ndarray
) -> bytes:
    """What was said to be so probable, and how often it happened."""
    axes = _axes("Does it happen as often as it is said to? (calibration)", of)
    bins = max(2, min(10, len(classes) // 200))

    def curve(happened: np.ndarray, probability: np.ndarray) -> Curve:
        return reliability(happened, probability, bins)

    told = "{name}: off by {area:.3f} in the mean"
    drawn = _curves(axes, curve, told, names, classes, probabilities, marker="o", markersize=4)
    most = min(1.0, 1.1 * max(float(max(one.x.max(), one.y.max())) for one in drawn))
    axes.plot([0, 1], [0, 1], label="as often as said", **CHANCE)
    axes.set(xlim=(0, most), ylim=(0, most))
    axes.set_xlabel(f"probability that was given (mean of each of {bins} equal groups of rows)")
    axes.set_ylabel("share of these rows where it happened")
    axes.legend(loc="upper left", frameon=False)
    return _png(axes)


def importance(of: str, found: Importances) -> bytes:
    """What is lost when a feature is shuffled, the greatest loss on top."""
    shown = found.features[:MOST_BARS]
    title = "What the model leans on: fit lost when a feature is shuffled"
    rows = f"{found.rows:,} of {found.of:,} rows, {found.draws} draws"
    more = f"; {len(shown)} of {len(found.features)} features" * (len(shown) < len(found.features))
    axes = _axes(
        title, f"{of}: {found.measure} {found.fit:.3f}; {rows}{more}", 8.4, 1.6 + 0.26 * len(shown)
    )
    places = np.arange(len(shown))
    losses = np.array([one.loss for one in shown])
    spreads = [one.spread for one in shown]
    colours = [SCALE[-1] if loss > 0 else SCALE[2] for loss in losses]
    axes.barh(places, losses, xerr=spreads, color=colours, ecolor="#444444", height=0.7)
    axes.set_yticks(places, [one.name for one in shown])
    axes.invert_yaxis()
    axes.axvline(0, color="#444444", linewidth=1)
    axes.grid(axis="y", visible=False)
    axes.set_xlabel(f"{found.measure} lost (the line: one standard deviation of the draws)")
    return _png(axes)


def _curves(
    axes: Axes,
    curve: Callable[[np.ndarray, np.ndarray], Curve],
    told: str | Sequence[str],
    names: Sequence[str],
    classes: np.ndarray,
    probabilities: np.ndarray,
    **line: Any,
) -> list[Curve]:
    """A line a class, named with its area."""
    drawn = []
    for place, (name, colour) in enumerate(zip(names, _colours(len(names)), strict=True)):
        found = curve(classes == place, probabilities[:, place])
        text = told if isinstance(told, str) else told[place]
        label = text.format(name=name, area=found.area)
        if np.isnan(found.area):
            label = f"{name}: not to be told, as all or none of the rows are of it"
        axes.plot(found.x, found.y, color=colour, label=label, linewidth=1.8, **line)
        drawn.append(found)
    return drawn


def _counted(names: Sequence[str], counts: np.ndarray) -> list[str]:
    return [f"{name}\n{count:,} rows" for name, count in zip(names, counts, strict=True)]


def _colours(count: int) -> list[tuple[float, float, float, float]]:
    from matplotlib.colors import LinearSegmentedColormap

    scale = LinearSegmentedColormap.from_list("classes", SCALE)
    return [scale(place) for place in np.linspace(0, 1, count)]


def _axes(title: str, subtitle: str, width: float = 7.6, height: float = 5.6) -> Axes:
    from matplotlib.figure import Figure

    axes = Figure(figsize=(width, height), layout="constrained").add_subplot()
    axes.set_title(title, loc="left", fontsize=12, fontweight="bold", pad=26)
    axes.text(
        0, 1.015, subtitle, transform=axes.transAxes, fontsize=9.5, color="#444444", va="bottom"
    )
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_axisbelow(True)
    return axes


def _png(axes: Axes) -> bytes:
    made = BytesIO()
    figure = axes.get_figure(root=True)
    assert figure is not None
    figure.savefig(made, format="png", dpi=DPI, metadata={"Software": None})
    return made.getvalue()
