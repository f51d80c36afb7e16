"""The best possible forecast of where ES will be some minutes from now, with and without the news.

Without them it knows all past minutes of ES: the gap that its price has yet to make up
(slow_price.py), and that an hour goes on as the one before did (skeleton.py). With them it also
knows the planted means that the stories speak of (wire.py): of this hour, and, as its stories come
in, of the next. What TLT and VIX said of the session is in neither, nor what the stories report of
the hour in progress: that gives away more of it than a minute should know.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np

from pipelines.core.calendar import interval_of
from pipelines.sources.sample.market import hour_progress, runs, slow_minutes, span_of, ticks
from pipelines.sources.sample.skeleton import (
    SLOT,
    Market,
    grid,
    instruments,
    skeleton,
    slot_share,
)
from pipelines.sources.sample.slow_price import KEPT, expected_move
from pipelines.sources.sample.wire import STRENGTH, planted_means

SYMBOL = "ES"


@dataclass(frozen=True)
class MinuteOracle:
    """Minutes of ES whose horizon lies within their session, with the best forecasts of each."""

    ts: np.ndarray  # datetime64[us], the minute's open
    score: np.ndarray  # expected log-return, from the past of ES alone
    news: np.ndarray  # what the news add to it
    outcome: np.ndarray  # the log-return that came
    volatility: np.ndarray  # of a full day


def oracle_minutes(
    market: Market, horizon: int, start: datetime, end: datetime, strength: float = STRENGTH
) -> MinuteOracle:
    """Return the oracle for the minutes of whole sessions that open in [start, end)."""
    span = span_of(interval_of("1m"), start, end, end)
    close = np.log(ticks(market, SYMBOL, span).close / instruments()[SYMBOL].ticks)
    parts: list[MinuteOracle] = []
    first = 0
    for low, high, minutes in runs(span.low, span.high):
        rows = slice(first, first + (high - low) * minutes)
        first = rows.stop
        shape = (high - low, minutes)
        inside = minutes - horizon
        path = close[rows].reshape(shape)
        own, news = _expected(market, low, high, minutes, horizon, strength)
        volatility = np.repeat(skeleton(market, SYMBOL).volatility[low:high, None], inside, axis=1)
        parts.append(
            MinuteOracle(
                span.bars.ts[rows].reshape(shape)[:, :inside].ravel(),
                own[:, :inside].ravel(),
                news[:, :inside].ravel(),
                (path[:, horizon:] - path[:, :inside]).ravel(),
                volatility.ravel(),
            )
        )
    names = ("ts", "score", "news", "outcome", "volatility")
    return MinuteOracle(*(np.concatenate([getattr(part, n) for part in parts]) for n in names))


def _expected(
    market: Market, low: int, high: int, minutes: int, horizon: int, strength: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return the expected moves of each minute of some sessions: from the past, and by the news."""
    if not market.rank_ic:
        nothing = np.zeros((high - low, minutes))
        return nothing, nothing
    bones, slots = skeleton(market, SYMBOL), grid()
    counts = np.diff(np.append(np.arange(0, minutes, SLOT), minutes))
    places = np.repeat(np.arange(len(counts)), counts)
    first = slots.first[low]
    slot = first + np.arange((high - low) * len(counts)).reshape(-1, len(counts))
    current = slot[:, places]
    deviation = np.repeat(np.sqrt(slot_share(minutes)), counts) * bones.volatility[low:high, None]
    progress = hour_progress(market, SYMBOL, low, high)
    # Of this hour the part that is within the horizon, of the next what the horizon has left.
    left = np.repeat(counts, counts) - (np.arange(minutes) - SLOT * places) - 1
    here = np.minimum(left, horizon) / np.maximum(left, 1) * (1 - progress.elapsed)
    there = (horizon - np.minimum(left, horizon)) / SLOT

    before = bones.z[current - 1]
    so_far = progress.elapsed * bones.z[current] + market.residual * progress.detour
    own = market.rho * (before * here + (so_far + market.rho * before * here) * there)

    load = instruments()[SYMBOL].to_market * np.sqrt(1 - market.lead**2)
    known = load * strength
    means = planted_means(market, strength)
    # What is left of a shock that the news know a part of, given the walk so far.
    elapsed = np.minimum(progress.elapsed, 1 - 1e-9)
    walk = progress.elapsed * (bones.z[current] - market.rho * before) / market.residual
    walk = walk + progress.detour
    precision = 1 / (1 - known**2) + elapsed / (1 - elapsed)
    whole = (known * means[current] / (1 - known**2) + walk / (1 - elapsed)) / precision
    share = np.minimum(left, horizon) / np.maximum(left, 1)
    news = (whole - walk) * share * (left > 0) + known * means[current + 1] * there

    at_once = 1 - market.lag * KEPT * (1 - KEPT**horizon) / ((1 - KEPT) * horizon)
    gap = slow_minutes(market, SYMBOL, low, high).gap
    moves = expected_move(gap, market.lag, horizon) + at_once * deviation * own
    return moves, at_once * deviation * market.residual * news
