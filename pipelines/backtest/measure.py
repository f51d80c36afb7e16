"""Measure predictions and the returns of signals, with intervals over whole sessions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipelines.backtest.path import Path
from pipelines.backtest.policy import NONE, BarReturns
from pipelines.backtest.walk import ScoredRows
from pipelines.gates.skill import LEAST_SESSIONS, RankIC, Sessions, macro_f1
from pipelines.labels.base import Label
from pipelines.modeling.action_rules import expected_scores
from pipelines.modeling.metrics import confusion, rank_ic

CONFIDENCE = 0.95  # of an interval: its ends are one-sided bounds at 97.5 %
RESAMPLES = 2000


@dataclass(frozen=True)
class Figure:
    """A number, and its interval where there are enough sessions for one."""

    value: float
    low: float | None = None
    high: float | None = None

    def as_dict(self) -> dict[str, float | None]:
        return {"value": _number(self.value), "low": _number(self.low), "high": _number(self.high)}


def _number(value: float | None) -> float | None:
    return None if value is None or not np.isfinite(value) else round(float(value), 10)


def resample_sessions(session: np.ndarray, seed: int) -> Sessions:
    """Prepare draws of whole sessions, to be repeated by the seed."""
    of_row = np.unique(session, return_inverse=True)[1]
    return Sessions(of_row, RESAMPLES, seed, (1 + CONFIDENCE) / 2)


def _figure(value: float, over_draws: np.ndarray, sessions: Sessions) -> Figure:
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
    return _figure(float(whole[0] / whole[1]), shares, sessions)


def total(values: np.ndarray, sessions: Sessions) -> Figure:
    """Return the sum, and its interval over draws of as many sessions."""
    sums = sessions.sums(values[:, None])
    return _figure(float(values.sum()), sessions.sum_draws(sums)[:, 0], sessions)


def correlation(x: np.ndarray, y: np.ndarray, sessions: Sessions) -> Figure:
    """Return Pearson's correlation of a score and the outcome."""
    sums = sessions.sums(np.stack([np.ones(len(x)), x, y, x * x, y * y, x * y], axis=1))
    return _figure(
        float(_pearson(sums.sum(axis=0)[None])[0]), _pearson(sessions.sum_draws(sums)), sessions
    )


def _pearson(sums: np.ndarray) -> np.ndarray:
    count, x, y, xx, yy, xy = sums.T
    spread = np.sqrt(np.maximum(xx - x * x / count, 0) * np.maximum(yy - y * y / count, 0))
    correlations: np.ndarray = np.divide(
        xy - x * y / count, spread, out=np.zeros(len(sums)), where=spread > 1e-12
    )
    return correlations


@dataclass(frozen=True, eq=False)
class JudgedRows:
    """Scored rows whose outcome is known."""

    expected: np.ndarray
    score: np.ndarray  # of the action
    outcome: np.ndarray
    predicted: np.ndarray
    actual: np.ndarray
    session: np.ndarray
    classes: int

    def take(self, which: np.ndarray) -> JudgedRows:
        return JudgedRows(
            self.expected[which],
            self.score[which],
            self.outcome[which],
            self.predicted[which],
            self.actual[which],
            self.session[which],
            self.classes,
        )

    @property
    def direction(self) -> np.ndarray:
        """-1, 0 or 1: the side of each action."""
        direction: np.ndarray = np.sign(self.score)
        return direction

    def __len__(self) -> int:
        return len(self.outcome)


def select_judged(scored: ScoredRows, label: Label) -> JudgedRows:
    """Select the rows whose outcome is known: only they can be judged."""
    known = scored.actual >= 0
    return JudgedRows(
        expected_scores(scored.probabilities[known], label.scores),
        np.asarray(label.scores)[scored.predicted[known]],
        scored.rows.outcome[known],
        scored.predicted[known],
        scored.actual[known],
        scored.rows.session[known],
        len(label.classes),
    )


def figures(rows: JudgedRows, seed: int) -> dict[str, Figure]:
    """Compute the figures of all rows. A hit is a buy before a rise, or a sell before a fall."""
    sessions, has_side = resample_sessions(rows.session, seed), rows.direction != 0
    published_ic, expected_ic = (
        RankIC(score, rows.outcome, sessions) for score in (rows.score, rows.expected)
    )
    pairs = np.eye(rows.classes**2)[rows.actual * rows.classes + rows.predicted]
    sums = sessions.sums(pairs)
    shape = (-1, rows.classes, rows.classes)
    best_side = max(share(rows.outcome * up > 0, has_side, sessions).value for up in (1, -1))
    return {
        "published_rank_ic": _figure(published_ic.value, published_ic.values_of_draws, sessions),
        "rank_ic": _figure(expected_ic.value, expected_ic.values_of_draws, sessions),
        "ic": correlation(rows.expected, rows.outcome, sessions),
        "hit_rate": share(rows.direction * rows.outcome > 0, has_side, sessions),
        "hit_rate_of_one_side": Figure(best_side),
        "accuracy": share(rows.actual == rows.predicted, np.ones(len(rows), bool), sessions),
        "macro_f1": _figure(
            float(macro_f1(sums.sum(axis=0).reshape(shape))[0]),
            macro_f1(sessions.sum_draws(sums).reshape(shape)),
            sessions,
        ),
    }


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
        figures[name] = _figure(ic.value, ic.values_of_draws, sessions)
    return figures


def summarise_rows(rows: JudgedRows) -> dict[str, float | int | None]:
    """Compute the figures of some of the rows, without intervals."""
    has_side = rows.direction != 0
    hits = (rows.direction * rows.outcome > 0)[has_side]
    varies = len(rows) > 1 and np.ptp(rows.expected) > 0 and np.ptp(rows.outcome) > 0
    counts = confusion(rows.actual, rows.predicted, rows.classes)
    return {
        "rows": len(rows),
        "hit_rate": _number(float(hits.mean())) if len(hits) else None,
        "published_rank_ic": _number(rank_ic(rows.score, rows.outcome)),
        "rank_ic": _number(rank_ic(rows.expected, rows.outcome)),
        "ic": _number(float(np.corrcoef(rows.expected, rows.outcome)[0, 1])) if varies else None,
        "macro_f1": _number(float(macro_f1(counts))),
    }


def class_shares(rows: JudgedRows, names: Sequence[str]) -> list[dict[str, Any]]:
    """Return how often each class happened, and how often it was predicted."""
    count = max(1, len(rows))
    frequency, predicted_frequency = (
        np.bincount(c, minlength=len(names)) / count for c in (rows.actual, rows.predicted)
    )
    return [
        {"action": name, "happened": _number(h), "said": _number(s)}
        for name, h, s in zip(names, frequency, predicted_frequency, strict=True)
    ]


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
        "gross": _number(float(returns.gross.sum())),
        "cost": _number(float(returns.cost.sum())),
        "over_night": _number(float(returns.gross[path.over_night].sum())),
        "beyond_always_long": total(returns.net - long.net, sessions).as_dict(),
        "worst_fall": _number(float((np.maximum.accumulate(np.maximum(curve, 0)) - curve).max())),
        "changes": int((returns.traded > 0).sum()),
        "traded": _number(float(returns.traded.sum())),
        "bars_held": _number(float(in_market.mean())),
        "bars_won": _number(float((returns.gross[has_return] > 0).mean()))
        if has_return.any()
        else None,
        **({"exits": stops} if stops else {}),
    }
