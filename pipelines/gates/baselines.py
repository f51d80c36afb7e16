"""Classes beside what needs no model: the most frequent class, and the one that came last.

A risk lasts: a wild session follows a wild one. A model of it is worth something only if it
says more than that. Sessions that follow each other are alike for the same reason, so runs of
them are drawn together; single ones would make the intervals too narrow.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from pipelines.core.errors import InvalidRequest
from pipelines.gates.base import Evidence, GateVerdict, classes_of
from pipelines.gates.skill import LEAST_SESSIONS, Sessions, macro_f1, sessions_of

RUN = 5  # sessions that are drawn together: about a week


def runs_of(evidence: Evidence, run: int, resamples: int, confidence: float) -> Sessions:
    """The sessions, so many in a row taken for one."""
    single = sessions_of(evidence, resamples, confidence)
    if single.count < LEAST_SESSIONS * run:
        raise InvalidRequest(
            f"{single.count} sessions are too few to judge runs of {run} on",
            f"train on a longer span: at least {LEAST_SESSIONS * run} sessions are judged",
        )
    return replace(single, of_row=single.of_row // run)


class Called:
    """Accuracy and macro F1 of what rows were called, over all of them and on every draw.

    What a row was called has a column a class, with the probability of each.
    """

    def __init__(self, true: np.ndarray, called: np.ndarray, runs: Sessions) -> None:
        count = called.shape[1]
        pairs = np.eye(count)[true][:, :, None] * called[:, None, :]
        sums = runs.sums(pairs.reshape(len(true), -1))
        whole = sums.sum(axis=0).reshape(1, count, count)
        drawn = runs.drawn(sums).reshape(-1, count, count)
        self.accuracy, self.macro_f1 = float(_accuracy(whole)[0]), float(macro_f1(whole)[0])
        self.accuracies, self.macro_f1s = _accuracy(drawn), macro_f1(drawn)


def _accuracy(confusion: np.ndarray) -> np.ndarray:
    made: np.ndarray = np.trace(confusion, axis1=1, axis2=2) / confusion.sum(axis=(1, 2))
    return made


@dataclass(frozen=True)
class Apart:
    """A figure of the model less that of a baseline, with one-sided bounds."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:+.4f} (from {self.low:+.4f} to {self.high:+.4f})"


def accuracies(ours: Called, theirs: Called, runs: Sessions) -> Apart:
    value = ours.accuracy - theirs.accuracy
    return Apart(value, *runs.bounds(value, ours.accuracies - theirs.accuracies))


def macro_f1s(ours: Called, theirs: Called, runs: Sessions) -> Apart:
    value = ours.macro_f1 - theirs.macro_f1
    return Apart(value, *runs.bounds(value, ours.macro_f1s - theirs.macro_f1s))


@dataclass(frozen=True)
class BeyondFrequent:
    """More rows are told right than by the class frequencies of training: a bound above zero.

    Accuracy decides: to say the most frequent class of every row has hardly any macro F1, and
    that of any model is above it. Of always saying the most frequent class and of drawing by the
    frequencies, the one that is better on the judging rows is the baseline: a market that turns
    wild makes the class that used to be frequent rare.
    """

    run: int = RUN
    confidence: float = 0.99
    resamples: int = 2000
    blocking: bool = True
    name: str = "skill_beyond_the_frequent"

    def judge(self, evidence: Evidence) -> GateVerdict:
        count = len(evidence.scores)
        true = classes_of(evidence.truth, evidence.judging, count)
        published = classes_of(evidence.published, evidence.judging, count)
        learned = classes_of(evidence.training_truth, evidence.training, count)
        if not len(learned):
            raise InvalidRequest("there are no training rows", "give the evidence a sample of them")
        runs = runs_of(evidence, self.run, self.resamples, self.confidence)
        ours = Called(true, np.eye(count)[published], runs)
        shares = np.bincount(learned, minlength=count) / len(learned)
        said = {"always the most frequent class": np.eye(count)[shares.argmax()], "draws": shares}
        baselines = {
            name: Called(true, np.broadcast_to(one, (len(true), count)), runs)
            for name, one in said.items()
        }
        name = max(baselines, key=lambda name: baselines[name].accuracy)
        theirs = baselines[name]
        right, f1 = accuracies(ours, theirs, runs), macro_f1s(ours, theirs, runs)
        passed = bool(right.low > 0)
        reason = (
            f"accuracy {ours.accuracy:.4f} beside {theirs.accuracy:.4f} of the frequencies in"
            f" training ({name}): {right} at {self.confidence:.0%} confidence,"
            f" {'above' if passed else 'not above'} 0; macro F1 {ours.macro_f1:.4f} beside"
            f" {theirs.macro_f1:.4f}: {f1}"
        )
        return GateVerdict(
            self.name, passed, right.value, 0.0, self.blocking, reason, right.low, right.high
        )


@dataclass(frozen=True)
class BeyondPersistence:
    """The macro F1 is above that of saying what came last: a bound above zero.

    What came last is the newest class of the same symbol that was known when the bar closed.
    Judging rows that have none, such as the first of each symbol, are left out.
    """

    run: int = RUN
    confidence: float = 0.99
    resamples: int = 2000
    blocking: bool = True
    name: str = "skill_beyond_persistence"

    def judge(self, evidence: Evidence) -> GateVerdict:
        count = len(evidence.scores)
        true = classes_of(evidence.truth, evidence.judging, count)
        published = classes_of(evidence.published, evidence.judging, count)
        before = row_before(evidence)
        kept = before >= 0
        left = replace(evidence, judging=evidence.judging.take(kept), truth=evidence.truth[kept])
        runs = runs_of(left, self.run, self.resamples, self.confidence)
        ours, theirs = (
            Called(true[kept], np.eye(count)[called], runs)
            for called in (published[kept], true[before[kept]])
        )
        f1, right = macro_f1s(ours, theirs, runs), accuracies(ours, theirs, runs)
        passed = bool(f1.low > 0)
        reason = (
            f"macro F1 {ours.macro_f1:.4f} beside {theirs.macro_f1:.4f} of saying what came last:"
            f" {f1} at {self.confidence:.0%} confidence, {'above' if passed else 'not above'} 0;"
            f" accuracy {ours.accuracy:.4f} beside {theirs.accuracy:.4f}: {right};"
            f" {int(kept.sum())} of {len(kept)} rows have one before them"
        )
        return GateVerdict(self.name, passed, f1.value, 0.0, self.blocking, reason, f1.low, f1.high)


def row_before(evidence: Evidence) -> np.ndarray:
    """The newest judging row of each row's symbol whose outcome was known by its close; or -1."""
    rows = evidence.judging
    made = np.full(len(rows), -1)
    for symbol in np.unique(rows.symbol):
        at = np.flatnonzero(rows.symbol == symbol)
        at = at[np.argsort(rows.known_at[at], kind="stable")]
        known = np.searchsorted(rows.known_at[at], rows.closes_at[at], side="right") - 1
        made[at[known >= 0]] = at[known[known >= 0]]
    return made
