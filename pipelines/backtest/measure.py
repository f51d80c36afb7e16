"""Measure the returns of signals, and any figure, with intervals over whole sessions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from pipelines.backtest.path import Path
from pipelines.backtest.policy import NONE, BarReturns
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


def share(hits: np.ndarray, counted: np.ndarray, sessions: Sessions) -> Figure:
    """Return the share of hits among the counted rows."""
    sums = sessions.sums(np.stack([hits & counted, counted], axis=1).astype(float))
    whole, of_draws = sums.sum(axis=0), sessions.sum_draws(sums)
    if not whole[1]:
        return Figure(float("nan"))
    shares = np.divide(
        of_draws[:, 0], of_draws[:, 1], out=np.zeros(len(of_draws)), where=of_draws[:, 1] > 0
    )
    return figure(float(whole[0] / whole[1]), shares, sessions)


def total(values: np.ndarray, sessions: Sessions) -> Figure:
    """Return the sum, and its interval over draws of as many sessions."""
    sums = sessions.sums(values[:, None])
    return figure(float(values.sum()), sessions.sum_draws(sums)[:, 0], sessions)


def correlation(x: np.ndarray, y: np.ndarray, sessions: Sessions) -> Figure:
    """Return Pearson's correlation of a score and the outcome."""
    sums = sessions.sums(np.stack([np.ones(len(x)), x, y, x * x, y * y, x * y], axis=1))
    return figure(
        float(_pearson(sums.sum(axis=0)[None])[0]), _pearson(sessions.sum_draws(sums)), sessions
    )


def _pearson(sums: np.ndarray) -> np.ndarray:
    count, x, y, xx, yy, xy = sums.T
    spread = np.sqrt(np.maximum(xx - x * x / count, 0) * np.maximum(yy - y * y / count, 0))
    correlations: np.ndarray = np.divide(
        xy - x * y / count, spread, out=np.zeros(len(sums)), where=spread > 1e-12
    )
    return correlations


def index_figures(
    wss: np.ndarray, expected_wss: np.ndarray, coverage: np.ndarray, path: Path, seed: int
) -> dict[str, Figure]:
    """Compute how the WSS of each bar ranks what the index did until the next bar's close."""
    ratio = path.close[1:] / path.close[:-1]
    judged_bars = np.flatnonzero((coverage[:-1] > 0) & np.isfinite(ratio))
    if not len(judged_bars):
        return {}
    sessions = resample_sessions(path.session[judged_bars], seed)
    figures = {}
    for name, scores in (("wss_rank_ic", wss), ("expected_wss_rank_ic", expected_wss)):
        ic = RankIC(scores[judged_bars], ratio[judged_bars], sessions)
        figures[name] = figure(ic.value, ic.values_of_draws, sessions)
    return figures


def summarise_returns(
    returns: BarReturns, path: Path, seed: int, long: BarReturns
) -> dict[str, Any]:
    """Summarise what positions earned, also beyond being always long."""
    sessions, in_market = resample_sessions(path.session, seed), np.abs(returns.position) > 0
    curve = np.cumsum(returns.net)
    has_return = returns.gross != 0
    stops = {
        reason: int((returns.exits == reason).sum())
        for reason in sorted(set(returns.exits.tolist()) - {NONE})
    }
    return {
        "net": total(returns.net, sessions).as_dict(),
        "gross": number(float(returns.gross.sum())),
        "cost": number(float(returns.cost.sum())),
        "over_night": number(float(returns.gross[path.over_night].sum())),
        "beyond_always_long": total(returns.net - long.net, sessions).as_dict(),
        "worst_fall": number(float((np.maximum.accumulate(np.maximum(curve, 0)) - curve).max())),
        "changes": int((returns.traded > 0).sum()),
        "traded": number(float(returns.traded.sum())),
        "bars_held": number(float(in_market.mean())),
        "bars_won": number(float((returns.gross[has_return] > 0).mean()))
        if has_return.any()
        else None,
        **({"exits": stops} if stops else {}),
    }
