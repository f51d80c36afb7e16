"""A price that goes after its news slowly: what has come in lately is not in it yet.

Where the price would be without delay is a path without memory, F. The gap is how far F stands from
its own exponential average, and the price is F less a part (`lag`) of the gap. As the average goes
after F, the price does: over the next h minutes it makes up lag * (1 - KEPT^h) of the gap, on top
of what cannot be foreseen. Both are known from the minutes up to now.

The average does not notice nights, but a session's forgets what lay before the session before it:
so no value depends on where history begins.
"""

from __future__ import annotations

import numpy as np

from pipelines.sources.sample.skeleton import filter_ar1

SLOW = ("ES",)
BARS = 50  # as many as an exponential average of that name weighs
KEPT = 1 - 2 / (BARS + 1)  # of a gap, from one minute to the next


def gap_from_within(path: np.ndarray, opening: np.ndarray) -> np.ndarray:
    """Return the gaps of sessions (rows) that each begin without one at their opening."""
    moves = np.diff(path, axis=1, prepend=opening)
    gaps: np.ndarray = filter_ar1(KEPT * moves.T, KEPT).T
    return gaps


def start_gaps(at_open: np.ndarray, minutes: int) -> np.ndarray:
    """Return what is left, at the close of each minute, of the gaps that sessions open with."""
    left: np.ndarray = at_open[:, None] * KEPT ** np.arange(1, minutes + 1)
    return left


def slow_path(
    path: np.ndarray, opening: np.ndarray, gap: np.ndarray, lag: float
) -> tuple[np.ndarray, np.ndarray, float]:
    """Return the closes and openings of the slow price, and the share of a move made at once."""
    first = gap[:, :1] / KEPT - (path[:, :1] - opening)  # that the session opens with
    return path - lag * gap, opening - lag * first, 1 - lag * KEPT


def expected_move(gap: np.ndarray, lag: float, minutes: int) -> np.ndarray:
    """Return how far the price is expected to go in so many minutes, from its gap alone."""
    moves: np.ndarray = lag * (1 - KEPT**minutes) * gap
    return moves
