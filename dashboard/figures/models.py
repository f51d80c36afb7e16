"""Figures of a model: its gates, its curves, what it leans on, and drift since."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

from dashboard import palette
from dashboard.words import label, number, percent, short

Row = Mapping[str, Any]
PALE, DEEP = "#ece9f4", "#a18bd6"  # of cells whose text is dark in both themes
DASHES = ("solid", "dash", "dot", "dashdot", "longdash")
COLORS = (palette.DOWN, palette.FOURTH, palette.FLAT, palette.THIRD, palette.UP)


def draw_gates(gates: Sequence[Row]) -> go.Figure:
    """Draw each gate on a scale of its own: the limit, the zone that passes, the value."""
    figure = go.Figure()
    bounded_gates = [
        gate for gate in gates if gate["value"] is not None and gate["limit"] is not None
    ]
    for passed, symbol, color in ((True, "diamond", palette.FINE), (False, "x", palette.BAD)):
        own = [(y, gate) for y, gate in enumerate(bounded_gates) if gate["passed"] is passed]
        figure.add_trace(
            go.Scatter(
                x=[_place(gate, "value") for _, gate in own], y=[y for y, _ in own],
                mode="markers", name="passed" if passed else "not passed",
                marker={"symbol": symbol, "size": 12, "color": color},
                error_x=_bounds([gate for _, gate in own]),
                text=[_words(gate) for _, gate in own],
                hovertemplate="%{text}<extra></extra>",
            )
        )  # fmt: skip
    for y, gate in enumerate(bounded_gates):
        limit = _place(gate, "limit")
        low, high = (limit, 1.0) if gate["needs"] == "at_least" else (0.0, limit)
        for x0, x1, color, opacity in (
            (0.0, 1.0, palette.FLAT, 0.10), (low, high, palette.FINE, 0.18)
        ):  # fmt: skip
            figure.add_shape(
                type="rect", x0=x0, x1=x1, y0=y - 0.36, y1=y + 0.36, fillcolor=color,
                opacity=opacity, line_width=0, layer="below",
            )  # fmt: skip
        figure.add_shape(
            type="line", x0=limit, x1=limit, y0=y - 0.42, y1=y + 0.42,
            line={"color": palette.FLAT, "width": 3},
        )  # fmt: skip
        figure.add_annotation(
            x=1.02, y=y, text=_words(gate), showarrow=False, xanchor="left", font={"size": 12}
        )
    names = [
        f"{'✓' if gate['passed'] else '✗'} {label(gate['gate'])}"
        + ("" if gate["blocking"] else " (warns)")
        for gate in bounded_gates
    ]
    figure.update_yaxes(
        tickvals=list(range(len(names))), ticktext=names, range=[len(names) - 0.4, -0.6],
        showgrid=False, fixedrange=True, tickfont={"size": 13},
    )  # fmt: skip
    figure.update_xaxes(range=[0, 1.55], visible=False, fixedrange=True)
    figure.update_layout(height=70 + 36 * len(bounded_gates))
    return figure


def _words(gate: Row) -> str:
    """Write a gate's value, its interval and its limit."""
    sign = "≥" if gate["needs"] == "at_least" else "≤"
    bounds = "" if gate["low"] is None else f" ({short(gate['low'])} to {short(gate['high'])})"
    return f"{short(gate['value'])}{bounds} {sign} {short(gate['limit'])}"


def _place(gate: Row, name: str) -> float:
    """Return the place of one of a gate's numbers on its own scale, from 0 to 1."""
    numbers = [gate[key] for key in ("value", "low", "high", "limit") if gate[key] is not None]
    least, most = min(0.0, *numbers), max(0.0, *numbers)
    wide = most - least
    return 0.5 if not wide else 0.08 + 0.84 * (gate[name] - least) / wide


def _bounds(gates: Sequence[Row]) -> dict[str, Any]:
    ends = [
        (_place(g, "high") - _place(g, "value"), _place(g, "value") - _place(g, "low"))
        if g["low"] is not None and g["high"] is not None
        else (0.0, 0.0)
        for g in gates
    ]
    return {
        "type": "data", "symmetric": False, "thickness": 2, "color": palette.FLAT,
        "array": [above for above, _ in ends], "arrayminus": [below for _, below in ends],
    }  # fmt: skip


def draw_roc(rows: Sequence[Row], classes: Sequence[str]) -> go.Figure:
    """Draw the ROC curve of each class against the others, with its area."""
    figure = _new_square()
    for place, name in enumerate(classes):
        points = [row for row in rows if row["name"] == name]
        if not points:
            continue
        area = points[0]["area"]
        words = (
            f"{label(name)} {number(area, 3)}" if area is not None else f"{label(name)}: not there"
        )
        figure.add_trace(
            go.Scatter(
                x=[row["x"] for row in points], y=[row["y"] for row in points], mode="lines",
                name=words, line=_style(place, len(classes)),
                hovertemplate="false %{x:.1%}, true %{y:.1%}<extra>" + label(name) + "</extra>",
            )
        )  # fmt: skip
    figure.update_xaxes(title="false positives", tickformat=".0%", range=[0, 1])
    figure.update_yaxes(title="true positives", tickformat=".0%", range=[0, 1.01])
    return figure


def draw_calibration(rows: Sequence[Row], names: Sequence[str]) -> go.Figure:
    """Draw what came by what was promised, of equally many rows each."""
    figure = _new_square(ends=_ends(rows))
    for place, name in enumerate(names):
        points = [row for row in rows if row["name"] == name]
        figure.add_trace(
            go.Scatter(
                x=[row["x"] for row in points], y=[row["y"] for row in points],
                mode="lines+markers", name=label(name), line=_style(place, len(names)),
                customdata=[row["row_count"] for row in points],
                hovertemplate="promised %{x:.2%}, came %{y:.2%} of %{customdata:,}<extra>"
                + label(name) + "</extra>",
            )
        )  # fmt: skip
    form = ".0%" if _ends(rows)[1] > 0.2 else ".1%"
    figure.update_xaxes(title="promised", tickformat=form)
    figure.update_yaxes(title="came", tickformat=form)
    return figure


def draw_confusion(rows: Sequence[Row], classes: Sequence[str]) -> go.Figure:
    """Draw what was predicted of each class that came: every line adds up to 100 %."""
    counts = {(row["name"], row["predicted"]): row["row_count"] for row in rows}
    totals = {name: sum(counts.get((name, other), 0) for other in classes) for name in classes}
    shares = [
        [counts.get((name, other), 0) / max(1, totals[name]) for other in classes]
        for name in classes
    ]
    texts = [[percent(share, 0) for share in line] for line in shares]
    figure = go.Figure(
        go.Heatmap(
            z=shares, x=[label(name) for name in classes],
            y=[label(name) for name in classes],
            text=texts, texttemplate="%{text}", showscale=False, zmin=0, xgap=2, ygap=2,
            colorscale=[(0, PALE), (1, DEEP)], textfont={"color": "#1b2330"},
            customdata=[[counts.get((n, o), 0) for o in classes] for n in classes],
            hovertemplate="came %{y}, predicted %{x}: %{text}, %{customdata:,} rows<extra></extra>",
        )
    )  # fmt: skip
    figure.update_xaxes(title="predicted", showgrid=False)
    figure.update_yaxes(title="came", autorange="reversed", showgrid=False)
    figure.update_layout(height=380)
    return figure


def draw_importance(rows: Sequence[Row]) -> go.Figure:
    """Draw the fit that is lost when a feature is shuffled, the greatest loss on top."""
    figure = go.Figure(
        go.Bar(
            x=[row["loss"] for row in rows], y=[row["name"] for row in rows], orientation="h",
            marker_color=palette.SECOND,
            error_x={"type": "data", "array": [row["spread"] for row in rows],
                     "color": palette.FLAT, "thickness": 1.5},
            hovertemplate="%{y}: %{x:+.4f}<extra></extra>",
        )
    )  # fmt: skip
    measure = rows[0]["measure"] if rows else "fit"
    figure.update_xaxes(title=f"{measure} lost")
    figure.update_yaxes(autorange="reversed")
    figure.update_layout(height=90 + 22 * len(rows))
    return figure


def draw_drift(rows: Sequence[Row]) -> go.Figure:
    """Draw how far features moved, the farthest on top; the line is the limit."""
    figure = go.Figure()
    for drifted, name, color, pattern in (
        (False, "within the limit", palette.FLAT, ""),
        (True, "drifted", palette.BAD, "/"),
    ):
        own = [row for row in rows if row["drifted"] is drifted]
        figure.add_trace(
            go.Bar(
                x=[row["distance"] or 0 for row in own], y=[row["feature"] for row in own],
                orientation="h", name=name,
                marker={"color": color, "pattern": {"shape": pattern}},
                text=["" if row["distance"] is not None else "not comparable" for row in own],
                textposition="outside",
                hovertemplate="%{y}: %{x:.2f} deviations<extra></extra>",
            )
        )  # fmt: skip
    if rows:
        figure.add_vline(x=rows[0]["drift_limit"], line_dash="dash", line_color=palette.FLAT)
    figure.update_xaxes(title="standard deviations of the training rows")
    figure.update_yaxes(
        categoryorder="array", categoryarray=[row["feature"] for row in rows], autorange="reversed"
    )
    figure.update_layout(height=110 + 22 * len(rows), barmode="overlay")
    return figure


def _style(place: int, count: int) -> dict[str, Any]:
    """Return the line of a class: a colour and a dash of its own."""
    if count == 1:
        return {"color": palette.SECOND, "width": 2}
    spread = place if count >= len(COLORS) else round(place * (len(COLORS) - 1) / max(1, count - 1))
    return {"color": COLORS[spread % len(COLORS)], "dash": DASHES[place % len(DASHES)], "width": 2}


def _ends(rows: Sequence[Row]) -> tuple[float, float]:
    values = [row[axis] for row in rows for axis in ("x", "y")]
    return (min(values), max(values)) if values else (0.0, 1.0)


def _new_square(ends: tuple[float, float] = (0.0, 1.0)) -> go.Figure:
    """Return a figure with the line of chance, or of what was promised."""
    figure = go.Figure(
        go.Scatter(
            x=ends, y=ends, mode="lines", showlegend=False, hoverinfo="skip",
            line={"dash": "dot", "color": palette.FLAT, "width": 1.5},
        )
    )  # fmt: skip
    figure.update_layout(height=380)
    return figure
