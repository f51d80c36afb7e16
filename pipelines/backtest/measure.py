"""What predictions were worth and what signals earned, with intervals over whole sessions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipelines.backtest.path import Path
from pipelines.backtest.policy import NONE, Earned
from pipelines.backtest.walk import Scored
from pipelines.gates.skill import LEAST_SESSIONS, RankIC, Sessions, macro_f1
from pipelines.labels.base import Label
from pipelines.modeling.metrics import confusion, expected_score, rank_ic

CONFIDENCE = 0.95  # of an interval: its ends are one-sided bounds at 97.5 %
RESAMPLES = 2000


@dataclass(frozen=True)
class Figure:
    """A number, and its interval where there were sessions enough to draw one from."""

    value: float
    low: float | None = None
    high: float | None = None

    def plain(self) -> dict[str, float | None]:
        return {"value": _number(self.value), "low": _number(self.low), "high": _number(self.high)}

    def told(self, form: str = ".4f", percent: bool = False) -> str:
        def one(number: float) -> str:
            return f"{number:+.2%}" if percent else format(number, form)

        if self.low is None or self.high is None:
            return one(self.value)
        return f"{one(self.value)} ({one(self.low)} to {one(self.high)})"


def _number(value: float | None) -> float | None:
    return None if value is None or not np.isfinite(value) else round(float(value), 10)


def drawn_from(session: np.ndarray, seed: int) -> Sessions:
    of_row = np.unique(session, return_inverse=True)[1]
    return Sessions(of_row, RESAMPLES, seed, (1 + CONFIDENCE) / 2)


def _figure(value: float, over_draws: np.ndarray, sessions: Sessions) -> Figure:
    if sessions.count < LEAST_SESSIONS:
        return Figure(value)
    return Figure(value, *sessions.bounds(value, over_draws))


def share(yes: np.ndarray, among: np.ndarray, sessions: Sessions) -> Figure:
    """How many of some rows are so."""
    sums = sessions.sums(np.stack([yes & among, among], axis=1).astype(float))
    whole, drawn = sums.sum(axis=0), sessions.drawn(sums)
    if not whole[1]:
        return Figure(float("nan"))
    over = np.divide(drawn[:, 0], drawn[:, 1], out=np.zeros(len(drawn)), where=drawn[:, 1] > 0)
    return _figure(float(whole[0] / whole[1]), over, sessions)


def total(values: np.ndarray, sessions: Sessions) -> Figure:
    """The sum, and how it lies over draws of as many sessions."""
    sums = sessions.sums(values[:, None])
    return _figure(float(values.sum()), sessions.drawn(sums)[:, 0], sessions)


def correlation(x: np.ndarray, y: np.ndarray, sessions: Sessions) -> Figure:
    """Pearson's, of a score and the outcome."""
    sums = sessions.sums(np.stack([np.ones(len(x)), x, y, x * x, y * y, x * y], axis=1))
    return _figure(
        float(_pearson(sums.sum(axis=0)[None])[0]), _pearson(sessions.drawn(sums)), sessions
    )


def _pearson(sums: np.ndarray) -> np.ndarray:
    count, x, y, xx, yy, xy = sums.T
    apart = np.sqrt(np.maximum(xx - x * x / count, 0) * np.maximum(yy - y * y / count, 0))
    made: np.ndarray = np.divide(
        xy - x * y / count, apart, out=np.zeros(len(sums)), where=apart > 1e-12
    )
    return made


@dataclass(frozen=True, eq=False)
class Judged:
    """Scored rows whose outcome is known, as figures look at them."""

    expected: np.ndarray
    direction: np.ndarray  # -1, 0 or 1, of the action
    outcome: np.ndarray
    predicted: np.ndarray
    actual: np.ndarray
    session: np.ndarray
    classes: int

    def take(self, which: np.ndarray) -> Judged:
        return Judged(
            self.expected[which],
            self.direction[which],
            self.outcome[which],
            self.predicted[which],
            self.actual[which],
            self.session[which],
            self.classes,
        )

    def __len__(self) -> int:
        return len(self.outcome)


def judged(scored: Scored, label: Label) -> Judged:
    """Only the rows whose outcome is known can be judged."""
    at = scored.actual >= 0
    return Judged(
        expected_score(scored.probabilities[at], label.scores),
        np.sign(np.asarray(label.scores)[scored.predicted[at]]),
        scored.rows.outcome[at],
        scored.predicted[at],
        scored.actual[at],
        scored.rows.session[at],
        len(label.classes),
    )


def figures(of: Judged, seed: int) -> dict[str, Figure]:
    """The figures of all rows. A hit is a buy before a rise, or a sell before a fall."""
    sessions, called = drawn_from(of.session, seed), of.direction != 0
    ranked = RankIC(of.expected, of.outcome, sessions)
    pairs = np.eye(of.classes**2)[of.actual * of.classes + of.predicted]
    sums = sessions.sums(pairs)
    shape = (-1, of.classes, of.classes)
    always = max(share(of.outcome * up > 0, called, sessions).value for up in (1, -1))
    return {
        "rank_ic": _figure(ranked.value, ranked.drawn, sessions),
        "ic": correlation(of.expected, of.outcome, sessions),
        "hit_rate": share(of.direction * of.outcome > 0, called, sessions),
        "hit_rate_of_one_side": Figure(always),
        "accuracy": share(of.actual == of.predicted, np.ones(len(of), bool), sessions),
        "macro_f1": _figure(
            float(macro_f1(sums.sum(axis=0).reshape(shape))[0]),
            macro_f1(sessions.drawn(sums).reshape(shape)),
            sessions,
        ),
    }


def row_of(of: Judged) -> dict[str, float | int | None]:
    """The figures of some of the rows, without intervals."""
    called = of.direction != 0
    hits = (of.direction * of.outcome > 0)[called]
    apart = len(of) > 1 and np.ptp(of.expected) > 0 and np.ptp(of.outcome) > 0
    counted = confusion(of.actual, of.predicted, of.classes)
    return {
        "rows": len(of),
        "hit_rate": _number(float(hits.mean())) if len(hits) else None,
        "rank_ic": _number(rank_ic(of.expected, of.outcome)),
        "ic": _number(float(np.corrcoef(of.expected, of.outcome)[0, 1])) if apart else None,
        "macro_f1": _number(float(macro_f1(counted))),
    }


def shares(of: Judged, names: Sequence[str]) -> list[dict[str, Any]]:
    """How often each class happened, and how often it was said."""
    count = max(1, len(of))
    happened, said = (
        np.bincount(c, minlength=len(names)) / count for c in (of.actual, of.predicted)
    )
    return [
        {"action": name, "happened": _number(h), "said": _number(s)}
        for name, h, s in zip(names, happened, said, strict=True)
    ]


def earned(one: Earned, path: Path, seed: int, long: Earned) -> dict[str, Any]:
    """What positions earned, and what they earned beyond being always long."""
    sessions, held = drawn_from(path.session, seed), np.abs(one.position) > 0
    curve = np.cumsum(one.net)
    moved = one.gross != 0
    stops = {why: int((one.exits == why).sum()) for why in sorted(set(one.exits.tolist()) - {NONE})}
    return {
        "net": total(one.net, sessions).plain(),
        "gross": _number(float(one.gross.sum())),
        "cost": _number(float(one.cost.sum())),
        "over_night": _number(float(one.gross[path.over_night].sum())),
        "beyond_always_long": total(one.net - long.net, sessions).plain(),
        "worst_fall": _number(float((np.maximum.accumulate(np.maximum(curve, 0)) - curve).max())),
        "changes": int((one.traded > 0).sum()),
        "traded": _number(float(one.traded.sum())),
        "bars_held": _number(float(held.mean())),
        "bars_won": _number(float((one.gross[moved] > 0).mean())) if moved.any() else None,
        **({"exits": stops} if stops else {}),
    }
