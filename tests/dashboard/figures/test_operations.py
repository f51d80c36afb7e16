"""Bars of sizes: the first on top, each with its value in words."""

from __future__ import annotations

from dashboard.figures.operations import draw_sizes


def test_each_bar_has_its_words_and_room_for_them() -> None:
    figure = draw_sizes(["a\u202eb", "c"], [30, 10], ["30 rows", "10 rows"], "rows")
    (bars,) = figure.data
    assert list(bars.y) == ["ab", "c"]
    assert list(bars.text) == ["30 rows", "10 rows"]
    assert figure.layout.yaxis.autorange == "reversed"
    assert figure.layout.xaxis.range[1] > 30


def test_nothing_but_zeros_still_has_an_axis() -> None:
    assert draw_sizes(["a"], [0], ["0"], "rows").layout.xaxis.range[1] > 0
