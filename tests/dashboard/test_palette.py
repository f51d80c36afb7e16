"""No colour stands alone, and up and down differ for everyone."""

from __future__ import annotations

import pytest

from dashboard import palette


def luminance(color: str) -> float:
    """Return the relative luminance of a colour, as WCAG defines it."""
    parts = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(first: str, second: str) -> float:
    low, high = sorted([luminance(first), luminance(second)])
    return (high + 0.05) / (low + 0.05)


def test_each_signal_has_a_sign_and_a_colour_of_its_own() -> None:
    marks = palette.MARKS.values()
    assert len({mark.sign for mark in marks}) == len({mark.color for mark in marks}) == 3


@pytest.mark.parametrize("background", ["#ffffff", "#10151d"])
@pytest.mark.parametrize("color", [mark.color for mark in palette.MARKS.values()])
def test_large_marks_can_be_read_on_both_themes(color: str, background: str) -> None:
    assert contrast(color, background) >= 3  # what WCAG asks of large texts and of pictures


@pytest.mark.parametrize(
    ("score", "mark"), [(0.2, "BUY"), (-1, "SELL"), (0, "HOLD"), (None, "HOLD")]
)
def test_a_score_has_the_mark_of_its_sign(score: float | None, mark: str) -> None:
    assert palette.mark_of(score) == palette.MARKS[mark]


def test_a_score_is_blended_from_grey_to_the_end_of_its_side() -> None:
    assert palette.blend(0, 2) == palette.FLAT
    assert palette.blend(2, 2) == palette.blend(9, 2) == palette.UP
    assert palette.blend(-2, 2) == palette.DOWN
    assert palette.blend(1, 2) not in (palette.FLAT, palette.UP)
    assert palette.blend(0, 0) == palette.FLAT
