"""Compare candidates on one split of time, and calibrate and judge the winner.

1. Rows that lack an outcome or any feature are dropped: one rule for every candidate.
2. Time is cut; thresholds are learned from training rows and give every row its truth.
3. Every candidate is fitted on training rows. One that fails is recorded, and the others go on.
4. They are ranked as the target's rule of selection says: on selection rows as the target's kind
   does (classes by macro F1, two classes by ROC AUC, values by their error), or by the AUC on the
   out-of-time tail of these rows; then by name. A split with folds ranks by the means over these
   instead; each fold learns its own thresholds and weights.
5. The winner is calibrated on selection rows (its probabilities and the thresholds of its actions,
   or the interval of its values), and only then sees the judging rows.
6. For each stretch of the split, 2 to 5 are done anew with nothing but the rows before it, and the
   model that is chosen predicts the stretch. The gates judge these predictions beside those of the
   winner: the way in which models are chosen, and not only the last one.

The winner and the model of each stretch are chosen side by side, as many as the cores allow. Each
fit runs on the threads that its candidate declares, one where it declares none, with a seed of its
own, so that the number of cores changes the time and nothing else.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np

from pipelines.core.errors import BullionError, InvalidRequest
from pipelines.core.progress import CountedProgress, Progress, no_progress
from pipelines.labels.base import Label
from pipelines.modeling import required
from pipelines.modeling.action_rules import BY_EXPECTED_SCORE, ActionRule
from pipelines.modeling.candidates import Candidate, parameters
from pipelines.modeling.candidates.base import single_threaded, threads_of
from pipelines.modeling.candidates.feature_choice import choice_of
from pipelines.modeling.comparison import Aucs, Comparison, Fold, JudgedStretch, Part, Result
from pipelines.modeling.dataset import Rows, Split, Stretch
from pipelines.modeling.kinds import CalibratedModel, Fitted, Metrics, Model, Publishing, kind_of
from pipelines.modeling.required import Minimums
from pipelines.modeling.selection import BY_KIND, SelectionRule

AUC_ROWS = 100_000  # of the training rows, on which the AUC is measured


@dataclass(frozen=True, eq=False)
class _Task:
    """What is the same in each comparison of a training."""

    label: Label
    rule: ActionRule
    selection: SelectionRule
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
    selection: SelectionRule = BY_KIND,
) -> Comparison:
    """Fit and rank the candidates, calibrate the winner, and predict the rows it is judged on.

    `names` are those of the features; of them `flags` may be the same on all rows.
    """
    started = time.perf_counter()
    minimums = minimums or Minimums()
    required.check_distinct(candidates)
    columns = required.column_names(names, rows)
    places = required.read_places(candidates, columns)
    task = _Task(label, rule, selection, candidates, split, minimums, columns, places, flags, seed)
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
    with single_threaded(), ThreadPoolExecutor(_count_workers(candidates)) as pool:
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


def _count_workers(candidates: Sequence[Candidate]) -> int:
    """How many comparisons run side by side, so that each fit has the threads it declares."""
    threads = max(threads_of(candidate) for candidate in candidates)
    return max(1, (os.cpu_count() or 1) // threads)


def _choose(fold: Fold, folds: Sequence[Fold], task: _Task, report: CountedProgress) -> _Choice:
    """Fit and rank the candidates, and calibrate the winner on the rows it was chosen on."""
    results = []
    for candidate in task.candidates:
        report(f"fit {candidate.name}", 1 + len(folds))
        results.append(_try_candidate(candidate, fold, folds, task))
    ranking = tuple(sorted(results, key=lambda result: _rank_key(result, task.selection)))
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
            task.split.walk_past(stretch.past)
        except InvalidRequest:
            if selected:
                raise
            continue
        selected.append(Stretch(training, selection, judging, stretch.past))
    return selected


def _judge_stretch(stretch: Stretch, task: _Task, report: CountedProgress) -> JudgedStretch:
    """Choose a model from the rows before a stretch, and let it predict the stretch."""
    fold = learn_fold(stretch.training, stretch.selection, task.label)
    folds = [
        learn_fold(training, required.select_known_symbols(training, newer), task.label)
        for training, newer in task.split.walk_past(stretch.past)
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
        fold_metrics, fold_aucs = [], []
        for place, fold in enumerate(folds, 1):
            where = f"fold {place}: "
            fold_outputs, _, of_fold = _measure_fitted(_fit(candidate, fold, task), fold, task)
            fold_metrics.append(of_fold)
            fold_aucs.append(_auc(fold.validation, fold_outputs, task))
        aucs = _measure_aucs(fitted, main_fold, outputs, fold_aucs, task)
    # Whatever went wrong, in our code or in a library's: it is this candidate's failure alone.
    except Exception as failure:
        message = failure.message if isinstance(failure, BullionError) else str(failure)
        reason = f"{type(failure).__name__}: {where}{message}"
        return Result(candidate.name, declared, time.perf_counter() - started, failure=reason)
    result = Result(
        candidate.name,
        declared | {f"chosen.{name}": value for name, value in fitted.tuned_parameters.items()},
        seconds,
        fitted=fitted,
        metrics=metrics,
        outputs=outputs,
        predictions=predictions,
        folds=tuple(fold_metrics),
        aucs=aucs,
        features=choice_of(candidate).select(task.names[:-1]),
    )
    return replace(result, objection=task.selection.objection(result))


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


def _measure_aucs(
    fitted: Fitted, fold: Fold, outputs: np.ndarray, fold_aucs: Sequence[float], task: _Task
) -> Aucs:
    """Measure how a candidate ranks rows of each part of time; `outputs` are of selection rows."""
    training, selection = _take(fold.training, _spread(len(fold.training))), fold.validation
    publishing = Publishing(task.label, fold.shares, task.rule)
    training_outputs, _ = kind_of(task.label).predict_uncalibrated(
        fitted, publishing, training.rows
    )
    tail = task.split.mark_tail(selection.rows)
    test, out_of_time = (
        _auc(_take(selection, rows), outputs[rows], task) if rows.any() else None
        for rows in (task.split.mark_test(selection.rows, tail), tail)
    )
    validation = float(np.mean(fold_aucs)) if fold_aucs else None
    return Aucs(_auc(training, training_outputs, task), validation, test, out_of_time)


def _auc(part: Part, outputs: np.ndarray, task: _Task) -> float:
    return kind_of(task.label).auc(part.truth, outputs)


def _take(part: Part, rows: np.ndarray) -> Part:
    return Part(part.rows.take(rows), part.truth[rows])


def _spread(rows: int) -> np.ndarray:
    """The places of all rows, or of AUC_ROWS that are spread over all of them."""
    return np.linspace(0, rows - 1, min(rows, AUC_ROWS)).astype(int)


def _rank_key(
    result: Result, selection: SelectionRule = BY_KIND
) -> tuple[bool, bool, tuple[float, ...], str]:
    """Candidates that failed come last, and before them those that the rule will not have."""
    if result.metrics is None:
        return (True, True, (), result.name)
    return (False, bool(result.objection), selection.order(result), result.name)


def _measure(model: Model, part: Part, label: Label) -> tuple[np.ndarray, np.ndarray, Metrics]:
    outputs, predictions = model.score(part.rows.features)
    metrics = kind_of(label).measure(label, part.truth, outputs, predictions, part.rows)
    return outputs, predictions, metrics
