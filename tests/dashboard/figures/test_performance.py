"""Figures of performance have the numbers of their rows."""

from __future__ import annotations

from typing import Any

import pytest

from dashboard.clock import Clock
from dashboard.figures import performance as figures

CURVE: list[dict[str, Any]] = [
    {
        "closes_at": f"2026-08-{day:02d}T20:00:00Z", "cumulative": day / 100,
        "cumulative_long": -day / 100, "drawdown": 0.01 * (day % 3), "signal": signal,
        "wss": 0.1 * day, "next_return": None if day == 9 else 0.001 * day,
    }
    for day, signal in enumerate(["BUY", "SELL", "HOLD"] * 3, 1)
]  # fmt: skip
TARGET = {"classes": ["down", "hold", "up"]}


def group(name: str, promised: float, came: float, low: float | None = None) -> dict[str, Any]:
    high = None if low is None else 2 * came - low
    return {
        "name": name, "group": name, "promised": promised, "came": came, "rate": came,
        "low": low, "high": high, "row_count": 10, "signals": 10,
    }  # fmt: skip


def test_the_curve_has_every_bar_side_by_side_and_the_drawdown_below_zero() -> None:
    figure = figures.draw_curve(CURVE, Clock(), "following")
    traces = {trace.name: trace for trace in figure.data}
    assert list(traces["following"].x) == list(range(9))
    assert list(traces["following"].y) == [row["cumulative"] for row in CURVE]
    assert list(traces["always long"].y) == [row["cumulative_long"] for row in CURVE]
    assert max(traces["drawdown"].y) <= 0
    assert traces["following"].customdata[0] == "2026-08-01 20:00"
    styles = {(trace.line.color, trace.line.dash) for trace in figure.data}
    assert len(styles) == 3, "no two lines differ by nothing"


def test_dates_below_a_curve_differ() -> None:
    days = ["2026-08-01 20:00", "2026-08-02 20:00"]
    assert figures.tick_texts(days) == ["2026-08-01", "2026-08-02"]
    hours = ["2026-08-01 14:30", "2026-08-01 20:00"]
    assert figures.tick_texts(hours) == ["2026-08-01<br>14:30", "2026-08-01<br>20:00"]


def test_each_signal_has_its_own_shape_and_open_bars_are_left_out() -> None:
    figure = figures.draw_returns_by_score(CURVE, Clock())
    assert sum(len(trace.x) for trace in figure.data) == 8
    assert len({trace.marker.symbol for trace in figure.data}) == 3


def test_hit_rates_have_their_interval_inside_0_and_1() -> None:
    figure = figures.draw_hits([group("10:00", 0, 0.9, 0.6), group("11:00", 0, 0.5)], "hour")
    (trace,) = figure.data
    assert list(trace.y) == ["10:00 (10)", "11:00 (10)"]
    assert list(trace.error_x.array) == pytest.approx([0.1, 0.0])
    assert list(trace.error_x.arrayminus) == pytest.approx([0.3, 0.0])


def test_each_class_has_a_panel_with_now_and_the_training() -> None:
    live = [group(name, 0.2, 0.3, 0.1) for name in TARGET["classes"]]
    promised = [{"name": "up", "x": 0.1, "y": 0.2}, {"name": "up", "x": 0.4, "y": 0.5}]
    figure = figures.draw_calibration(live, promised, TARGET)
    assert [note.text for note in figure.layout.annotations] == TARGET["classes"]
    markers = [trace for trace in figure.data if trace.mode == "markers"]
    assert [list(trace.y) for trace in markers] == [[0.3]] * 3
    assert [tuple(t.x) for t in figure.data if t.line.dash == "dash"] == [(), (), (0.1, 0.4)]


def test_the_coverage_stands_beside_its_promise() -> None:
    figure = figures.draw_coverage(group("interval", 0.8, 0.75, 0.7))
    assert list(figure.data[0].x) == [0.75]
    assert figure.layout.shapes[0].x0 == 0.8
