"""Gates against baselines that need no model: the most frequent class, and the last class.

A risk lasts: a wild session follows a wild session. A model of it is worth something only if it
knows more than that. For the same reason neighbouring sessions are alike, so runs of sessions are
drawn together; drawing single sessions would make the intervals too narrow.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from pipelines.core.errors import InvalidRequest
from pipelines.gates.base import GateVerdict
from pipelines.gates.evidence import Evidence, check_classes
from pipelines.gates.skill import LEAST_SESSIONS, Sessions, group_sessions, macro_f1

RUN = 5  # sessions that are drawn together: about a week


def group_runs(evidence: Evidence, run: int, resamples: int, confidence: float) -> Sessions:
    """The sessions of the judging rows, grouped in runs of `run` sessions in a row."""
    single = group_sessions(evidence, resamples, confidence)
    if single.count < LEAST_SESSIONS * run:
        raise InvalidRequest(
            f"{single.count} sessions are too few to judge runs of {run} on",
            f"train on a longer span: at least {LEAST_SESSIONS * run} sessions are judged",
        )
    return replace(single, of_row=single.of_row // run)


class ConfusionFigures:
    """Accuracy and macro F1 of predictions, over all rows and on every draw.

    `predicted` has a column a class, with the probability of each.
    """

    def __init__(self, true: np.ndarray, predicted: np.ndarray, runs: Sessions) -> None:
        count = predicted.shape[1]
        pairs = np.eye(count)[true][:, :, None] * predicted[:, None, :]
        sums = runs.sums(pairs.reshape(len(true), -1))
        confusion = sums.sum(axis=0).reshape(1, count, count)
        confusions_of_draws = runs.sum_draws(sums).reshape(-1, count, count)
        self.accuracy, self.macro_f1 = float(_accuracy(confusion)[0]), float(macro_f1(confusion)[0])
        self.accuracies, self.macro_f1s = (
            _accuracy(confusions_of_draws),
            macro_f1(confusions_of_draws),
        )


def _accuracy(confusion: np.ndarray) -> np.ndarray:
    accuracy: np.ndarray = np.trace(confusion, axis1=1, axis2=2) / confusion.sum(axis=(1, 2))
    return accuracy


@dataclass(frozen=True)
class Difference:
    """The difference between a figure of the model and of a baseline, with one-sided bounds."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:+.4f} (from {self.low:+.4f} to {self.high:+.4f})"


def accuracy_difference(
    model: ConfusionFigures, baseline: ConfusionFigures, runs: Sessions
) -> Difference:
    value = model.accuracy - baseline.accuracy
    return Difference(value, *runs.bounds(value, model.accuracies - baseline.accuracies))


def macro_f1_difference(
    model: ConfusionFigures, baseline: ConfusionFigures, runs: Sessions
) -> Difference:
    value = model.macro_f1 - baseline.macro_f1
    return Difference(value, *runs.bounds(value, model.macro_f1s - baseline.macro_f1s))


@dataclass(frozen=True)
class BeyondFrequent:
    """Require an accuracy above that of the class frequencies of training: a bound above zero.

    Accuracy decides: always predicting the most frequent class has hardly any macro F1, and
    that of any model is above it. Of always predicting the most frequent class and of drawing by
    the frequencies, the baseline is what is better on the judging rows: a market that turns
    wild makes the class that used to be frequent rare.
    """

    run: int = RUN
    confidence: float = 0.99
    resamples: int = 2000
    blocking: bool = True
    name: str = "skill_beyond_the_frequent"

    def judge(self, evidence: Evidence) -> GateVerdict:
        count = len(evidence.scores)
        true = check_classes(evidence.truth, evidence.judging, count)
        published = check_classes(evidence.published_classes, evidence.judging, count)
        runs = group_runs(evidence, self.run, self.resamples, self.confidence)
        model = ConfusionFigures(true, np.eye(count)[published], runs)
        shares = training_shares(evidence, count)
        guesses = {
            "always the most frequent class": np.eye(count)[shares.argmax(axis=1)],
            "draws": shares,
        }
        baselines = {name: ConfusionFigures(true, guess, runs) for name, guess in guesses.items()}
        name = max(baselines, key=lambda name: baselines[name].accuracy)
        baseline = baselines[name]
        accuracy, f1 = (
            accuracy_difference(model, baseline, runs),
            macro_f1_difference(model, baseline, runs),
        )
        passed = bool(accuracy.low > 0)
        reason = (
            f"accuracy {model.accuracy:.4f} beside {baseline.accuracy:.4f} of the frequencies in"
            f" training ({name}): {accuracy} at {self.confidence:.0%} confidence,"
            f" {'above' if passed else 'not above'} 0; macro F1 {model.macro_f1:.4f} beside"
            f" {baseline.macro_f1:.4f}: {f1}"
        )
        return GateVerdict(
            self.name,
            passed,
            accuracy.value,
            0.0,
            self.blocking,
            reason,
            accuracy.low,
            accuracy.high,
        )


def training_shares(evidence: Evidence, count: int) -> np.ndarray:
    """The shares of the classes among the training rows of each judging row's model."""
    shares = np.zeros((len(evidence.judging), count))
    for training, rows in evidence.rows_of_models():
        classes = check_classes(training.truth, training.rows, count)
        if not len(classes):
            raise InvalidRequest("there are no training rows", "give the evidence a sample of them")
        shares[rows] = np.bincount(classes, minlength=count) / len(classes)
    return shares


@dataclass(frozen=True)
class BeyondPersistence:
    """Require a macro F1 above that of predicting the last class: a bound above zero.

    The last class is the newest of the same symbol that was known when the bar closed.
    Judging rows that have none, such as the first of each symbol, are left out.
    """

    run: int = RUN
    confidence: float = 0.99
    resamples: int = 2000
    blocking: bool = True
    name: str = "skill_beyond_persistence"

    def judge(self, evidence: Evidence) -> GateVerdict:
        count = len(evidence.scores)
        true = check_classes(evidence.truth, evidence.judging, count)
        published = check_classes(evidence.published_classes, evidence.judging, count)
        previous = previous_row(evidence)
        has_previous = previous >= 0
        remaining = replace(
            evidence,
            judging=evidence.judging.take(has_previous),
            truth=evidence.truth[has_previous],
        )
        runs = group_runs(remaining, self.run, self.resamples, self.confidence)
        model, baseline = (
            ConfusionFigures(true[has_previous], np.eye(count)[classes], runs)
            for classes in (published[has_previous], true[previous[has_previous]])
        )
        f1 = macro_f1_difference(model, baseline, runs)
        accuracy = accuracy_difference(model, baseline, runs)
        passed = bool(f1.low > 0)
        reason = (
            f"macro F1 {model.macro_f1:.4f} beside {baseline.macro_f1:.4f} of repeating the last"
            f" class: {f1} at {self.confidence:.0%} confidence,"
            f" {'above' if passed else 'not above'} 0; accuracy {model.accuracy:.4f} beside"
            f" {baseline.accuracy:.4f}: {accuracy}; {int(has_previous.sum())} of"
            f" {len(has_previous)} rows have one before them"
        )
        return GateVerdict(self.name, passed, f1.value, 0.0, self.blocking, reason, f1.low, f1.high)


def previous_row(evidence: Evidence) -> np.ndarray:
    """The newest judging row of each row's symbol whose outcome was known by its close; or -1."""
    rows = evidence.judging
    previous = np.full(len(rows), -1)
    for symbol in np.unique(rows.symbol):
        places = np.flatnonzero(rows.symbol == symbol)
        places = places[np.argsort(rows.known_at[places], kind="stable")]
        newest = np.searchsorted(rows.known_at[places], rows.closes_at[places], side="right") - 1
        previous[places[newest >= 0]] = places[newest[newest >= 0]]
    return previous
