"""Figures of a model: a gate's value lies in the zone that passes exactly where it passed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from dashboard.figures import models as figures
from pipelines.gates.base import find_needed_side
from tests.serving.model_evidence import GATES

CLASSES = ("down", "up")


def gate(value: float | None, limit: float | None, passed: bool, **bounds: float) -> dict[str, Any]:
    low, high = bounds.get("low"), bounds.get("high")
    needs = find_needed_side(passed, value, limit, low)
    return {
        "gate": "skill", "value": value, "limit": limit, "passed": passed, "blocking": True,
        "low": low, "high": high, "needs": needs, "reason": "",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("row", "marker", "words"),
    [
        (gate(0.18, 0.0, True, low=0.16, high=0.2), "diamond", "0.18 (0.16 to 0.2) ≥ 0"),
        (gate(0.031, 0.05, True), "diamond", "0.031 ≤ 0.05"),
        (gate(0.071, 0.05, False), "x", "0.071 ≤ 0.05"),
        (gate(1_850_000, 10_000_000, True), "diamond", "1.85 M ≤ 10 M"),
        (gate(-0.3, 0.0, False), "x", "-0.3 ≥ 0"),
    ],
)
def test_a_gate_shows_value_limit_and_the_zone_that_passes(
    row: dict[str, Any], marker: str, words: str
) -> None:
    figure = figures.draw_gates([row])
    (trace,) = [trace for trace in figure.data if len(trace.x)]
    zone = figure.layout.shapes[1]
    assert trace.marker.symbol == marker
    assert figure.layout.annotations[0].text == words
    assert (zone.x0 <= trace.x[0] <= zone.x1) is row["passed"]
    assert figure.layout.shapes[2].x0 in (zone.x0, zone.x1)


def test_a_gate_without_a_value_is_left_to_the_words() -> None:
    rows = [gate(None, None, False), gate(0.03, 0.05, True)]
    assert len(figures.draw_gates(rows).layout.annotations) == 1
    measured = [row for row in json.loads(GATES) if row["value"] is not None]
    gate_rows = [row | {"needs": "at_most"} for row in json.loads(GATES)]
    assert len(figures.draw_gates(gate_rows).layout.annotations) == len(measured)


def test_each_class_has_a_line_of_its_own_colour_and_dash() -> None:
    names = ("a", "b", "c", "d", "e")
    rows = [
        {"name": name, "x": x, "y": x, "area": 0.5, "row_count": 5}
        for name in names
        for x in (0, 1)
    ]
    for figure in (figures.draw_roc(rows, names), figures.draw_calibration(rows, names)):
        lines = [trace for trace in figure.data if trace.showlegend is not False]
        assert len({(trace.line.color) for trace in lines}) == 5
        assert len({(trace.line.dash) for trace in lines}) == 5


def test_a_line_of_the_confusion_adds_up_to_one() -> None:
    counts = {("down", "down"): 30, ("down", "up"): 10, ("up", "down"): 5, ("up", "up"): 15}
    rows = [
        {"name": came, "predicted": predicted, "row_count": n}
        for (came, predicted), n in counts.items()
    ]
    (heatmap,) = figures.draw_confusion(rows, CLASSES).data
    assert [list(line) for line in heatmap.z] == [[0.75, 0.25], [0.25, 0.75]]


def test_a_class_that_never_came_says_so_in_its_name() -> None:
    rows = [{"name": "down", "x": x, "y": x, "area": None, "row_count": 5} for x in (0, 1)]
    assert figures.draw_roc(rows, CLASSES).data[1].name == "down: not there"


def test_drifted_features_differ_by_more_than_their_colour() -> None:
    rows = [
        {"feature": "a", "distance": None, "drifted": True, "drift_limit": 0.5},
        {"feature": "b", "distance": 0.7, "drifted": True, "drift_limit": 0.5},
        {"feature": "c", "distance": 0.1, "drifted": False, "drift_limit": 0.5},
    ]
    within, drifted = figures.draw_drift(rows).data
    assert (list(within.y), list(drifted.y)) == (["c"], ["a", "b"])
    assert list(drifted.text) == ["not comparable", ""]
    assert within.marker.pattern.shape != drifted.marker.pattern.shape
