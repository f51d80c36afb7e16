"""Candidates, compared on one split of time.

1. Rows that lack an outcome or any feature are dropped: one rule for every candidate.
2. Time is cut; thresholds are learned from training rows and give every row its class.
3. Every candidate is fitted on training rows. One that fails is recorded, and the others go on.
4. They are ranked on selection rows by macro F1, ties by accuracy, then by name. A split with
   folds ranks by the means over these instead; each fold learns its own thresholds and weights.
5. The winner is calibrated on selection rows, and only then sees the judging rows.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipelines.errors import BullionError, InvalidRequest
from pipelines.labels.base import Label
from pipelines.modeling import required
from pipelines.modeling.calibration import Calibrated, Calibration, Model, calibrate
from pipelines.modeling.candidates import Candidate, Fitted, fit, parameters
from pipelines.modeling.dataset import Rows, Split
from pipelines.modeling.metrics import Metrics, measure
from pipelines.modeling.required import Fewest

Progress = Callable[[str, int, int], None]  # what, done, of how many


def _silent(what: str, done: int, total: int) -> None: ...


@dataclass(frozen=True, eq=False)
class Part:
    """Rows of one part of time, and the class of each."""

    rows: Rows
    classes: np.ndarray

    def __len__(self) -> int:
        return len(self.classes)


@dataclass(frozen=True, eq=False)
class Fold:
    """Rows to fit on, newer ones to measure on, and what was learned from the former alone."""

    training: Part
    newer: Part
    thresholds: tuple[float, ...]
    shares: tuple[float, ...]  # of the classes among training rows


@dataclass(frozen=True, eq=False)
class Result:
    """What became of one candidate; without a failure it has everything, with one nothing."""

    name: str
    parameters: dict[str, Any]
    seconds: float  # of the fit on training rows
    failure: str = ""
    fitted: Fitted | None = None
    metrics: Metrics | None = None  # on selection rows, before calibration
    probabilities: np.ndarray | None = None  # the same
    predicted: np.ndarray | None = None
    folds: tuple[Metrics, ...] = ()  # the oldest first; none where the split has no folds

    @property
    def macro_f1(self) -> float | None:
        """What it is ranked by: the mean over the folds, or that of the selection rows."""
        found = [one.macro_f1 for one in self._ranked_on]
        return float(np.mean(found)) if found else None

    @property
    def accuracy(self) -> float | None:
        """What a tie is settled by, of the same rows."""
        found = [one.accuracy for one in self._ranked_on]
        return float(np.mean(found)) if found else None

    @property
    def _ranked_on(self) -> tuple[Metrics, ...]:
        return self.folds or ((self.metrics,) if self.metrics else ())


@dataclass(frozen=True, eq=False)
class Comparison:
    """All that a comparison found, and the rows it found it on."""

    label: Label
    names: tuple[str, ...]  # of the features; the symbol's code comes after them
    thresholds: tuple[float, ...]
    shares: tuple[float, ...]  # of the classes among training rows
    symbols: tuple[int, ...]  # codes that training rows have; rows of others were dropped
    dropped: dict[str, int]  # reason: rows
    training: Part
    selection: Part
    judging: Part
    ranking: tuple[Result, ...]  # the best first, what failed last
    calibrated: Calibrated
    winner: Model
    training_metrics: Metrics  # of the winner, calibrated
    selection_metrics: Metrics
    judging_metrics: Metrics
    probabilities: np.ndarray  # of the judging rows, a column a class
    predicted: np.ndarray  # the class each judging row is given
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
    """Fit, rank, calibrate and judge. `names` are those of the features, for errors."""
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
    judging = classed(kept[1], label, whole.thresholds)
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
        told = "; ".join(f"{one.name}: {one.failure}" for one in ranking)
        raise InvalidRequest(
            f"every candidate failed: {told}", "look at the first of these: one cause is likely"
        )
    weighed = best.fitted.weighed(selection.rows.features)
    calibrated = calibrate(shares, weighed, selection.classes, selection.rows)
    winner = Model(best.fitted, calibrated.calibration)
    predicted, probabilities, judged = _judged(winner, judging, label)
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
        calibrated=calibrated,
        winner=winner,
        training_metrics=_judged(winner, training, label)[2],
        selection_metrics=_judged(winner, selection, label)[2],
        judging_metrics=judged,
        probabilities=probabilities,
        predicted=predicted,
        seconds=time.perf_counter() - started,
    )


def classed(rows: Rows, label: Label, thresholds: tuple[float, ...]) -> Part:
    return Part(rows, label.classify(rows.outcome, thresholds).astype(np.int64))


def learn(training: Rows, newer: Rows, label: Label) -> Fold:
    """Give all rows their class, by what training rows alone teach."""
    thresholds = label.learn(training.outcome)
    part = classed(training, label, thresholds)
    shares = required.shares(part.classes, label)
    return Fold(part, classed(newer, label, thresholds), thresholds, shares)


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
    told, started, where = parameters(candidate), time.perf_counter(), ""
    try:
        fitted = _fitted(candidate, whole, label, seed)
        seconds = time.perf_counter() - started
        predicted, probabilities, metrics = _judged(
            Model(fitted, Calibration(whole.shares)), whole.newer, label
        )
        walked = []
        for place, fold in enumerate(folds, 1):
            where = f"fold {place}: "
            model = Model(_fitted(candidate, fold, label, seed), Calibration(fold.shares))
            walked.append(_judged(model, fold.newer, label)[2])
    # Whatever went wrong, in our code or in a library's: it is this candidate's failure alone.
    except Exception as failure:
        said = failure.message if isinstance(failure, BullionError) else str(failure)
        reason = f"{type(failure).__name__}: {where}{said}"
        return Result(candidate.name, told, time.perf_counter() - started, failure=reason)
    return Result(
        candidate.name,
        told,
        seconds,
        fitted=fitted,
        metrics=metrics,
        probabilities=probabilities,
        predicted=predicted,
        folds=tuple(walked),
    )


def _fitted(candidate: Candidate, fold: Fold, label: Label, seed: int) -> Fitted:
    training = fold.training
    return fit(candidate, training.rows.features, training.classes, len(label.classes), seed)


def _rank(result: Result) -> tuple[float, float, str]:
    if result.macro_f1 is None or result.accuracy is None:
        return (1.0, 1.0, result.name)
    return (-result.macro_f1, -result.accuracy, result.name)


def _judged(model: Model, part: Part, label: Label) -> tuple[np.ndarray, np.ndarray, Metrics]:
    probabilities, predicted = model.score(part.rows.features)
    metrics = measure(
        part.classes, predicted, probabilities, part.rows.outcome, label.classes, label.scores
    )
    return predicted, probabilities, metrics
