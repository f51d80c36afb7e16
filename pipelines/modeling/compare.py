"""Candidates, compared on one split of time.

1. Rows that lack an outcome or any feature are dropped: one rule for every candidate.
2. Time is cut; thresholds are learned from training rows and give every row its class.
3. Every candidate is fitted on training rows. One that fails is recorded, and the others go on.
4. They are ranked on selection rows by macro F1, ties by accuracy, then by name.
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
from pipelines.modeling.calibration import Calibrated, Calibration, Model, calibrate
from pipelines.modeling.candidates import Candidate, Fitted, fit, parameters
from pipelines.modeling.dataset import Rows, Split
from pipelines.modeling.metrics import Metrics, measure

Progress = Callable[[str, int, int], None]  # what, done, of how many


def _silent(what: str, done: int, total: int) -> None: ...


@dataclass(frozen=True)
class Fewest:
    """What a comparison needs at the least."""

    rows: int = 500  # for training
    held_out: int = 50  # for selection, and again for judging
    symbols: int = 1
    sessions: int = 10


@dataclass(frozen=True, eq=False)
class Part:
    """Rows of one part of time, and the class of each."""

    rows: Rows
    classes: np.ndarray

    def __len__(self) -> int:
        return len(self.classes)


@dataclass(frozen=True, eq=False)
class Result:
    """What became of one candidate; without a failure it has everything, with one nothing."""

    name: str
    parameters: dict[str, Any]
    seconds: float
    failure: str = ""
    fitted: Fitted | None = None
    metrics: Metrics | None = None  # on selection rows, before calibration
    probabilities: np.ndarray | None = None  # the same
    predicted: np.ndarray | None = None


@dataclass(frozen=True, eq=False)
class Comparison:
    """All that a comparison found, and the rows it found it on."""

    label: Label
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
    _distinct(candidates)
    usable, dropped = _usable(rows, _named(names, rows), fewest)
    parts = _seen(split.cut(usable), dropped)
    _enough(parts, fewest, dropped)
    _vary(parts[0], _named(names, rows))
    thresholds = label.learn(parts[0].outcome)
    training, selection, judging = (
        Part(part, label.classify(part.outcome, thresholds).astype(np.int64)) for part in parts
    )
    shares = _shares(training, label)

    results = []
    for done, candidate in enumerate(candidates):
        progress(f"fit {candidate.name}", done, len(candidates))
        results.append(_tried(candidate, training, selection, label, shares, seed))
    progress("judge the winner", len(candidates), len(candidates))
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
        thresholds=thresholds,
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


def _distinct(candidates: Sequence[Candidate]) -> None:
    names = [candidate.name for candidate in candidates]
    if not names:
        raise InvalidRequest("no candidate to compare", "name some of modeling.candidates")
    for name in names:
        if names.count(name) > 1:
            raise InvalidRequest(f"two candidates are named {name}", "give one another name")


def _named(names: Sequence[str], rows: Rows) -> list[str]:
    """A name for every column; the last one is the symbol's code."""
    columns = rows.features.shape[1]
    if names and len(names) != columns - 1:
        raise InvalidRequest(
            f"{len(names)} feature names for {columns} columns",
            "name every column but the last, which is the symbol's code",
        )
    return [*(names or (f"column {place}" for place in range(columns - 1))), "symbol"]


def _usable(rows: Rows, names: list[str], fewest: Fewest) -> tuple[Rows, dict[str, int]]:
    """The rows with all features and an outcome, and how many were not."""
    if not len(rows):
        raise InvalidRequest("there are no rows to train on", "ingest bars of a longer span")
    known = np.isfinite(rows.features)
    empty = [name for name, any_ in zip(names, known.any(axis=0), strict=True) if not any_]
    if empty:
        raise InvalidRequest(
            f"no row has a value of {', '.join(empty)}",
            "leave it out of the forecast, or bring the bars that it needs",
        )
    outcome, whole = np.isfinite(rows.outcome), known.all(axis=1)
    dropped = {"no outcome": int((~outcome).sum()), "a feature is missing": int((~whole).sum())}
    usable = rows.take(outcome & whole)
    if len(usable) < fewest.rows:
        worst = np.argsort(known.mean(axis=0), kind="stable")[0]
        raise InvalidRequest(
            f"{len(usable)} of {len(rows)} rows have an outcome and all features, too few to train"
            f" on; {names[worst]} is missing from {1 - known[:, worst].mean():.0%}",
            f"at least {fewest.rows} are needed: bring more bars or more symbols",
        )
    return usable, dropped


def _seen(parts: tuple[Rows, Rows, Rows], dropped: dict[str, int]) -> tuple[Rows, Rows, Rows]:
    """The same parts, without rows of symbols that training rows do not have."""
    training, *others = parts
    kept = [part.take(np.isin(part.symbol, training.symbol)) for part in others]
    lost = sum(len(a) - len(b) for a, b in zip(others, kept, strict=True))
    dropped["a symbol without training rows"] = lost
    return training, kept[0], kept[1]


def _enough(parts: tuple[Rows, Rows, Rows], fewest: Fewest, dropped: dict[str, int]) -> None:
    training = parts[0]
    found = (
        (len(training), fewest.rows, "training rows", "more bars or more symbols"),
        (len(np.unique(training.symbol)), fewest.symbols, "symbols in training", "more symbols"),
        (
            len(np.unique(training.session)), fewest.sessions, "sessions in training",
            "bars of a longer span",
        ),
        (len(parts[1]), fewest.held_out, "rows to select on", "bars of a longer span"),
        (len(parts[2]), fewest.held_out, "rows to judge on", "bars of a longer span"),
    )  # fmt: skip
    for count, least, what, remedy in found:
        if count < least:
            lost = ", ".join(f"{rows} {why}" for why, rows in dropped.items() if rows)
            raise InvalidRequest(
                f"{count} {what} are too few" + (f" (dropped: {lost})" if lost else ""),
                f"at least {least} are needed: bring {remedy}",
            )


def _vary(training: Rows, names: list[str]) -> None:
    """Every feature takes more than one value; a forecast of one symbol is none's fault."""
    still = np.ptp(training.features[:, :-1], axis=0) == 0
    constant = [name for name, is_still in zip(names[:-1], still, strict=True) if is_still]
    if constant:
        raise InvalidRequest(
            f"the same value on all training rows: {', '.join(constant)}",
            "leave it out of the forecast, or look at the bars that it is made of",
        )


def _shares(training: Part, label: Label) -> tuple[float, ...]:
    counts = np.bincount(training.classes, minlength=len(label.classes))
    missing = [name for name, count in zip(label.classes, counts, strict=True) if not count]
    if missing:
        raise InvalidRequest(
            f"no training row is {' or '.join(missing)}",
            "train on a longer span, or cut the label elsewhere",
        )
    return tuple((counts / counts.sum()).tolist())


def _tried(
    candidate: Candidate,
    training: Part,
    selection: Part,
    label: Label,
    shares: tuple[float, ...],
    seed: int,
) -> Result:
    told, started = parameters(candidate), time.perf_counter()
    try:
        fitted = fit(candidate, training.rows.features, training.classes, len(label.classes), seed)
        seconds = time.perf_counter() - started
        predicted, probabilities, metrics = _judged(
            Model(fitted, Calibration(shares)), selection, label
        )
    # Whatever went wrong, in our code or in a library's: it is this candidate's failure alone.
    except Exception as failure:
        said = failure.message if isinstance(failure, BullionError) else str(failure)
        reason = f"{type(failure).__name__}: {said}"
        return Result(candidate.name, told, time.perf_counter() - started, failure=reason)
    return Result(
        candidate.name,
        told,
        seconds,
        fitted=fitted,
        metrics=metrics,
        probabilities=probabilities,
        predicted=predicted,
    )


def _rank(result: Result) -> tuple[float, float, str]:
    if result.metrics is None:
        return (1.0, 1.0, result.name)
    return (-result.metrics.macro_f1, -result.metrics.accuracy, result.name)


def _judged(model: Model, part: Part, label: Label) -> tuple[np.ndarray, np.ndarray, Metrics]:
    probabilities, predicted = model.score(part.rows.features)
    metrics = measure(
        part.classes, predicted, probabilities, part.rows.outcome, label.classes, label.scores
    )
    return predicted, probabilities, metrics
