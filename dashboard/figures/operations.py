"""Figures of operations: what is largest, by name."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from dashboard import palette
from dashboard.words import visible

BAR = 30  # pixels of one bar


def draw_sizes(
    names: Sequence[str], values: Sequence[float], texts: Sequence[str], title: str
) -> go.Figure:
    """Draw a bar for each name, the first on top, with its value in words at its end."""
    figure = go.Figure(
        go.Bar(
            x=list(values), y=[visible(name) for name in names], orientation="h",
            text=list(texts), textposition="outside", cliponaxis=False,
            marker={"color": palette.FLAT}, hovertemplate="%{y}: %{text}<extra></extra>",
        )
    )  # fmt: skip
    figure.update_yaxes(autorange="reversed", type="category", showgrid=False)
    # Room for the words behind the longest bar.
    figure.update_xaxes(
        title={"text": title, "standoff": 4},
        showgrid=False,
        range=[0, 1.5 * max(values, default=1) or 1],
        showticklabels=False,
    )
    figure.update_layout(height=90 + BAR * len(names), bargap=0.35)
    return figure
