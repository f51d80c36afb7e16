"""The canvas of all pictures of models: axes, colours, and the bytes of a PNG.

Figures are made without pyplot, which keeps them for the whole process; the same numbers give the
same bytes. scikit-learn's displays are not used: they need pyplot, draw every point of a curve
(here at most 200), and share neither the palette nor the legends.
"""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes

DPI = 100
# From the lowest class to the highest.
CLASS_SCALE = ("#b2182b", "#ef8a62", "#808080", "#67a9cf", "#2166ac")
CHANCE: dict[str, Any] = {"color": "#444444", "linestyle": ":", "linewidth": 1.2}


def class_colours(count: int) -> list[tuple[float, float, float, float]]:
    """A colour for each class, from the lowest to the highest."""
    from matplotlib.colors import LinearSegmentedColormap

    scale = LinearSegmentedColormap.from_list("classes", CLASS_SCALE)
    return [scale(place) for place in np.linspace(0, 1, count)]


def new_axes(title: str, subtitle: str, width: float = 7.6, height: float = 5.6) -> Axes:
    """Axes of a new figure, with a title and a subtitle; sizes are in inches."""
    from matplotlib.figure import Figure

    axes = Figure(figsize=(width, height), layout="constrained").add_subplot()
    axes.set_title(title, loc="left", fontsize=12, fontweight="bold", pad=26)
    axes.text(
        0, 1.015, subtitle, transform=axes.transAxes, fontsize=9.5, color="#444444", va="bottom"
    )
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_axisbelow(True)
    return axes


def encode_png(axes: Axes) -> bytes:
    """The figure of the axes as a PNG."""
    content = BytesIO()
    figure = axes.get_figure(root=True)
    assert figure is not None
    figure.savefig(content, format="png", dpi=DPI, metadata={"Software": None})
    return content.getvalue()
