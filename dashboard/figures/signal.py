"""Figures of a signal and of a prediction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

from dashboard import palette
from dashboard.words import label, number, percent, visible

Row = Mapping[str, Any]


def draw_scale(signal: Row, most: float) -> go.Figure:
    """Draw the WSS and the expected WSS on a scale whose zones are the signal's thresholds."""
    thresholds = signal["thresholds"]
    sell_at, buy_at = thresholds["sell_at"], thresholds["buy_at"]
    figure = go.Figure()
    for name, low, high in (
        ("SELL", -most, sell_at),
        ("HOLD", sell_at, buy_at),
        ("BUY", buy_at, most),
    ):
        color = palette.MARKS[name].color
        figure.add_shape(
            type="rect", x0=low, x1=high, y0=0, y1=1, fillcolor=color, opacity=0.22, line_width=0
        )
        figure.add_annotation(
            x=(low + high) / 2, y=0.5, text=f"{palette.MARKS[name].sign} {name}", showarrow=False,
            font={"color": color, "size": 14},
        )  # fmt: skip
    for field, name, symbol, y in (
        ("wss", "WSS", "triangle-down", 1.0),
        ("expected_wss", "expected WSS", "triangle-up-open", 0.0),
    ):
        value = signal[field]
        if value is None:
            continue
        figure.add_trace(
            go.Scatter(
                x=[value], y=[y], mode="markers+text", name=name,
                text=[f"{name} {number(value, 3, sign=True)}"],
                textposition="top center" if y else "bottom center",
                marker={"symbol": symbol, "size": 14, "color": palette.FLAT, "line": {"width": 2}},
                hovertemplate=f"{name} %{{x:+.3f}}<extra></extra>", cliponaxis=False,
            )
        )  # fmt: skip
    figure.update_xaxes(
        range=[-1.15 * most, 1.15 * most], tickvals=[-most, sell_at, 0, buy_at, most]
    )
    figure.update_yaxes(range=[-0.75, 1.75], visible=False, fixedrange=True)
    figure.update_layout(height=180, showlegend=False)
    return figure


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
            },
            textfont={"color": "#ffffff", "size": 14},
            tiling={"pad": 2},
            pathbar={"visible": False},
        )
    )
    figure.update_layout(height=380)
    return figure


def draw_probabilities(target: Row, prediction: Row) -> go.Figure:
    """Draw the probability of each class, from the lowest to the highest score."""
    names, most = target["classes"], max(map(abs, target["scores"]), default=1.0)
    shares = [prediction["probabilities"][name] for name in names]
    figure = go.Figure(
        go.Bar(
            x=shares,
            y=[("● " if name == prediction["action"] else "") + label(name) for name in names],
            orientation="h",
            marker_color=[palette.blend(score, most) for score in target["scores"]],
            text=[percent(share) for share in shares],
            textposition="outside",
            cliponaxis=False,
            hovertemplate="%{y}: %{x:.1%}<extra></extra>",
        )
    )
    figure.update_xaxes(range=[0, max(shares) * 1.2], tickformat=".0%")
    figure.update_layout(height=60 + 42 * len(names), title="Probability of each class")
    return figure


def draw_value(prediction: Row) -> go.Figure:
    """Draw a value with its interval."""
    low, value, high = (prediction[name] for name in ("value_low", "value", "value_high"))
    coverage = percent(prediction["value_coverage"], 0)
    figure = go.Figure(
        go.Scatter(
            x=[value], y=[0], mode="markers+text",
            text=[percent(value, 2, sign=True)], textposition="top center",
            marker={"size": 14, "symbol": "diamond", "color": palette.mark_of(value).color},
            error_x={"type": "data", "symmetric": False, "array": [high - value],
                     "arrayminus": [value - low], "color": palette.FLAT, "thickness": 3},
            hovertemplate=f"%{{x:+.2%}}, {coverage} interval {percent(low, 2, sign=True)} to "
            f"{percent(high, 2, sign=True)}<extra></extra>",
        )
    )  # fmt: skip
    figure.add_vline(x=0, line_dash="dot", line_color=palette.FLAT)
    figure.update_xaxes(tickformat="+.1%")
    figure.update_yaxes(visible=False, range=[-1, 1])
    figure.update_layout(height=180, title=f"Value, with its {coverage} interval")
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


def draw_risk(risk: Row) -> go.Figure:
    """Draw a gauge of the uncertainty; its hand is the entropy of the probabilities."""
    figure = go.Figure(
        go.Indicator(
            mode="gauge+number",
            value=round(100 * risk["uncertainty"], 1),
            domain={"x": [0.1, 0.9], "y": [0, 0.82]},
            number={"suffix": "%", "font": {"size": 28}},
            title={"text": "Uncertainty", "font": {"size": 14}},
            gauge={
                "axis": {"range": [0, 100], "ticksuffix": "%", "nticks": 6},
                "bar": {"color": palette.UP, "thickness": 0.5},
                "bordercolor": palette.GRID,
                "bgcolor": "rgba(0,0,0,0)",
                "steps": [
                    {"range": [0, 50], "color": "rgba(138,148,163,0.12)"},
                    {"range": [50, 80], "color": "rgba(138,148,163,0.24)"},
                    {"range": [80, 100], "color": "rgba(138,148,163,0.40)"},
                ],
            },
        )
    )
    figure.update_layout(height=220)
    return figure
