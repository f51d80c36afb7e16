"""Colours and marks. Blue is up and orange is down: no pair that colour-blind readers confuse.

Each meaning has a mark too, so that no colour stands alone.
"""

from __future__ import annotations

from dataclasses import dataclass

UP, FLAT, DOWN = "#2f7fc1", "#8a94a3", "#d9772b"
SECOND, THIRD, FOURTH = "#7a5fb5", "#2a9d8f", "#b5588f"
BAD, FINE = "#c2571a", "#2f7fc1"
GRID = "rgba(138,148,163,0.25)"
SCALE = [(0.0, DOWN), (0.5, "#c9cfd8"), (1.0, UP)]
"""From the lowest to the highest, with grey in the middle."""


@dataclass(frozen=True)
class Mark:
    """How a signal looks: a sign beside its colour."""

    sign: str
    color: str


MARKS = {"BUY": Mark("▲", UP), "HOLD": Mark("■", FLAT), "SELL": Mark("▼", DOWN)}


def mark_of(score: float | None) -> Mark:
    """Return the mark of a score: up, down or neither."""
    if score is None or score == 0:
        return MARKS["HOLD"]
    return MARKS["BUY"] if score > 0 else MARKS["SELL"]


def blend(score: float, most: float) -> str:
    """Return the colour of a score between -most and most, grey at nothing."""
    share = min(1.0, abs(score) / most) if most else 0.0
    end = UP if score > 0 else DOWN
    start = [int(FLAT[i : i + 2], 16) for i in (1, 3, 5)]
    stop = [int(end[i : i + 2], 16) for i in (1, 3, 5)]
    mixed = (round(a + (b - a) * share) for a, b in zip(start, stop, strict=True))
    return "#" + "".join(f"{part:02x}" for part in mixed)
