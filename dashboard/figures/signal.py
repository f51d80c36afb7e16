"""Charts of a signal and of a prediction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

from dashboard import palette
from dashboard.words import label, number, percent, visible

Row = Mapping[str, Any]


def draw_treemap(constituents: Sequence[Row], most: float) -> go.Figure:
    """Draw the constituents: the area is the share, the colour the score that it contributes."""
    rows = [row for row in constituents if row["share"] > 0]
    scores = [row["score"] for row in rows]
    texts = [
        f"{palette.mark_of(row['contribution']).sign} {number(row['contribution'], 3, sign=True)}"
        if row["score"] is not None
        else "not scored"
        for row in rows
    ]
    figure = go.Figure(
        go.Treemap(
            labels=[visible(row["symbol"]) for row in rows],
            parents=[""] * len(rows),
            values=[row["share"] for row in rows],
            text=texts,
            customdata=[
                [label(row["action"] or "not scored"), percent(row["share"])] for row in rows
            ],
            texttemplate="%{label}<br>%{text}",
            hovertemplate="%{label}: %{customdata[0]}, share %{customdata[1]}, contribution %{text}"
            "<extra></extra>",
            marker={
                "colors": [palette.blend(score or 0.0, most) for score in scores],
                "line": {"width": 1},
                "pad": {"t": 0, "l": 0, "r": 0, "b": 0},
            },
            textfont={"color": "#ffffff", "size": 14},
            tiling={"pad": 2},
            pathbar={"visible": False},
        )
    )
    figure.update_layout(height=380)
    return figure


def draw_contributions(contributions: Mapping[str, float], most: int = 15) -> go.Figure:
    """Draw what moved a prediction: the features that moved it most, the largest on top."""
    rows = sorted(contributions.items(), key=lambda item: abs(item[1]))[-most:]
    values = [value for _, value in rows]
    figure = go.Figure(
        go.Bar(
            x=values,
            y=[name for name, _ in rows],
            orientation="h",
            marker_color=[palette.mark_of(value).color for value in values],
            text=[
                f"{palette.mark_of(value).sign} {number(value, 3, sign=True)}" for value in values
            ],
            textposition="outside",
            cliponaxis=False,
            hovertemplate="%{y}: %{x:+.4f}<extra></extra>",
        )
    )
    reach = max(map(abs, values), default=1.0) * 1.35
    figure.update_xaxes(range=[-reach, reach])
    figure.update_layout(height=80 + 26 * len(rows))
    return figure
