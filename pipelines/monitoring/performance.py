"""What the live signals of an index earned, and how well they and the predictions came true.

A signal is followed from its bar's close to the close of the next bar: BUY is long, SELL short,
HOLD flat, without costs. Every interval is of whole sessions, as those of a backtest.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from itertools import pairwise

import numpy as np

from pipelines.gates.intervals import (
    Figure,
    drawdown,
    information_coefficient,
    mean,
    resample_sessions,
    share,
    total,
)
from pipelines.modeling.metrics import count_bins, group_by_probability

SEED = 0
# Ends of the groups by strength, as |WSS|: the lower end belongs to the group.
STRENGTHS = (0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0)


@dataclass(frozen=True)
class FollowedSignals:
    """Signals in ascending order of close, with what the index did next; NaN while unknown."""

    session: np.ndarray  # datetime64[D]
    direction: np.ndarray  # 1 BUY, -1 SELL, 0 HOLD
    wss: np.ndarray
    expected_wss: np.ndarray  # NaN in rows of older releases
    next_return: np.ndarray  # log-return of the index

    def __len__(self) -> int:
        return len(self.wss)

    def take(self, which: np.ndarray) -> FollowedSignals:
        return FollowedSignals(*(getattr(self, field.name)[which] for field in fields(self)))

    @property
    def has_outcome(self) -> np.ndarray:
        is_finite: np.ndarray = np.isfinite(self.next_return)
        return is_finite

    @property
    def earned(self) -> np.ndarray:
        """Log-return of following each signal; NaN while unknown."""
        earned: np.ndarray = self.direction * self.next_return
        return earned

    @property
    def is_hit(self) -> np.ndarray:
        """Whether the index moved to the signal's side."""
        hit: np.ndarray = self.earned > 0
        return hit

    @property
    def is_judged(self) -> np.ndarray:
        """Whether a signal has a side, and the index moved: the rows of a hit rate."""
        judged_rows: np.ndarray = (self.direction != 0) & self.has_outcome & (self.next_return != 0)
        return judged_rows


@dataclass(frozen=True)
class PerformanceFigure:
    """One figure of performance, in words, with how many signals it rests on."""

    name: str
    meaning: str
    unit: str
    figure: Figure
    signals: int


def summarise(signals: FollowedSignals) -> list[PerformanceFigure]:
    """Summarise what signals earned; figures of no signal are NaN."""
    settled_signals = signals.take(signals.has_outcome)
    count, nothing = len(settled_signals), Figure(float("nan"))
    sessions = resample_sessions(settled_signals.session, SEED) if count else None
    earned, long = settled_signals.earned, settled_signals.next_return
    rows = [
        _count("signals", "signals in the range", len(signals)),
        _count("with_outcome", "signals whose next bar has closed", count),
        _count("sessions", "sessions that these are of", len(np.unique(settled_signals.session))),
    ]
    returns = (
        ("earned", "sum of the returns of following the signal", earned),
        ("always_long", "sum of the returns of being always long", long),
        ("beyond_always_long", "what following earned beyond being always long", earned - long),
    )
    for name, meaning, values in returns:
        figure = total(values, sessions) if sessions else nothing
        rows.append(PerformanceFigure(name, meaning, "log-return", figure, count))
    every = np.ones(count, bool)
    figure = mean(earned, every, sessions) if sessions else nothing
    words = "mean return of following a signal, HOLD included"
    rows.append(PerformanceFigure("mean_earned", words, "log-return", figure, count))
    for name, words, values in (
        ("max_drawdown", "largest fall of the sum of earned from its peak", earned),
        ("max_drawdown_always_long", "the same of being always long", long),
    ):
        figure = Figure(float(drawdown(np.cumsum(values)).max())) if count else nothing
        rows.append(PerformanceFigure(name, words, "log-return", figure, count))
    judged_rows = settled_signals.is_judged
    figure = share(settled_signals.is_hit, judged_rows, sessions) if sessions else nothing
    words = "share of BUY and SELL after which the index moved to their side"
    rows.append(PerformanceFigure("hit_rate", words, "0 to 1", figure, int(judged_rows.sum())))
    for name, score in (
        ("wss", settled_signals.wss),
        ("expected_wss", settled_signals.expected_wss),
    ):
        scored = np.isfinite(score)
        figure = nothing
        if scored.any():
            resamples = resample_sessions(settled_signals.session[scored], SEED)
            figure = information_coefficient(score[scored], long[scored], resamples)
        words = f"rank correlation of the {name} with the index's next return"
        name = f"{name}_rank_ic"
        rows.append(PerformanceFigure(name, words, "-1 to 1", figure, int(scored.sum())))
    return rows


def _count(name: str, meaning: str, value: int) -> PerformanceFigure:
    return PerformanceFigure(name, meaning, "count", Figure(float(value)), value)


@dataclass(frozen=True)
class HitRate:
    """How often the signals, or predictions, of one group came true."""

    group: str
    signals: int
    hits: int
    rate: Figure


def hit_rates(
    group_of_row: np.ndarray, is_hit: np.ndarray, is_judged: np.ndarray, session: np.ndarray
) -> list[HitRate]:
    """Return the hit rate of each group that has judged rows, in the order of the groups' names.

    `session` is of each row. A group's interval comes from draws of its own sessions.
    """
    rates = []
    for group in sorted(set(group_of_row[is_judged].tolist())):
        rows = is_judged & (group_of_row == group)
        hits, resamples = is_hit[rows], resample_sessions(session[rows], SEED)
        rate = share(hits, np.ones(len(hits), bool), resamples)
        rates.append(HitRate(str(group), len(hits), int(hits.sum()), rate))
    return rates


def strength_groups(wss: np.ndarray) -> np.ndarray:
    """Return the group of each |WSS|, such as "0.50 to 0.75"; the strongest belong to the last."""
    names = np.array([f"{low:.2f} to {high:.2f}" for low, high in pairwise(STRENGTHS)])
    place = np.searchsorted(STRENGTHS, np.abs(wss), side="right") - 1
    groups: np.ndarray = names[np.clip(place, 0, len(names) - 1)]
    return groups


@dataclass(frozen=True)
class CalibrationGroup:
    """What was promised of some live predictions, and what came."""

    name: str  # the class, or interval
    promised: float
    came: Figure
    rows: int


def class_calibration(
    name: str, happened: np.ndarray, probability: np.ndarray, session: np.ndarray
) -> list[CalibrationGroup]:
    """Return how often a class came by its probability, in groups as at training."""
    groups = []
    for rows in group_by_probability(probability, count_bins(len(probability))):
        came = _share_of(happened[rows], session[rows])
        groups.append(CalibrationGroup(name, float(probability[rows].mean()), came, len(rows)))
    return groups


def interval_coverage(
    is_inside: np.ndarray, session: np.ndarray, promised: float
) -> list[CalibrationGroup]:
    """Return how many outcomes lay inside the interval that was predicted."""
    if not len(is_inside):
        return []
    came = _share_of(is_inside, session)
    return [CalibrationGroup("interval", promised, came, len(is_inside))]


def _share_of(happened: np.ndarray, session: np.ndarray) -> Figure:
    return share(happened, np.ones(len(happened), bool), resample_sessions(session, SEED))
