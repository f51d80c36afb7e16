"""The equity curve of a backtest, as the bytes of a PNG.

Figures are drawn without pyplot, which would keep them for the whole process; the same numbers
give the same bytes.
"""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np

from pipelines.backtest.run import Backtest

if TYPE_CHECKING:
    from matplotlib.axes import Axes

DPI = 110
LINES: dict[str, tuple[str, dict[str, Any]]] = {
    "always_long": ("always long", {"color": "#8c8c8c", "linewidth": 1.3}),
    "policy": ("policy", {"color": "#e08214", "linewidth": 1.6}),
    "tuned": ("signal, tuned thresholds", {"color": "#1b7837", "linewidth": 1.6}),
    "signal": ("signal, declared thresholds", {"color": "#2166ac", "linewidth": 2.0}),
}
LONG, SHORT, PALE = "#2166ac", "#b2182b", "#e6e6e6"


def draw_equity(result: Backtest) -> bytes:
    """Draw the net return over the span, above the score that it was earned by."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10.5, 7.0), layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[2.6, 1])
    for axes in (upper, lower):
        axes.spines[["top", "right"]].set_visible(False)
        axes.set_axisbelow(True)
        axes.axhline(0, color="#444444", linewidth=0.8)
        for start in _changes(result.signals["window"].to_numpy())[1:]:
            axes.axvline(start - 0.5, color=PALE, linewidth=1.0, zorder=0)
    _draw_returns(upper, result)
    _draw_scores(lower, result)
    _label_dates(lower, result)
    return _encode_png(figure)


def _draw_returns(axes: Axes, result: Backtest) -> None:
    place = np.arange(len(result.path))
    for way, (label, style) in LINES.items():
        if way not in result.bar_returns:
            continue
        net = result.returns[way]["net"]
        spread = "" if net["low"] is None else f" ({net['low']:+.1%} to {net['high']:+.1%})"
        curve = 100 * np.cumsum(result.bar_returns[way].net)
        axes.plot(place, curve, label=f"{label}: {net['value']:+.1%}{spread}", **style)
    gross = 100 * np.cumsum(result.bar_returns["signal"].gross)
    style = {"color": "#2166ac", "linewidth": 1.0, "linestyle": ":"}
    axes.plot(place, gross, label=f"signal before costs: {gross[-1] / 100:+.1%}", **style)
    about = result.about
    title = f"What the {about['instrument']} signal of {about['forecast']} would have earned"
    axes.set_title(title, loc="left", fontsize=13, fontweight="bold", pad=24)
    subtitle = (
        f"{about['source']}, {about['universe']}, {about['sessions']} sessions, cost "
        f"{about['cost']:g} a change; {about['confidence']:.0%} intervals; "
        f"vertical lines: another model"
    )
    axes.text(
        0, 1.015, subtitle, transform=axes.transAxes, fontsize=9.5, color="#444444", va="bottom"
    )
    axes.set_ylabel("sum of returns, % of the notional")
    handles, labels = axes.get_legend_handles_labels()
    axes.legend(handles, labels, loc="best", frameon=False, fontsize=9.5)


def _draw_scores(axes: Axes, result: Backtest) -> None:
    wss = result.signals["wss"].to_numpy()
    column = "tuned_signal" if "tuned_signal" in result.signals.schema.names else "signal"
    signals = np.array(result.signals[column].to_pylist())
    place = np.arange(len(wss))
    for signal, colour in (("HOLD", "#bdbdbd"), ("BUY", LONG), ("SELL", SHORT)):
        ticks = signals == signal
        axes.vlines(
            place[ticks], 0, wss[ticks], color=colour, linewidth=0.9,
            label=f"{signal} {ticks.mean():.0%} of the bars",
        )  # fmt: skip
    if column == "tuned_signal":
        for name in ("buy_at", "sell_at"):
            axes.step(
                place, result.signals[name].to_numpy(), where="mid", color="#444444", linewidth=0.8
            )
    else:
        for name in ("buy_at", "sell_at"):
            axes.axhline(result.about[name], color="#444444", linewidth=0.8, linestyle=":")
    most = max(float(np.abs(wss).max()), 0.6) * 1.15
    axes.set_ylim(-most, most)
    axes.set_ylabel("score (WSS)")
    axes.legend(loc="upper left", bbox_to_anchor=(0, -0.16), ncols=3, frameon=False, fontsize=9.5)


def _changes(values: np.ndarray) -> np.ndarray:
    """Return the places where the value changes, and the first place."""
    places: np.ndarray = np.flatnonzero(np.append(True, values[1:] != values[:-1]))
    return places


def _label_dates(axes: Axes, result: Backtest) -> None:
    """Label the axis of time. Bars lie side by side, so that nights take no room."""
    session = result.path.session
    by_month, by_year = (_changes(session.astype(f"datetime64[{unit}]")) for unit in "MY")
    if len(by_year) > 3:
        ticks, form = by_year, "%Y"
    elif len(by_month) > 2:
        ticks, form = by_month[:: 1 + len(by_month) // 14], "%b %Y"
    else:
        days = _changes(session)
        ticks, form = days[:: 1 + len(days) // 10], "%d %b"
    axes.set_xticks(ticks, [session[tick].item().strftime(form) for tick in ticks])
    axes.set_xlim(-1, len(session))


def _encode_png(figure: Any) -> bytes:
    buffer = BytesIO()
    figure.savefig(buffer, format="png", dpi=DPI, metadata={"Software": None})
    return buffer.getvalue()
