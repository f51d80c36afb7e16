"""Figures of news: the signal's strength over time, against a price."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from dashboard import palette
from dashboard.clock import Clock

Row = Mapping[str, Any]


def draw_strength(
    signals: Sequence[Row],
    bars: Sequence[Row],
    symbol: str,
    span: tuple[datetime, datetime],
    clock: Clock,
) -> go.Figure:
    """Draw the mean sentiment of each window, and below it the stories; the price is a line."""
    figure = make_subplots(
        rows=2, cols=1, shared_xaxes=True, row_heights=[0.7, 0.3], vertical_spacing=0.06,
        specs=[[{"secondary_y": True}], [{}]],
    )  # fmt: skip
    times = [_naive(row["window_end"], clock) for row in signals]
    values = [row["avg_sentiment"] for row in signals]
    figure.add_trace(
        go.Bar(
            x=times, y=values, name="mean sentiment",
            marker_color=[palette.mark_of(value).color for value in values],
            hovertemplate="%{x|%Y-%m-%d %H:%M}: sentiment %{y:+.3f}<extra></extra>",
        ),
        row=1, col=1,
    )  # fmt: skip
    figure.add_trace(
        go.Bar(
            x=times, y=[row["article_count"] for row in signals], name="stories",
            marker_color=palette.FLAT,
            hovertemplate="%{x|%Y-%m-%d %H:%M}: %{y} stories<extra></extra>",
        ),
        row=2, col=1,
    )  # fmt: skip
    for value, sign in ((1, "triangle-up"), (-1, "triangle-down")):
        signal_rows = [row for row in signals if row["trading_signal"] == value]
        figure.add_trace(
            go.Scatter(
                x=[_naive(row["window_end"], clock) for row in signal_rows],
                y=[row["avg_sentiment"] for row in signal_rows],
                mode="markers", name="buy" if value > 0 else "sell",
                marker={"symbol": sign, "size": 9, "color": palette.mark_of(value).color,
                        "line": {"width": 1, "color": "#ffffff"}},
                hovertemplate="%{x|%Y-%m-%d %H:%M}<extra>signal</extra>",
            ),
            row=1, col=1,
        )  # fmt: skip
    if bars:
        figure.add_trace(
            go.Scatter(
                x=[_naive(row["closes_at"], clock) for row in bars],
                y=[row["close"] for row in bars],
                name=f"{symbol} close", mode="lines", line={"color": palette.SECOND, "width": 2},
                hovertemplate="%{x|%Y-%m-%d %H:%M}: %{y:,.2f}<extra></extra>",
            ),
            row=1, col=1, secondary_y=True,
        )  # fmt: skip
    figure.update_yaxes(title="sentiment", range=[-1.05, 1.05], row=1, col=1, secondary_y=False)
    figure.update_yaxes(title=f"{symbol} close", showgrid=False, row=1, col=1, secondary_y=True)
    figure.update_yaxes(title="stories", row=2, col=1)
    figure.update_xaxes(range=[_naive(time, clock) for time in span])
    figure.update_layout(height=480, bargap=0.1, barmode="overlay")
    return figure


def _naive(time: str | datetime, clock: Clock) -> datetime:
    """Return a time as the clock shows it; Plotly draws what it gets."""
    return clock.local(time).replace(tzinfo=None)
