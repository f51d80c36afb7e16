"""Figures of a signal say what its numbers say."""

from __future__ import annotations

import pytest

from dashboard import palette
from dashboard.figures import signal as figures

SIGNAL = {
    "wss": 0.6,
    "expected_wss": 0.4,
    "thresholds": {"buy_at": 0.5, "sell_at": -0.5, "least_scored": 0.8},
}
ROWS = [
    {"symbol": "A", "action": "buy", "score": 1.0, "share": 0.5, "contribution": 0.5},
    {"symbol": "B", "action": "strong_sell", "score": -2.0, "share": 0.3, "contribution": -0.6},
    {"symbol": "C", "action": None, "score": None, "share": 0.2, "contribution": 0.0},
    {"symbol": "D", "action": None, "score": None, "share": 0.0, "contribution": 0.0},
]
TARGET = {"classes": ["down", "flat", "up"], "scores": [-1.0, 0.0, 1.0]}


def test_the_zones_of_the_scale_are_the_thresholds() -> None:
    figure = figures.draw_scale(SIGNAL, 2.0)
    assert [(s.x0, s.x1) for s in figure.layout.shapes] == [(-2, -0.5), (-0.5, 0.5), (0.5, 2)]
    assert [trace.x[0] for trace in figure.data] == [0.6, 0.4]
    assert [a.text for a in figure.layout.annotations] == ["▼ SELL", "■ HOLD", "▲ BUY"]


def test_a_signal_without_an_expected_one_has_one_hand() -> None:
    assert len(figures.draw_scale(SIGNAL | {"expected_wss": None}, 2.0).data) == 1


def test_the_area_is_the_share_and_the_colour_the_score() -> None:
    [tree] = figures.draw_treemap(ROWS, 2.0).data
    assert list(tree.values) == [0.5, 0.3, 0.2]
    assert list(tree.marker.colors) == [palette.blend(1, 2), palette.DOWN, palette.FLAT]
    assert list(tree.text) == ["▲ +0.500", "▼ -0.600", "not scored"]


def test_each_class_has_a_bar_and_the_predicted_one_a_mark() -> None:
    prediction = {"action": "up", "probabilities": {"down": 0.2, "flat": 0.3, "up": 0.5}}
    [bars] = figures.draw_probabilities(TARGET, prediction).data
    assert list(bars.x) == [0.2, 0.3, 0.5]
    assert list(bars.y) == ["down", "flat", "● up"]


def test_a_value_has_its_interval() -> None:
    prediction = {"value": 0.01, "value_low": -0.02, "value_high": 0.03, "value_coverage": 0.8}
    [point] = figures.draw_value(prediction).data
    assert point.x[0] + point.error_x.array[0] == pytest.approx(0.03)
    assert point.x[0] - point.error_x.arrayminus[0] == pytest.approx(-0.02)


def test_the_largest_contributions_are_on_top() -> None:
    [bars] = figures.draw_contributions({f"f{n}": (-1) ** n * n / 10 for n in range(20)}, 3).data
    assert list(bars.y) == ["f17", "f18", "f19"]
    assert list(bars.marker.color) == [palette.DOWN, palette.UP, palette.DOWN]


def test_the_gauge_shows_the_uncertainty() -> None:
    [gauge] = figures.draw_risk({"uncertainty": 0.4321}).data
    assert gauge.value == 43.2
