"""Figures of bars: candlesticks with volume, indicators below, and what was said of each bar.

Bars lie side by side on an axis of categories, one for each bar, so nights, weekends and holidays
take no room, whatever the exchange. Panels share that axis and the range slider below them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go

from dashboard import palette
from dashboard.clock import Clock
from dashboard.words import label, visible

Row = Mapping[str, Any]
DAYS = ("1d", "1w", "1mo")  # intervals whose bars are named by a date
HOLLOW = "rgba(0,0,0,0)"
LINE = "#5f7186"  # of RSI and MACD, which mean neither up nor down
# Each average by name: its colour, and a dash where it is exponential.
AVERAGES = {
    "sma_20": (palette.SECOND, "solid"),
    "sma_50": (palette.THIRD, "solid"),
    "ema_20": (palette.SECOND, "dash"),
    "ema_50": (palette.THIRD, "dash"),
}
BANDS = "bollinger_20"
PANELS = {"rsi_14": "RSI", "macd": "MACD"}
PIXELS = {"price": 340, "signals": 46, "volume": 76, "rsi_14": 96, "macd": 110}
GAP, SLIDER, LABELS = 14, 56, 60  # pixels between panels, of the slider, of the labels below all


@dataclass(frozen=True)
class Marked:
    """What was said of a bar: in which direction, how strongly, and in words."""

    closes_at: str
    score: float
    live: bool
    words: str


@dataclass(frozen=True)
class Chart:
    """What a chart shows: bars of one series in ascending order, and what was said of them."""

    interval: str
    zone: str  # of the exchange, whose dates name its days
    bars: Sequence[Row]
    indicators: Sequence[str] = ()
    predictions: Sequence[Marked] = ()
    signals: Sequence[Marked] = ()


def draw_market(chart: Chart, clock: Clock) -> go.Figure:
    """Draw the bars, with a panel for each part that was chosen."""
    names = ["price", *(["signals"] if chart.signals else []), "volume"]
    names += [name for name in PANELS if name in chart.indicators]
    figure = go.Figure()
    places = _stack(figure, names)
    times = bar_times(chart, clock)
    _draw_price(figure, chart, times)
    _draw_predictions(figure, chart, times)
    if chart.signals:
        _draw_signals(figure, chart, times, places["signals"])
    _draw_volume(figure, chart, times, places["volume"])
    if "rsi_14" in places:
        _draw_rsi(figure, chart, times, places["rsi_14"])
    if "macd" in places:
        _draw_macd(figure, chart, times, places["macd"])
    whole = [-0.5, len(times) - 0.5]
    axis = {
        "type": "category", "categoryorder": "array", "categoryarray": times, "range": whole,
        "showgrid": False,
    }  # fmt: skip
    slider = {"visible": True, "thickness": 40 / _height(names), "range": whole}
    # The slider shows what its own axis has, the price; the panels below follow on a second axis.
    figure.update_layout(
        xaxis=axis | {"anchor": "y", "showticklabels": False, "rangeslider": slider},
        xaxis2=axis | {"anchor": places[names[-1]], "matches": "x", "nticks": 6, "tickangle": 0},
    )
    figure.update_layout(hovermode="x unified", bargap=0.2, height=_height(names))
    return figure


def bar_times(chart: Chart, clock: Clock) -> list[str]:
    """Return how each bar's open is written: by the date of its exchange, or to the minute.

    Where clocks are set back the same minute comes twice: then all have the offset from UTC too.
    """
    if chart.interval in DAYS:
        exchange = Clock(chart.zone)
        return [f"{exchange.local(bar['ts']):%Y-%m-%d}" for bar in chart.bars]
    opens = [clock.local(bar["ts"]) for bar in chart.bars]
    times = [f"{time:%Y-%m-%d<br>%H:%M}" for time in opens]
    if len(set(times)) < len(times):
        times = [f"{time:%Y-%m-%d<br>%H:%M %z}" for time in opens]
    return times


def places_of(marks: Sequence[Marked], bars: Sequence[Row]) -> list[tuple[int, Marked]]:
    """Return each mark with the place of its bar; those of bars that are not shown are left out."""
    places = {bar["closes_at"]: place for place, bar in enumerate(bars)}
    return [(places[mark.closes_at], mark) for mark in marks if mark.closes_at in places]


def _height(names: Sequence[str]) -> int:
    return sum(PIXELS[name] for name in names) + GAP * (len(names) - 1) + SLIDER + LABELS


def _stack(figure: go.Figure, names: Sequence[str]) -> dict[str, str]:
    """Put a panel below the other; return the name of the vertical axis of each."""
    height, top, places = _height(names) - LABELS, 1.0, {}
    for number, name in enumerate(names, 1):
        bottom = top - PIXELS[name] / height
        axis = "y" if number == 1 else f"y{number}"
        figure.update_layout(
            {
                f"yaxis{number if number > 1 else ''}": {
                    "domain": [max(0.0, bottom), top],
                    "title": {"text": _title(name)},
                    "fixedrange": number > 1,
                    "nticks": 8 if number == 1 else 4,
                }
            }
        )
        places[name] = axis
        top = bottom - (GAP if number > 1 else SLIDER + GAP) / height
    return places


def _title(name: str) -> str:
    return PANELS.get(name, name)


def _draw_price(figure: go.Figure, chart: Chart, times: Sequence[str]) -> None:
    if BANDS in chart.indicators:
        for column, fill in (("bollinger_low_20", "none"), ("bollinger_high_20", "tonexty")):
            figure.add_scatter(
                x=times, y=_values(chart, column), mode="lines", fill=fill,
                name="Bollinger 20", legendgroup="bands", showlegend=fill != "none",
                line={"width": 1, "color": palette.FOURTH}, fillcolor="rgba(181,88,143,0.10)",
                hovertemplate="%{y:,.2f}",
            )  # fmt: skip
    figure.add_candlestick(
        x=times, name="price", showlegend=False,
        **{part: _values(chart, part) for part in ("open", "high", "low", "close")},
        increasing={"line": {"color": palette.UP, "width": 1}, "fillcolor": HOLLOW},
        decreasing={"line": {"color": palette.DOWN, "width": 1}, "fillcolor": palette.DOWN},
    )  # fmt: skip
    for name, (color, dash) in AVERAGES.items():
        if name in chart.indicators:
            figure.add_scatter(
                x=times, y=_values(chart, name), mode="lines", name=label(name).upper(),
                line={"width": 1.5, "color": color, "dash": dash}, hovertemplate="%{y:,.2f}",
            )  # fmt: skip


def _draw_predictions(figure: go.Figure, chart: Chart, times: Sequence[str]) -> None:
    """Mark predicted rises below their bar and falls above it; larger is stronger."""
    reach = _span(chart.bars) * 0.02
    for name, sign, part, symbol, color in (
        ("predicted up", 1, "low", "triangle-up", palette.UP),
        ("predicted down", -1, "high", "triangle-down", palette.DOWN),
    ):
        marks = [
            (place, mark)
            for place, mark in places_of(chart.predictions, chart.bars)
            if mark.score * sign > 0
        ]
        if marks:
            figure.add_scatter(
                x=[times[place] for place, _ in marks],
                y=[chart.bars[place][part] - sign * reach for place, _ in marks],
                mode="markers", name=name, text=[visible(mark.words) for _, mark in marks],
                marker={
                    "symbol": [symbol if m.live else f"{symbol}-open" for _, m in marks],
                    "size": [7 + 2 * min(abs(mark.score), 2) for _, mark in marks],
                    "color": color,
                },
                hovertemplate="%{text}",
            )  # fmt: skip


def _draw_signals(figure: go.Figure, chart: Chart, times: Sequence[str], axis: str) -> None:
    """Draw the signals of the universe in a strip of their own: up, down, or a dash between."""
    for name, sign, symbol, color in (
        ("BUY", 1, "triangle-up", palette.UP),
        ("HOLD", 0, "line-ew-open", palette.FLAT),
        ("SELL", -1, "triangle-down", palette.DOWN),
    ):
        marks = [
            (place, mark)
            for place, mark in places_of(chart.signals, chart.bars)
            if (mark.score > 0) - (mark.score < 0) == sign
        ]
        figure.add_scatter(
            x=[times[place] for place, _ in marks], y=[sign] * len(marks), xaxis="x2", yaxis=axis,
            mode="markers", name=f"signal {name}", text=[visible(m.words) for _, m in marks],
            marker={
                "symbol": [symbol if m.live or not sign else f"{symbol}-open" for _, m in marks],
                "size": 8 if sign else 5, "color": color,
                "line": {"width": 1, "color": color},
            },
            hovertemplate="%{text}", showlegend=False,
        )  # fmt: skip
    number = axis.removeprefix("y")
    figure.update_layout(
        {
            f"yaxis{number}": {
                "range": [-1.8, 1.8], "tickvals": [-1, 1], "ticktext": ["SELL", "BUY"],
                "title": {"text": ""},
            }
        }
    )  # fmt: skip


def _draw_volume(figure: go.Figure, chart: Chart, times: Sequence[str], axis: str) -> None:
    _draw_columns(figure, times, _values(chart, "volume"), axis, "volume", "%{y:.3s}")


def _draw_columns(
    figure: go.Figure, times: Sequence[str], values: Sequence[Any], axis: str, name: str, hover: str
) -> None:
    """Draw a column a bar, all as one area: a browser draws that at once, and bars one by one."""
    figure.add_scatter(
        x=times, y=values, xaxis="x2", yaxis=axis, mode="lines", name=name, showlegend=False,
        line={"width": 0, "shape": "hvh"}, fill="tozeroy", fillcolor=palette.FLAT,
        hovertemplate=hover,
    )  # fmt: skip


def _draw_rsi(figure: go.Figure, chart: Chart, times: Sequence[str], axis: str) -> None:
    figure.add_scatter(
        x=times, y=_values(chart, "rsi_14"), xaxis="x2", yaxis=axis, mode="lines", name="RSI 14",
        showlegend=False, line={"width": 1.5, "color": LINE}, hovertemplate="%{y:.0f}",
    )  # fmt: skip
    for level in (30, 70):
        figure.add_shape(
            type="line", xref="paper", x0=0, x1=1, yref=axis, y0=level, y1=level,
            line={"width": 1, "dash": "dot", "color": palette.FLAT},
        )  # fmt: skip
    number = axis.removeprefix("y")
    figure.update_layout({f"yaxis{number}": {"range": [0, 100], "tickvals": [30, 70]}})


def _draw_macd(figure: go.Figure, chart: Chart, times: Sequence[str], axis: str) -> None:
    histogram = _values(chart, "macd_histogram_12_26_9")
    _draw_columns(figure, times, histogram, axis, "histogram", "%{y:+.2%}")
    for name, column, dash in (
        ("MACD 12 26", "macd_12_26", "solid"),
        ("MACD signal 9", "macd_signal_12_26_9", "dot"),
    ):
        figure.add_scatter(
            x=times, y=_values(chart, column), xaxis="x2", yaxis=axis, mode="lines", name=name,
            showlegend=False, line={"width": 1.5, "color": LINE, "dash": dash},
            hovertemplate="%{y:+.2%}",
        )  # fmt: skip
    figure.update_layout({f"yaxis{axis.removeprefix('y')}": {"tickformat": ".1%"}})


def _values(chart: Chart, column: str) -> list[Any]:
    return [bar[column] for bar in chart.bars]


def _span(bars: Sequence[Row]) -> float:
    """Return the height of the chart in prices."""
    return float(max(bar["high"] for bar in bars) - min(bar["low"] for bar in bars))
