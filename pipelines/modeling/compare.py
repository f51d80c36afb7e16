"""Candidates, compared on one split of time.

1. Rows that lack an outcome or any feature are dropped: one rule for every candidate.
2. Time is cut; thresholds are learned from training rows and give every row its truth.
3. Every candidate is fitted on training rows. One that fails is recorded, and the others go on.
4. They are ranked on selection rows as the target's kind says (classes by macro F1, ties by
   accuracy; values by their error), then by name. A split with folds ranks by the means over
   these instead; each fold learns its own thresholds and weights.
5. The winner is settled on selection rows (calibrated, or given an interval), and only then sees
   the judging rows.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipelines.core.errors import BullionError, InvalidRequest
from pipelines.labels.base import Label
from pipelines.modeling import required
from pipelines.modeling.candidates import Candidate, parameters
from pipelines.modeling.dataset import Rows, Split
from pipelines.modeling.kinds import Fitted, Metrics, Model, kind_of
from pipelines.modeling.required import Fewest

Progress = Callable[[str, int, int], None]  # what, done, of how many


def _silent(what: str, done: int, total: int) -> None: ...


@dataclass(frozen=True, eq=False)
class Part:
    """Rows of one part of time, and what is to be said of each."""

    rows: Rows
    truth: np.ndarray

    def __len__(self) -> int:
        return len(self.truth)


@dataclass(frozen=True, eq=False)
class Fold:
    """Rows to fit on, newer ones to measure on, and what was learned from the former alone."""

    training: Part
    newer: Part
    thresholds: tuple[float, ...]
    shares: tuple[float, ...]  # of the classes among training rows; none where a value is asked


@dataclass(frozen=True, eq=False)
class Result:
    """What became of one candidate; without a failure it has everything, with one nothing."""

    name: str
    parameters: dict[str, Any]
    seconds: float  # of the fit on training rows
    failure: str = ""
    fitted: Fitted | None = None
    metrics: Metrics | None = None  # on selection rows, as it was fitted
    given: np.ndarray | None = None  # the same
    said: np.ndarray | None = None
    folds: tuple[Metrics, ...] = ()  # the oldest first; none where the split has no folds

    @property
    def figures(self) -> dict[str, float]:
        """What it is ranked on: the means over the folds, or those of the selection rows."""
        found = [one.figures for one in self._ranked_on]
        return (
            {name: float(np.mean([f[name] for f in found])) for name in found[0]} if found else {}
        )

    @property
    def order(self) -> tuple[float, ...]:
        """What it is ranked by, the smaller the better."""
        return tuple(np.mean([one.order for one in self._ranked_on], axis=0).tolist())

    @property
    def _ranked_on(self) -> tuple[Metrics, ...]:
        return self.folds or ((self.metrics,) if self.metrics else ())


@dataclass(frozen=True, eq=False)
class Comparison:
    """All that a comparison found, and the rows it found it on."""

    label: Label
    names: tuple[str, ...]  # of the features; the symbol's code comes after them
    thresholds: tuple[float, ...]
    shares: tuple[float, ...]  # of the classes among training rows; none where a value is asked
    symbols: tuple[int, ...]  # codes that training rows have; rows of others were dropped
    dropped: dict[str, int]  # reason: rows
    training: Part
    selection: Part
    judging: Part
    ranking: tuple[Result, ...]  # the best first, what failed last
    settled: str  # what settling the winner taught
    winner: Model
    training_metrics: Metrics  # of the winner, settled
    selection_metrics: Metrics
    judging_metrics: Metrics
    given: np.ndarray  # what the winner gives the judging rows: a column a class, or value and ends
    said: np.ndarray  # the class of each judging row, or the value
    seconds: float


def compare(
    rows: Rows,
    label: Label,
    candidates: Sequence[Candidate],
    split: Split,
    seed: int,
    progress: Progress = _silent,
    *,
    names: Sequence[str] = (),
    fewest: Fewest | None = None,
) -> Comparison:
    """Fit, rank, settle and judge. `names` are those of the features, for errors."""
    started = time.perf_counter()
    fewest = fewest or Fewest()
    required.distinct(candidates)
    named = required.named(names, rows)
    usable, dropped = required.usable(rows, named, fewest)
    older, selecting, newest = split.cut(usable)
    kept = [required.seen(older, part) for part in (selecting, newest)]
    lost = len(selecting) + len(newest) - sum(len(part) for part in kept)
    dropped["a symbol without training rows"] = lost
    required.enough(older, {"select": kept[0], "judge": kept[1]}, fewest, dropped)
    required.vary(older, named)
    whole = learn(older, kept[0], label)
    training, selection, shares = whole.training, whole.newer, whole.shares
    judging = told(kept[1], label, whole.thresholds)
    folds = walk(usable, split, label, fewest)

    results, done, total = [], 0, len(candidates) * (1 + len(folds))
    for candidate in candidates:
        progress(f"fit {candidate.name}", done, total)
        results.append(_tried(candidate, whole, folds, label, seed))
        done += 1 + len(folds)
    progress("judge the winner", total, total)
    ranking = tuple(sorted(results, key=_rank))
    best = ranking[0]
    if best.fitted is None:
        failures = "; ".join(f"{one.name}: {one.failure}" for one in ranking)
        raise InvalidRequest(
            f"every candidate failed: {failures}", "look at the first of these: one cause is likely"
        )
    settled = kind_of(label).settle(best.fitted, shares, selection.rows, selection.truth)
    winner = settled.model
    given, said, judged = _judged(winner, judging, label)
    return Comparison(
        label=label,
        names=named[:-1],
        thresholds=whole.thresholds,
        shares=shares,
        symbols=tuple(np.unique(training.rows.symbol).tolist()),
        dropped=dropped,
        training=training,
        selection=selection,
        judging=judging,
        ranking=ranking,
        settled=settled.reason,
        winner=winner,
        training_metrics=_judged(winner, training, label)[2],
        selection_metrics=_judged(winner, selection, label)[2],
        judging_metrics=judged,
        given=given,
        said=said,
        seconds=time.perf_counter() - started,
    )


def told(rows: Rows, label: Label, thresholds: tuple[float, ...]) -> Part:
    return Part(rows, label.truth(rows.outcome, thresholds))


def learn(training: Rows, newer: Rows, label: Label) -> Fold:
    """Give all rows their truth, by what training rows alone teach."""
    thresholds = label.learn(training.outcome)
    part = told(training, label, thresholds)
    shares = kind_of(label).shares(part.truth, label)
    return Fold(part, told(newer, label, thresholds), thresholds, shares)


def walk(rows: Rows, split: Split, label: Label, fewest: Fewest) -> list[Fold]:
    """The folds of a split, each of which has what a comparison needs."""
    made = []
    for place, (training, newer) in enumerate(split.walk(rows), 1):
        newer = required.seen(training, newer)
        try:
            required.enough(training, {"rank": newer}, fewest, {})
            made.append(learn(training, newer, label))
        except InvalidRequest as refused:
            raise InvalidRequest(
                f"fold {place} of {split.folds}: {refused.message}",
                f"take fewer folds, or bring {required.LONGER}",
            ) from refused
    return made


def _tried(
    candidate: Candidate, whole: Fold, folds: Sequence[Fold], label: Label, seed: int
) -> Result:
    declared, started, where = parameters(candidate), time.perf_counter(), ""
    try:
        model = _fitted(candidate, whole, label, seed)
        seconds = time.perf_counter() - started
        given, said, metrics = _judged(model, whole.newer, label)
        walked = []
        for place, fold in enumerate(folds, 1):
            where = f"fold {place}: "
            walked.append(_judged(_fitted(candidate, fold, label, seed), fold.newer, label)[2])
    # Whatever went wrong, in our code or in a library's: it is this candidate's failure alone.
    except Exception as failure:
        why = failure.message if isinstance(failure, BullionError) else str(failure)
        reason = f"{type(failure).__name__}: {where}{why}"
        return Result(candidate.name, declared, time.perf_counter() - started, failure=reason)
    return Result(
        candidate.name,
        declared | {f"chosen.{name}": value for name, value in model.fitted.chosen.items()},
        seconds,
        fitted=model.fitted,
        metrics=metrics,
        given=given,
        said=said,
        folds=tuple(walked),
    )


def _fitted(candidate: Candidate, fold: Fold, label: Label, seed: int) -> Model:
    kind, training = kind_of(label), fold.training
    fitted = kind.fit(candidate, training.rows.features, training.truth, label, seed)
    return kind.plain(fitted, fold.shares, training.truth)


def _rank(result: Result) -> tuple[bool, tuple[float, ...], str]:
    return (result.metrics is None, result.order if result.metrics else (), result.name)


def _judged(model: Model, part: Part, label: Label) -> tuple[np.ndarray, np.ndarray, Metrics]:
    given, said = model.score(part.rows.features)
    return given, said, kind_of(label).measure(label, part.truth, given, said, part.rows)
