"""Charts of a signal say what its numbers say."""

from __future__ import annotations

from dashboard import palette
from dashboard.figures import signal as figures

ROWS = [
    {"symbol": "A", "action": "buy", "score": 1.0, "share": 0.5, "contribution": 0.5},
    {"symbol": "B", "action": "strong_sell", "score": -2.0, "share": 0.3, "contribution": -0.6},
    {"symbol": "C", "action": None, "score": None, "share": 0.2, "contribution": 0.0},
    {"symbol": "D", "action": None, "score": None, "share": 0.0, "contribution": 0.0},
]


def test_the_area_is_the_share_and_the_colour_the_score() -> None:
    [tree] = figures.draw_treemap(ROWS, 2.0).data
    assert list(tree.values) == [0.5, 0.3, 0.2]
    assert list(tree.marker.colors) == [palette.blend(1, 2), palette.DOWN, palette.FLAT]
    assert list(tree.text) == ["▲ +0.500", "▼ -0.600", "not scored"]


def test_the_largest_contributions_are_on_top() -> None:
    [bars] = figures.draw_contributions({f"f{n}": (-1) ** n * n / 10 for n in range(20)}, 3).data
    assert list(bars.y) == ["f17", "f18", "f19"]
    assert list(bars.marker.color) == [palette.DOWN, palette.UP, palette.DOWN]
