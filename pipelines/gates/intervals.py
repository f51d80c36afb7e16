"""Sums, shares and other figures of rows, with 95 % intervals over whole sessions.

Backtests and live performance measure by these functions, so that their figures can be compared.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipelines.gates.skill import LEAST_SESSIONS, RankIC, Sessions

CONFIDENCE = 0.95  # of an interval: its ends are one-sided bounds at 97.5 %
RESAMPLES = 2000


@dataclass(frozen=True)
class Figure:
    """A number, and its interval where there are enough sessions for one."""

    value: float
    low: float | None = None
    high: float | None = None

    def as_dict(self) -> dict[str, float | None]:
        return {"value": number(self.value), "low": number(self.low), "high": number(self.high)}


def number(value: float | None) -> float | None:
    """Return a number that JSON can hold; None where it is not finite."""
    return None if value is None or not np.isfinite(value) else round(float(value), 10)


def resample_sessions(session: np.ndarray, seed: int) -> Sessions:
    """Prepare draws of whole sessions, to be repeated by the seed."""
    of_row = np.unique(session, return_inverse=True)[1]
    return Sessions(of_row, RESAMPLES, seed, (1 + CONFIDENCE) / 2)


def figure(value: float, over_draws: np.ndarray, sessions: Sessions) -> Figure:
    """Return a value with its interval, from its values over draws of sessions."""
    if sessions.count < LEAST_SESSIONS:
        return Figure(value)
    return Figure(value, *sessions.bounds(value, over_draws))


def total(values: np.ndarray, sessions: Sessions) -> Figure:
    """Return the sum, and its interval over draws of as many sessions."""
    sums = sessions.sums(values[:, None])
    return figure(float(values.sum()), sessions.sum_draws(sums)[:, 0], sessions)


def mean(values: np.ndarray, counted: np.ndarray, sessions: Sessions) -> Figure:
    """Return the mean over the counted rows; NaN where there are none."""
    sums = sessions.sums(np.stack([np.where(counted, values, 0), counted], axis=1).astype(float))
    whole, of_draws = sums.sum(axis=0), sessions.sum_draws(sums)
    if not whole[1]:
        return Figure(float("nan"))
    means = np.divide(
        of_draws[:, 0], of_draws[:, 1], out=np.zeros(len(of_draws)), where=of_draws[:, 1] > 0
    )
    return figure(float(whole[0] / whole[1]), means, sessions)


def share(hits: np.ndarray, counted: np.ndarray, sessions: Sessions) -> Figure:
    """Return the share of hits among the counted rows; NaN where there are none."""
    return mean(hits.astype(float), counted, sessions)


def drawdown(curve: np.ndarray) -> np.ndarray:
    """Return how far a curve that begins at 0 lies below its highest point so far."""
    below: np.ndarray = np.maximum.accumulate(np.maximum(curve, 0)) - curve
    return below


def information_coefficient(score: np.ndarray, outcome: np.ndarray, sessions: Sessions) -> Figure:
    """Return the rank correlation of a score with the outcome, as the gates of skill measure it."""
    ic = RankIC(score, outcome, sessions)
    return figure(ic.value, ic.values_of_draws, sessions)
