"""Meters say what their numbers say, and stand where they belong."""

from __future__ import annotations

import re

import pytest

from dashboard import palette
from dashboard.figures import meters

SIGNAL = {
    "wss": 0.6,
    "expected_wss": 0.4,
    "thresholds": {"buy_at": 0.5, "sell_at": -0.5, "least_scored": 0.8},
}
TARGET = {"classes": ["down", "flat", "up"], "scores": [-1.0, 0.0, 1.0]}
PREDICTION = {"action": "up", "probabilities": {"down": 0.2, "flat": 0.3, "up": 0.5}}
VALUE = {"value": 0.01, "value_low": -0.02, "value_high": 0.03, "value_coverage": 0.8}


def parts(html: str) -> dict[str, tuple[float, float]]:
    """Return where each text stands, and how wide its box is, in percent of the meter."""
    boxes = re.findall(r'style="([^"]*left:[^"]*)">([^<]+)<', html)
    return {
        text: tuple(
            float(match[1]) if (match := re.search(rf"(?<![-\w]){name}:([\d.]+)%", style)) else 0.0
            for name in ("left", "width")
        )
        for style, text in boxes
    }  # type: ignore[return-value]


def test_the_zones_of_the_scale_are_the_thresholds() -> None:
    places = parts(meters.draw_scale(SIGNAL, 2.0))
    assert places["▼ SELL"] == (0.0, 37.5)
    assert places["■ HOLD"] == (37.5, 25.0)
    assert places["▲ BUY"] == (62.5, 37.5)
    assert places["WSS +0.600"][0] == places["▼"][0] == 65.0
    assert places["expected WSS +0.400"][0] == places["△"][0] == 60.0


def test_a_signal_without_an_expected_one_has_one_hand() -> None:
    assert "expected" not in meters.draw_scale(SIGNAL | {"expected_wss": None}, 2.0)


@pytest.mark.parametrize(("wss", "place"), [(9.0, 100.0), (-9.0, 0.0)])
def test_what_is_beyond_the_scale_stands_at_its_end(wss: float, place: float) -> None:
    assert parts(meters.draw_scale(SIGNAL | {"wss": wss}, 2.0))["▼"][0] == place


def test_each_class_has_a_bar_and_the_predicted_one_a_mark() -> None:
    html = meters.draw_probabilities(TARGET, PREDICTION)
    bars = re.findall(r"width:([\d.]+)%;height:1.5rem;background:(#\w+)", html)
    assert bars == [("80.00", palette.UP), ("48.00", palette.FLAT), ("32.00", palette.DOWN)]
    assert [html.index(text) for text in ("● up", "50.0%", "flat", "30.0%", "down", "20.0%")] == (
        sorted(html.index(text) for text in ("● up", "50.0%", "flat", "30.0%", "down", "20.0%"))
    )
    assert html.count("●") == 1


def test_a_value_has_its_interval() -> None:
    html = meters.draw_value(VALUE)
    places = parts(html)
    low, value, high = (places[text][0] for text in ("-2.00%", "+1.00%", "+3.00%"))
    assert (value - low) / (high - low) == pytest.approx(0.6, abs=1e-3)
    assert "80% interval" in html
    assert palette.UP in html


def test_a_value_without_any_spread_is_drawn_too() -> None:
    still = VALUE | {"value": 0.0, "value_low": 0.0, "value_high": 0.0}
    assert parts(meters.draw_value(still))["◆"][0] == 50.0


def test_the_gauge_shows_the_uncertainty() -> None:
    html = meters.draw_risk({"uncertainty": 0.4321})
    assert "43.2%" in html
    assert re.findall(rf"width:([\d.]+)%;[^\"]*{palette.UP}", html) == ["43.21"]


def test_names_of_others_are_shown_as_text() -> None:
    target = {"classes": ["<b>"], "scores": [1.0]}
    html = meters.draw_probabilities(target, {"action": "<b>", "probabilities": {"<b>": 1.0}})
    assert "● &lt;b&gt;" in html
