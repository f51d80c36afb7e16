"""The best possible forecasts of the sample's next hour and of SPY's next session.

The return of the next hourly bar, from close to close and over its volatility, is expected to
be rho times that of the bar just closed. All factors share one rho, so nothing else in the past
of any symbol improves on this, and a model can only be better by chance.

SPY's next session is expected to be what TLT and VIX said of it in the session before. What its
last hour carries over comes on top of that, and is not in daily bars.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np

from pipelines.core.calendar import interval_of
from pipelines.core.errors import unknown
from pipelines.sources.sample.market import span_of
from pipelines.sources.sample.skeleton import (
    LED,
    NIGHT,
    Market,
    grid,
    instruments,
    signal_before,
    skeleton,
)
from pipelines.sources.sample.wire import STRENGTH, planted_means, slot_opens

SPY = "SPY"


@dataclass(frozen=True)
class Oracle:
    """Bars of one symbol, with the best forecast of the bar after each."""

    ts: np.ndarray  # datetime64[us], the bar's open
    score: np.ndarray  # expected return of the next bar, in units of its volatility
    outcome: np.ndarray  # the actual return, in the same units; not known at the bar's close
    volatility: np.ndarray  # of the next bar's return, as a log return


def oracle_score(market: Market, symbol: str, start: datetime, end: datetime) -> Oracle:
    """Return the oracle for the hourly bars that open in [start, end)."""
    if symbol not in instruments():
        raise unknown("symbol", symbol, instruments())
    slots, bones, span = (
        grid(),
        skeleton(market, symbol),
        span_of(interval_of("1h"), start, end, end),
    )
    first = int(slots.first[span.low]) if len(span.place) else 0
    current = first + span.place
    after = current + 1
    share = slots.share[after] + NIGHT * (slots.place[after] == 0)
    return Oracle(
        ts=span.bars.ts,
        score=market.rho * bones.z[current],
        outcome=bones.z[after],
        volatility=bones.volatility[slots.session_of[after]] * np.sqrt(share),
    )


def oracle_next_session(market: Market, start: datetime, end: datetime) -> Oracle:
    """Return the oracle for SPY's daily bars that open in [start, end)."""
    slots, bones = grid(), skeleton(market, SPY)
    span = span_of(interval_of("1d"), start, end, end)
    session = span.low + span.place
    after = session + 1
    variance = slots.share + NIGHT * (slots.place == 0)
    share = np.add.reduceat(variance, slots.first)[after]
    outcome = np.add.reduceat(np.sqrt(variance) * bones.z, slots.first)[after]
    return Oracle(
        ts=span.bars.ts,
        score=market.lead * signal_before(market)[after] * share,
        outcome=outcome,
        volatility=bones.volatility[after] * np.sqrt(share),
    )


def oracle_news(
    market: Market, symbol: str, start: datetime, end: datetime, strength: float = STRENGTH
) -> Oracle:
    """Return what the news before each bar's close say of the bar after it, and nothing else.

    For the hourly bars that open in [start, end), as oracle_score, whose score can be added: what
    the stories say is a shock, which no bar before it predicts. `score` is the planted mean of the
    next bar, times what is known of it by that: the strength, and the load of the market factor.
    QQQ's load is about that of its members.
    """
    base = oracle_score(market, symbol, start, end)
    after = np.searchsorted(slot_opens(), base.ts) + 1
    load = instruments()[symbol].to_market * market.residual
    if symbol in LED:
        load *= np.sqrt(1 - market.lead**2)
    strength = strength if market.rank_ic else 0.0
    means = planted_means(market, strength)[after]
    return replace(base, score=load * strength * means)


def rank_ic(score: np.ndarray, outcome: np.ndarray) -> float:
    """Return Spearman's correlation of two arrays without ties."""
    score_ranks, outcome_ranks = (np.argsort(np.argsort(values)) for values in (score, outcome))
    return float(np.corrcoef(score_ranks, outcome_ranks)[0, 1])


def oracle_rank_ic(market: Market, symbols: Iterable[str], start: datetime, end: datetime) -> float:
    """Return the rank IC of the oracle, pooled over symbols and hours; 0 on pure noise."""
    if market.rank_ic == 0:
        return 0.0
    oracles = [oracle_score(market, symbol, start, end) for symbol in symbols]
    return rank_ic(
        np.concatenate([oracle.score for oracle in oracles]),
        np.concatenate([oracle.outcome for oracle in oracles]),
    )
