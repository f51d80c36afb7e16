"""Compare candidates on one split of time, and calibrate and judge the winner.

1. Rows that lack an outcome or any feature are dropped: one rule for every candidate.
2. Time is cut; thresholds are learned from training rows and give every row its truth.
3. Every candidate is fitted on training rows. One that fails is recorded, and the others go on.
4. They are ranked on selection rows as the target's kind says (classes by macro F1, two classes by
   ROC AUC, values by their error), then by name. A split with folds ranks by the means over
   these instead; each fold learns its own thresholds and weights.
5. The winner is calibrated on selection rows (its probabilities and the thresholds of its actions,
   or the interval of its values), and only then sees the judging rows.
6. For each stretch of the split, 2 to 5 are done anew with nothing but the rows before it, and the
   model that is chosen predicts the stretch. The gates judge these predictions beside those of the
   winner: the way in which models are chosen, and not only the last one.

The winner and the model of each stretch are chosen side by side, one on each core. Each fit runs on
one thread with a seed of its own, so that the number of cores changes the time and nothing else.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipelines.core.errors import BullionError, InvalidRequest
from pipelines.core.progress import CountedProgress, Progress, no_progress
from pipelines.labels.base import Label
from pipelines.modeling import required
from pipelines.modeling.action_rules import BY_EXPECTED_SCORE, ActionRule
from pipelines.modeling.candidates import Candidate, parameters
from pipelines.modeling.candidates.base import single_threaded
from pipelines.modeling.dataset import Rows, Split, Stretch
from pipelines.modeling.kinds import CalibratedModel, Fitted, Metrics, Model, Publishing, kind_of
from pipelines.modeling.required import Minimums


@dataclass(frozen=True, eq=False)
class Part:
    """Rows of one part of time, and the truth that a model is to predict for each of them."""

    rows: Rows
    truth: np.ndarray

    def __len__(self) -> int:
        return len(self.truth)


@dataclass(frozen=True, eq=False)
class Fold:
    """Rows to fit on, newer rows to measure on, and what was learned from the first alone."""

    training: Part
    validation: Part
    thresholds: tuple[float, ...]
    shares: tuple[float, ...]  # of the classes among training rows; empty where a value is forecast


@dataclass(frozen=True, eq=False)
class Result:
    """The result of one candidate: a failure, or a fitted candidate with all of its metrics."""

    name: str
    parameters: dict[str, Any]
    seconds: float  # of the fit on training rows
    failure: str = ""
    fitted: Fitted | None = None
    metrics: Metrics | None = None  # on selection rows, as it was fitted
    outputs: np.ndarray | None = None  # of the same rows
    predictions: np.ndarray | None = None
    folds: tuple[Metrics, ...] = ()  # the oldest first; none where the split has no folds

    @property
    def figures(self) -> dict[str, float]:
        """The figures it is ranked by: means over the folds, or those of the selection rows."""
        figures = [metrics.figures for metrics in self._ranked_on]
        if not figures:
            return {}
        return {name: float(np.mean([f[name] for f in figures])) for name in figures[0]}

    @property
    def order(self) -> tuple[float, ...]:
        """The key it is ranked by, the smaller the better."""
        return tuple(np.mean([metrics.order for metrics in self._ranked_on], axis=0).tolist())

    @property
    def _ranked_on(self) -> tuple[Metrics, ...]:
        return self.folds or ((self.metrics,) if self.metrics else ())


@dataclass(frozen=True, eq=False)
class JudgedStretch:
    """Rows that a model predicts which was chosen from older rows alone."""

    judging: Part
    training: Part  # of the model
    candidate: str
    # A row a judging row: a column a class, or the value and its interval; and the prediction.
    outputs: np.ndarray
    predictions: np.ndarray


@dataclass(frozen=True, eq=False)
class Comparison:
    """The ranking of the candidates, the calibrated winner, and the rows they were compared on."""

    label: Label
    rule: ActionRule
    feature_names: tuple[str, ...]  # of all columns but the last, the symbol's code
    flags: tuple[str, ...]  # of these, what may be the same on all rows
    thresholds: tuple[float, ...]
    shares: tuple[float, ...]  # of the classes among training rows; empty where a value is forecast
    symbols: tuple[int, ...]  # codes that training rows have; rows of others were dropped
    dropped: dict[str, int]  # reason: rows
    training: Part
    selection: Part
    judging: Part
    ranking: tuple[Result, ...]  # the best first, what failed last
    calibration_reason: str  # what calibrating the winner taught
    winner: Model
    training_metrics: Metrics  # of the calibrated winner
    selection_metrics: Metrics
    judging_metrics: Metrics
    # The winner's outputs for the judging rows: a column a class, or the value and its interval.
    outputs: np.ndarray
    predictions: np.ndarray  # the class of each judging row, or the value
    earlier: tuple[JudgedStretch, ...]  # the oldest first, judged by models of their own
    seconds: float

    @property
    def winner_features(self) -> tuple[str, ...]:
        """The features that the winner reads."""
        places = self.winner.fitted.places
        return (
            self.feature_names
            if places is None
            else tuple(self.feature_names[place] for place in places[:-1])
        )

    @property
    def publishing(self) -> Publishing:
        return Publishing(self.label, self.shares, self.rule)

    @property
    def stretches(self) -> tuple[JudgedStretch, ...]:
        """All that is judged, the oldest first; the last are the winner's judging rows."""
        newest = JudgedStretch(
            self.judging, self.training, self.ranking[0].name, self.outputs, self.predictions
        )
        return (*self.earlier, newest)


@dataclass(frozen=True, eq=False)
class _Task:
    """What is the same in each comparison of a training."""

    label: Label
    rule: ActionRule
    candidates: Sequence[Candidate]
    split: Split
    minimums: Minimums
    names: tuple[str, ...]  # of the columns
    places: tuple[int, ...]  # of the columns that any candidate reads
    flags: Sequence[str]  # of these, what may be the same on all rows
    seed: int


@dataclass(frozen=True, eq=False)
class _Choice:
    """The ranking of the candidates on some rows, and the winner, calibrated."""

    fold: Fold
    ranking: tuple[Result, ...]
    calibrated: CalibratedModel


def compare(
    rows: Rows,
    label: Label,
    candidates: Sequence[Candidate],
    split: Split,
    seed: int,
    progress: Progress = no_progress,
    *,
    names: Sequence[str] = (),
    flags: Sequence[str] = (),
    minimums: Minimums | None = None,
    rule: ActionRule = BY_EXPECTED_SCORE,
) -> Comparison:
    """Fit and rank the candidates, calibrate the winner, and predict the rows it is judged on.

    `names` are those of the features; of them `flags` may be the same on all rows.
    """
    started = time.perf_counter()
    minimums = minimums or Minimums()
    required.check_distinct(candidates)
    columns = required.column_names(names, rows)
    places = required.read_places(candidates, columns)
    task = _Task(label, rule, candidates, split, minimums, columns, places, flags, seed)
    usable, dropped = required.select_usable(rows, columns, minimums, places)
    training_rows, selection_rows, judging_rows = split.cut(usable)
    held_out = [
        required.select_known_symbols(training_rows, part)
        for part in (selection_rows, judging_rows)
    ]
    unknown_symbols = len(selection_rows) + len(judging_rows) - sum(len(part) for part in held_out)
    dropped["a symbol without training rows"] = unknown_symbols
    required.check_enough(
        training_rows, {"select": held_out[0], "judge": held_out[1]}, minimums, dropped
    )
    required.check_variation(training_rows, task.names, task.places, flags)
    fold = learn_fold(training_rows, held_out[0], label)
    folds = build_folds(usable, split, label, minimums)
    stretches = _select_stretches(split.walk_stretches(usable), task)
    report = CountedProgress(progress, len(candidates) * (1 + split.folds) * (1 + len(stretches)))
    with single_threaded(), ThreadPoolExecutor(os.cpu_count()) as pool:
        # The longest first: each has more rows before it than the one before.
        winner_choice = pool.submit(_choose, fold, folds, task, report)
        judged = [
            pool.submit(_judge_stretch, stretch, task, report) for stretch in reversed(stretches)
        ]
        choice = winner_choice.result()
        earlier = [stretch.result() for stretch in reversed(judged)]
    report("judge the winner", 0)
    judging = with_truth(held_out[1], label, fold.thresholds)
    winner = choice.calibrated.model
    outputs, predictions, judging_metrics = _measure(winner, judging, label)
    return Comparison(
        label=label,
        rule=rule,
        feature_names=task.names[:-1],
        flags=tuple(flags),
        thresholds=fold.thresholds,
        shares=fold.shares,
        symbols=tuple(np.unique(fold.training.rows.symbol).tolist()),
        dropped=dropped,
        training=fold.training,
        selection=fold.validation,
        judging=judging,
        ranking=choice.ranking,
        calibration_reason=choice.calibrated.reason,
        winner=winner,
        training_metrics=_measure(winner, fold.training, label)[2],
        selection_metrics=_measure(winner, fold.validation, label)[2],
        judging_metrics=judging_metrics,
        outputs=outputs,
        predictions=predictions,
        earlier=tuple(earlier),
        seconds=time.perf_counter() - started,
    )


def _choose(fold: Fold, folds: Sequence[Fold], task: _Task, report: CountedProgress) -> _Choice:
    """Fit and rank the candidates, and calibrate the winner on the rows it was chosen on."""
    results = []
    for candidate in task.candidates:
        report(f"fit {candidate.name}", 1 + len(folds))
        results.append(_try_candidate(candidate, fold, folds, task))
    ranking = tuple(sorted(results, key=_rank_key))
    best = ranking[0]
    if best.fitted is None:
        failures = "; ".join(f"{result.name}: {result.failure}" for result in ranking)
        raise InvalidRequest(
            f"every candidate failed: {failures}", "look at the first of these: one cause is likely"
        )
    publishing = Publishing(task.label, fold.shares, task.rule)
    newer = fold.validation
    calibrated = kind_of(task.label).calibrate(best.fitted, publishing, newer.rows, newer.truth)
    return _Choice(fold, ranking, calibrated)


def _select_stretches(stretches: Sequence[Stretch], task: _Task) -> list[Stretch]:
    """Select the stretches before which there is enough to choose a model from.

    The oldest may lack it: what comes before them is what it takes to begin with.
    """
    selected: list[Stretch] = []
    for stretch in stretches:
        training = stretch.training
        selection, judging = (
            required.select_known_symbols(training, part)
            for part in (stretch.selection, stretch.judging)
        )
        try:
            required.check_enough(
                training, {"select": selection, "judge": judging}, task.minimums, {}
            )
            required.check_variation(training, task.names, task.places, task.flags)
            learn_fold(training, selection, task.label)
            task.split.walk_past(training, selection)
        except InvalidRequest:
            if selected:
                raise
            continue
        selected.append(Stretch(training, selection, judging))
    return selected


def _judge_stretch(stretch: Stretch, task: _Task, report: CountedProgress) -> JudgedStretch:
    """Choose a model from the rows before a stretch, and let it predict the stretch."""
    fold = learn_fold(stretch.training, stretch.selection, task.label)
    folds = [
        learn_fold(training, required.select_known_symbols(training, newer), task.label)
        for training, newer in task.split.walk_past(stretch.training, stretch.selection)
    ]
    choice = _choose(fold, folds, task, report)
    judging = with_truth(stretch.judging, task.label, fold.thresholds)
    outputs, predictions = choice.calibrated.model.score(judging.rows.features)
    return JudgedStretch(judging, fold.training, choice.ranking[0].name, outputs, predictions)


def with_truth(rows: Rows, label: Label, thresholds: tuple[float, ...]) -> Part:
    """Rows with the truth that these thresholds make of their outcomes."""
    return Part(rows, label.truth(rows.outcome, thresholds))


def learn_fold(training: Rows, validation: Rows, label: Label) -> Fold:
    """Learn thresholds and class shares from training rows, and give all rows their truth."""
    thresholds = label.learn(training.outcome)
    part = with_truth(training, label, thresholds)
    shares = kind_of(label).shares(part.truth, label)
    return Fold(part, with_truth(validation, label, thresholds), thresholds, shares)


def build_folds(rows: Rows, split: Split, label: Label, minimums: Minimums) -> list[Fold]:
    """Build the folds of a split; each must have the rows that a comparison needs."""
    folds = []
    for place, (training, validation) in enumerate(split.walk(rows), 1):
        validation = required.select_known_symbols(training, validation)
        try:
            required.check_enough(training, {"rank": validation}, minimums, {})
            folds.append(learn_fold(training, validation, label))
        except InvalidRequest as error:
            raise InvalidRequest(
                f"fold {place} of {split.folds}: {error.message}",
                f"take fewer folds, or bring {required.LONGER}",
            ) from error
    return folds


def _try_candidate(
    candidate: Candidate, main_fold: Fold, folds: Sequence[Fold], task: _Task
) -> Result:
    """Fit a candidate on the training rows and in every fold, and measure it on newer rows."""
    declared, started, where = parameters(candidate), time.perf_counter(), ""
    try:
        fitted = _fit(candidate, main_fold, task)
        seconds = time.perf_counter() - started
        outputs, predictions, metrics = _measure_fitted(fitted, main_fold, task)
        fold_metrics = []
        for place, fold in enumerate(folds, 1):
            where = f"fold {place}: "
            fold_metrics.append(_measure_fitted(_fit(candidate, fold, task), fold, task)[2])
    # Whatever went wrong, in our code or in a library's: it is this candidate's failure alone.
    except Exception as failure:
        message = failure.message if isinstance(failure, BullionError) else str(failure)
        reason = f"{type(failure).__name__}: {where}{message}"
        return Result(candidate.name, declared, time.perf_counter() - started, failure=reason)
    return Result(
        candidate.name,
        declared | {f"chosen.{name}": value for name, value in fitted.tuned_parameters.items()},
        seconds,
        fitted=fitted,
        metrics=metrics,
        outputs=outputs,
        predictions=predictions,
        folds=tuple(fold_metrics),
    )


def _fit(candidate: Candidate, fold: Fold, task: _Task) -> Fitted:
    features, truth = fold.training.rows.features, fold.training.truth
    return kind_of(task.label).fit(candidate, features, truth, task.label, task.seed, task.names)


def _measure_fitted(
    fitted: Fitted, fold: Fold, task: _Task
) -> tuple[np.ndarray, np.ndarray, Metrics]:
    """Measure a candidate as it was fitted, on the newer rows of a fold."""
    kind, newer = kind_of(task.label), fold.validation
    publishing = Publishing(task.label, fold.shares, task.rule)
    outputs, predictions = kind.predict_uncalibrated(fitted, publishing, newer.rows)
    metrics = kind.measure(task.label, newer.truth, outputs, predictions, newer.rows)
    return outputs, predictions, metrics


def _rank_key(result: Result) -> tuple[bool, tuple[float, ...], str]:
    return (result.metrics is None, result.order if result.metrics else (), result.name)


def _measure(model: Model, part: Part, label: Label) -> tuple[np.ndarray, np.ndarray, Metrics]:
    outputs, predictions = model.score(part.rows.features)
    metrics = kind_of(label).measure(label, part.truth, outputs, predictions, part.rows)
    return outputs, predictions, metrics
