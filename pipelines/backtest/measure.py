"""Measure the returns of signals in a backtest, with intervals over whole sessions."""

from __future__ import annotations

from typing import Any

import numpy as np

from pipelines.backtest.path import Path
from pipelines.backtest.policy import NONE, BarReturns
from pipelines.gates.intervals import (
    Figure,
    drawdown,
    figure,
    information_coefficient,
    number,
    resample_sessions,
    total,
)
from pipelines.gates.skill import Sessions


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
        figures[name] = information_coefficient(scores[judged_bars], ratio[judged_bars], sessions)
    return figures


def summarise_returns(
    returns: BarReturns, path: Path, seed: int, long: BarReturns
) -> dict[str, Any]:
    """Summarise what positions earned, also beyond being always long."""
    sessions, in_market = resample_sessions(path.session, seed), np.abs(returns.position) > 0
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
        "worst_fall": number(float(drawdown(np.cumsum(returns.net)).max())),
        "changes": int((returns.traded > 0).sum()),
        "traded": number(float(returns.traded.sum())),
        "bars_held": number(float(in_market.mean())),
        "bars_won": number(float((returns.gross[has_return] > 0).mean()))
        if has_return.any()
        else None,
        **({"exits": stops} if stops else {}),
    }
