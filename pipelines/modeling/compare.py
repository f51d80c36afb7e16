"""Compare candidates on one split of time, and calibrate and judge the winner.

1. Rows that lack an outcome or any feature are dropped: one rule for every candidate.
2. Time is cut; thresholds are learned from training rows and give every row its truth.
3. Every candidate is fitted on training rows. One that fails is recorded, and the others go on.
4. They are ranked on selection rows as the target's kind says (classes by macro F1, ties by
   accuracy; values by their error), then by name. A split with folds ranks by the means over
   these instead; each fold learns its own thresholds and weights.
5. The winner is calibrated on selection rows (its probabilities, or the interval of its values),
   and only then sees the judging rows.
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
from pipelines.modeling.required import Minimums

Progress = Callable[[str, int, int], None]  # what, done, of how many


def _silent(what: str, done: int, total: int) -> None: ...


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
class Comparison:
    """The ranking of the candidates, the calibrated winner, and the rows they were compared on."""

    label: Label
    feature_names: tuple[str, ...]  # of all columns but the last, the symbol's code
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
    minimums: Minimums | None = None,
) -> Comparison:
    """Fit and rank the candidates, calibrate the winner, and measure it on the judging rows.

    `names` are those of the features.
    """
    started = time.perf_counter()
    minimums = minimums or Minimums()
    required.check_distinct(candidates)
    names_of_columns = required.column_names(names, rows)
    usable, dropped = required.select_usable(rows, names_of_columns, minimums)
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
    required.check_variation(training_rows, names_of_columns)
    fold = learn_fold(training_rows, held_out[0], label)
    training, selection, shares = fold.training, fold.validation, fold.shares
    judging = with_truth(held_out[1], label, fold.thresholds)
    folds = build_folds(usable, split, label, minimums)

    results, done, total = [], 0, len(candidates) * (1 + len(folds))
    for candidate in candidates:
        progress(f"fit {candidate.name}", done, total)
        results.append(_try_candidate(candidate, fold, folds, label, seed))
        done += 1 + len(folds)
    progress("judge the winner", total, total)
    ranking = tuple(sorted(results, key=_rank_key))
    best = ranking[0]
    if best.fitted is None:
        failures = "; ".join(f"{result.name}: {result.failure}" for result in ranking)
        raise InvalidRequest(
            f"every candidate failed: {failures}", "look at the first of these: one cause is likely"
        )
    calibrated = kind_of(label).calibrate(best.fitted, shares, selection.rows, selection.truth)
    winner = calibrated.model
    outputs, predictions, judging_metrics = _measure(winner, judging, label)
    return Comparison(
        label=label,
        feature_names=names_of_columns[:-1],
        thresholds=fold.thresholds,
        shares=shares,
        symbols=tuple(np.unique(training.rows.symbol).tolist()),
        dropped=dropped,
        training=training,
        selection=selection,
        judging=judging,
        ranking=ranking,
        calibration_reason=calibrated.reason,
        winner=winner,
        training_metrics=_measure(winner, training, label)[2],
        selection_metrics=_measure(winner, selection, label)[2],
        judging_metrics=judging_metrics,
        outputs=outputs,
        predictions=predictions,
        seconds=time.perf_counter() - started,
    )


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
    candidate: Candidate, main_fold: Fold, folds: Sequence[Fold], label: Label, seed: int
) -> Result:
    """Fit a candidate on the training rows and in every fold, and measure it on newer rows."""
    declared, started, where = parameters(candidate), time.perf_counter(), ""
    try:
        model = _fit(candidate, main_fold, label, seed)
        seconds = time.perf_counter() - started
        outputs, predictions, metrics = _measure(model, main_fold.validation, label)
        fold_metrics = []
        for place, fold in enumerate(folds, 1):
            where = f"fold {place}: "
            fold_metrics.append(
                _measure(_fit(candidate, fold, label, seed), fold.validation, label)[2]
            )
    # Whatever went wrong, in our code or in a library's: it is this candidate's failure alone.
    except Exception as failure:
        message = failure.message if isinstance(failure, BullionError) else str(failure)
        reason = f"{type(failure).__name__}: {where}{message}"
        return Result(candidate.name, declared, time.perf_counter() - started, failure=reason)
    return Result(
        candidate.name,
        declared
        | {f"chosen.{name}": value for name, value in model.fitted.tuned_parameters.items()},
        seconds,
        fitted=model.fitted,
        metrics=metrics,
        outputs=outputs,
        predictions=predictions,
        folds=tuple(fold_metrics),
    )


def _fit(candidate: Candidate, fold: Fold, label: Label, seed: int) -> Model:
    kind, training = kind_of(label), fold.training
    fitted = kind.fit(candidate, training.rows.features, training.truth, label, seed)
    return kind.uncalibrated(fitted, fold.shares, training.truth)


def _rank_key(result: Result) -> tuple[bool, tuple[float, ...], str]:
    return (result.metrics is None, result.order if result.metrics else (), result.name)


def _measure(model: Model, part: Part, label: Label) -> tuple[np.ndarray, np.ndarray, Metrics]:
    outputs, predictions = model.score(part.rows.features)
    metrics = kind_of(label).measure(label, part.truth, outputs, predictions, part.rows)
    return outputs, predictions, metrics
