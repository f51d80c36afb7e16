"""Measure the scored rows whose outcome is known, by the kind of the target."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Protocol

import numpy as np

from pipelines.backtest.measure import correlation
from pipelines.backtest.walk import ScoredRows
from pipelines.gates.intervals import (
    Figure,
    figure,
    information_coefficient,
    number,
    resample_sessions,
    share,
)
from pipelines.gates.skill import Sessions, macro_f1
from pipelines.labels.base import Label
from pipelines.labels.sides import SIGN_SIDES
from pipelines.modeling.answers import answer_of
from pipelines.modeling.metrics import confusion, rank_ic


@dataclass(frozen=True, eq=False)
class JudgedRows:
    """Scored rows whose outcome is known."""

    expected: np.ndarray  # expected scores
    score: np.ndarray  # of the action, or of the sign of the value
    outcome: np.ndarray
    predicted: np.ndarray  # place of a class, or a value
    actual: np.ndarray  # the same of what happened
    session: np.ndarray
    outputs: np.ndarray  # probabilities, or a value and the ends of its interval

    def take(self, which: np.ndarray) -> JudgedRows:
        return JudgedRows(*(getattr(self, field.name)[which] for field in fields(self)))

    @property
    def direction(self) -> np.ndarray:
        """-1, 0 or 1: the side of each action."""
        direction: np.ndarray = np.sign(self.score)
        return direction

    def __len__(self) -> int:
        return len(self.outcome)


class JudgedKind(Protocol):
    """How the rows of one kind of target are judged."""

    @property
    def fit_name(self) -> str:
        """The name of the figure of `fit`."""
        ...

    def is_judged(self, actual: np.ndarray) -> np.ndarray:
        """Mark the rows whose outcome is known."""
        ...

    def figures(self, rows: JudgedRows, sessions: Sessions) -> dict[str, Figure]:
        """Return the figures that this kind alone has."""
        ...

    def fit(self, rows: JudgedRows) -> float:
        """Return how well predictions fit outcomes, without an interval."""
        ...

    def shares(self, rows: JudgedRows, label: Label) -> list[dict[str, Any]]:
        """Return how often each action would have been right, and how often it was published."""
        ...


class ClassKind:
    """Classes: accuracy and macro F1."""

    fit_name = "macro_f1"

    def is_judged(self, actual: np.ndarray) -> np.ndarray:
        known: np.ndarray = actual >= 0
        return known

    def figures(self, rows: JudgedRows, sessions: Sessions) -> dict[str, Figure]:
        classes = rows.outputs.shape[1]
        pairs = np.eye(classes**2)[rows.actual * classes + rows.predicted]
        sums, shape = sessions.sums(pairs), (-1, classes, classes)
        f1_of_draws = macro_f1(sessions.sum_draws(sums).reshape(shape))
        return {
            "accuracy": share(rows.actual == rows.predicted, np.ones(len(rows), bool), sessions),
            "macro_f1": figure(
                float(macro_f1(sums.sum(axis=0).reshape(shape))[0]), f1_of_draws, sessions
            ),
        }

    def fit(self, rows: JudgedRows) -> float:
        return float(macro_f1(confusion(rows.actual, rows.predicted, rows.outputs.shape[1])))

    def shares(self, rows: JudgedRows, label: Label) -> list[dict[str, Any]]:
        return _shares(label.classes, rows.actual, rows.predicted)


class ValueKind:
    """Values: the share of variance explained, against the mean of the judged rows."""

    fit_name = "r2"

    def is_judged(self, actual: np.ndarray) -> np.ndarray:
        known: np.ndarray = np.isfinite(actual)
        return known

    def figures(self, rows: JudgedRows, sessions: Sessions) -> dict[str, Figure]:
        errors = (rows.actual - rows.predicted) ** 2
        terms = [np.ones(len(rows)), rows.actual, rows.actual**2, errors]
        sums = sessions.sums(np.stack(terms, axis=1))
        inside = (rows.outputs[:, 1] <= rows.actual) & (rows.actual <= rows.outputs[:, 2])
        return {
            "r2": figure(
                float(_explained(sums.sum(axis=0)[None])[0]),
                _explained(sessions.sum_draws(sums)),
                sessions,
            ),
            "coverage": share(inside, np.ones(len(rows), bool), sessions),
        }

    def fit(self, rows: JudgedRows) -> float:
        errors = ((rows.actual - rows.predicted) ** 2).sum()
        spread = ((rows.actual - rows.actual.mean()) ** 2).sum() if len(rows) else 0.0
        return float(1 - errors / spread) if spread > 0 else float("nan")

    def shares(self, rows: JudgedRows, label: Label) -> list[dict[str, Any]]:
        places = ((np.sign(v) + 1).astype(np.int64) for v in (rows.actual, rows.predicted))
        return _shares(SIGN_SIDES[0], *places)


def _explained(sums: np.ndarray) -> np.ndarray:
    """Return the share of variance explained from counts, sums, squares and squared errors."""
    count, total, squares, errors = sums.T
    spread = squares - total**2 / np.maximum(count, 1)
    explained: np.ndarray = 1 - np.divide(
        errors, spread, out=np.ones(len(sums)), where=spread > 1e-18
    )
    return explained


def _shares(
    names: Sequence[str], actual: np.ndarray, predicted: np.ndarray
) -> list[dict[str, Any]]:
    happened, published = (
        np.bincount(places, minlength=len(names)) / max(1, len(places))
        for places in (actual, predicted)
    )
    return [
        {"action": name, "happened": number(h), "said": number(p)}
        for name, h, p in zip(names, happened, published, strict=True)
    ]


JUDGED_KINDS: Mapping[str, JudgedKind] = {"classes": ClassKind(), "value": ValueKind()}


def select_judged(scored: ScoredRows, label: Label) -> JudgedRows:
    """Select the rows whose outcome is known: only they can be judged."""
    known = JUDGED_KINDS[label.kind].is_judged(scored.actual)
    score, expected = answer_of(label.kind).signal_scores(
        label.scores, scored.outputs[known], scored.predicted[known]
    )
    return JudgedRows(
        expected,
        score,
        scored.rows.outcome[known],
        scored.predicted[known],
        scored.actual[known],
        scored.rows.session[known],
        scored.outputs[known],
    )


def figures(rows: JudgedRows, seed: int, kind: str = "classes") -> dict[str, Figure]:
    """Compute the figures of all rows. A hit is a buy before a rise, or a sell before a fall."""
    sessions, is_acting = resample_sessions(rows.session, seed), rows.direction != 0
    best_side = max(share(rows.outcome * up > 0, is_acting, sessions).value for up in (1, -1))
    return {
        "acting_share": share(is_acting, np.ones(len(rows), bool), sessions),
        "published_rank_ic": information_coefficient(rows.score, rows.outcome, sessions),
        "rank_ic": information_coefficient(rows.expected, rows.outcome, sessions),
        "ic": correlation(rows.expected, rows.outcome, sessions),
        "hit_rate": share(rows.direction * rows.outcome > 0, is_acting, sessions),
        "hit_rate_of_one_side": Figure(best_side),
        **JUDGED_KINDS[kind].figures(rows, sessions),
    }


def summarise_rows(rows: JudgedRows, kind: str = "classes") -> dict[str, float | int | None]:
    """Compute the figures of some of the rows, without intervals."""
    is_acting = rows.direction != 0
    hits = (rows.direction * rows.outcome > 0)[is_acting]
    varies = len(rows) > 1 and np.ptp(rows.expected) > 0 and np.ptp(rows.outcome) > 0
    judged_kind = JUDGED_KINDS[kind]
    return {
        "rows": len(rows),
        "acting_share": number(float(is_acting.mean())) if len(rows) else None,
        "hit_rate": number(float(hits.mean())) if len(hits) else None,
        "published_rank_ic": number(rank_ic(rows.score, rows.outcome)),
        "rank_ic": number(rank_ic(rows.expected, rows.outcome)),
        "ic": number(float(np.corrcoef(rows.expected, rows.outcome)[0, 1])) if varies else None,
        judged_kind.fit_name: number(judged_kind.fit(rows)),
    }
