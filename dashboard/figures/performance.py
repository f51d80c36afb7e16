"""Figures of performance: what signals earned, how often they hit, what was promised and came."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from dashboard import palette
from dashboard.clock import Clock
from dashboard.words import label, percent, visible

Row = Mapping[str, Any]
TICKS = 6  # dates below a curve
PANELS = 3  # classes beside each other


def draw_curve(rows: Sequence[Row], clock: Clock, name: str) -> go.Figure:
    """Draw what was earned beside being always long, and below it the drawdown; oldest first.

    Bars lie side by side, so that nights take no room.
    """
    figure = make_subplots(
        rows=2, cols=1, shared_xaxes=True, row_heights=[0.72, 0.28], vertical_spacing=0.05
    )
    places, times = list(range(len(rows))), [clock.minute(row["closes_at"]) for row in rows]
    for field, title, color, dash, width in (
        ("cumulative_long", "always long", palette.FLAT, "dash", 1.8),
        ("cumulative", name, palette.SECOND, "solid", 2.4),
    ):
        figure.add_trace(
            go.Scatter(
                x=places, y=[row[field] for row in rows], name=title, mode="lines",
                customdata=times, line={"color": color, "dash": dash, "width": width},
                hovertemplate="%{customdata}: %{y:+.2%}<extra>" + title + "</extra>",
            ),
            row=1, col=1,
        )  # fmt: skip
    figure.add_trace(
        go.Scatter(
            x=places, y=[-row["drawdown"] for row in rows], name="drawdown", mode="lines",
            fill="tozeroy", customdata=times, line={"color": palette.FOURTH, "width": 1.2},
            hovertemplate="%{customdata}: %{y:.2%}<extra>drawdown</extra>",
        ),
        row=2, col=1,
    )  # fmt: skip
    figure.add_hline(y=0, line_dash="dot", line_color=palette.FLAT, row=1, col=1)
    figure.update_yaxes(title="sum of returns", tickformat="+.1%", row=1, col=1)
    figure.update_yaxes(title="drawdown", tickformat=".1%", nticks=4, row=2, col=1)
    step = max(1, len(rows) // TICKS)
    ticks = places[step // 2 :: step]
    figure.update_xaxes(
        tickvals=ticks, ticktext=tick_texts([times[place] for place in ticks]), tickangle=0
    )
    figure.update_layout(height=430, hovermode="x")
    return figure


def tick_texts(times: Sequence[str]) -> list[str]:
    """Return the days of some times; where two are of one day, with the hour below."""
    days = [time[:10] for time in times]
    if len(set(days)) == len(days):
        return days
    return [f"{time[:10]}<br>{time[11:16]}" for time in times]


def draw_hits(rows: Sequence[Row], title: str) -> go.Figure:
    """Draw the hit rate of each group with its interval; the line is a coin's."""
    figure = go.Figure(
        go.Scatter(
            x=[row["rate"] for row in rows],
            y=[f"{visible(row['group'])} ({row['signals']:,})" for row in rows],
            mode="markers", marker={"size": 11, "symbol": "diamond", "color": palette.SECOND},
            error_x=_interval([row["rate"] for row in rows], rows),
            hovertemplate="%{y}: %{x:.1%}<extra></extra>", cliponaxis=False,
        )
    )  # fmt: skip
    figure.add_vline(x=0.5, line_dash="dot", line_color=palette.FLAT)
    ends = [0.5, *(row["rate"] for row in rows)]
    ends += [row[end] for row in rows for end in ("low", "high") if row[end] is not None]
    reach = [max(-0.04, min(ends) - 0.05), min(1.04, max(ends) + 0.05)]
    figure.update_xaxes(range=reach, tickformat=".0%")
    figure.update_yaxes(type="category", autorange="reversed", title=title)
    figure.update_layout(height=110 + 40 * len(rows), showlegend=False)
    return figure


def draw_returns_by_score(rows: Sequence[Row], clock: Clock) -> go.Figure:
    """Draw what the index did next by the WSS, a mark a signal."""
    figure = go.Figure()
    shapes = {"SELL": "triangle-down", "HOLD": "square", "BUY": "triangle-up"}
    for signal, shape in shapes.items():
        own = [row for row in rows if row["signal"] == signal and row["next_return"] is not None]
        mark = palette.MARKS[signal]
        figure.add_trace(
            go.Scatter(
                x=[row["wss"] for row in own], y=[row["next_return"] for row in own],
                customdata=[clock.minute(row["closes_at"]) for row in own],
                mode="markers", name=signal,
                marker={"symbol": shape, "size": 8, "color": mark.color, "opacity": 0.75},
                hovertemplate="%{customdata}: WSS %{x:+.2f}, then %{y:+.2%}"
                f"<extra>{signal}</extra>",
            )
        )  # fmt: skip
    figure.add_hline(y=0, line_dash="dot", line_color=palette.FLAT)
    figure.add_vline(x=0, line_dash="dot", line_color=palette.FLAT)
    figure.update_xaxes(title="WSS")
    figure.update_yaxes(title="next return", tickformat="+.1%")
    figure.update_layout(height=380)
    return figure


def draw_calibration(live: Sequence[Row], promised: Sequence[Row], target: Row) -> go.Figure:
    """Draw how often each class came by its probability: now, and at the training.

    On the dotted line a class comes exactly as often as predicted.
    """
    names = target["classes"]
    columns = min(PANELS, len(names))
    lines = -(-len(names) // columns)
    figure = make_subplots(
        rows=lines, cols=columns, subplot_titles=[label(name) for name in names],
        horizontal_spacing=0.09, vertical_spacing=0.24,
    )  # fmt: skip
    for place, name in enumerate(names):
        row, column = divmod(place, columns)
        cell: dict[str, Any] = {"row": row + 1, "col": column + 1}
        now = [group for group in live if group["name"] == name]
        then = [point for point in promised if point["name"] == name]
        values = [*(group["promised"] for group in now), *(group["came"] for group in now)]
        values += [point[axis] for point in then for axis in ("x", "y")]
        most = min(1.0, 1.15 * max((value for value in values if value is not None), default=1.0))
        figure.add_trace(_line([0, most], [0, most], "dot"), **cell)
        figure.add_trace(
            _line([p["x"] for p in then], [p["y"] for p in then], "dash"),
            **cell,
        )
        figure.add_trace(
            go.Scatter(
                x=[group["promised"] for group in now], y=[group["came"] for group in now],
                customdata=[group["row_count"] for group in now], mode="markers",
                marker={"size": 10, "symbol": "diamond", "color": palette.SECOND},
                error_y=_interval([group["came"] for group in now], now),
                hovertemplate="promised %{x:.1%}, came %{y:.1%} of %{customdata:,}"
                f"<extra>{label(name)}</extra>",
            ),
            **cell,
        )  # fmt: skip
    figure.update_xaxes(tickformat=".0%", rangemode="tozero", nticks=4)
    figure.update_yaxes(tickformat=".0%", rangemode="tozero", nticks=5)
    figure.update_layout(height=90 + 240 * lines, showlegend=False)
    return figure


def draw_coverage(group: Row) -> go.Figure:
    """Draw how many outcomes an interval held beside how many it promised."""
    figure = go.Figure(
        go.Scatter(
            x=[group["came"]], y=["came"], mode="markers+text", text=[percent(group["came"])],
            textposition="top center",
            marker={"size": 13, "symbol": "diamond", "color": palette.SECOND},
            error_x=_interval([group["came"]], [group]), cliponaxis=False,
            hovertemplate="%{x:.1%} inside the interval<extra></extra>",
        )
    )  # fmt: skip
    figure.add_vline(
        x=group["promised"], line_dash="dash", line_color=palette.FLAT,
        annotation_text=f"promised {percent(group['promised'], 0)}", annotation_xshift=4,
    )  # fmt: skip
    figure.update_xaxes(range=[-0.02, 1.02], tickformat=".0%")
    figure.update_yaxes(visible=False)
    figure.update_layout(height=170)
    return figure


def _line(x: Sequence[Any], y: Sequence[Any], dash: str) -> go.Scatter:
    color = palette.FLAT if dash == "dot" else palette.THIRD
    return go.Scatter(
        x=x, y=y, mode="lines", line={"dash": dash, "color": color, "width": 1.8}, hoverinfo="skip"
    )  # fmt: skip


def _interval(values: Sequence[float | None], rows: Sequence[Row]) -> dict[str, Any]:
    """Return error bars from low to high, inside 0 and 1; none where there is no interval."""
    ends = [
        (min(1.0, row["high"]) - value, value - max(0.0, row["low"]))
        if value is not None and row["low"] is not None
        else (0.0, 0.0)
        for value, row in zip(values, rows, strict=True)
    ]
    return {
        "type": "data", "symmetric": False, "color": palette.FLAT, "thickness": 2,
        "array": [max(0.0, above) for above, _ in ends],
        "arrayminus": [max(0.0, below) for _, below in ends],
    }  # fmt: skip
