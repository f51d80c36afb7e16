"""What is asked of a model that says values: skill beyond the mean, and an honest interval."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipelines.core.errors import InvalidRequest
from pipelines.gates.base import Evidence, GateVerdict
from pipelines.gates.skill import sessions_of
from pipelines.modeling.spread import COVERAGE
from pipelines.modeling.values import inside


def checked_values(given: np.ndarray, evidence: Evidence, whose: str) -> np.ndarray:
    """Values that can be judged: one a judging row, finite, between the ends of its interval."""
    rows = len(evidence.judging)
    if rows == 0:
        raise InvalidRequest("there are no judging rows", "train on a longer span")
    if given.shape != (rows, 3):
        raise InvalidRequest(
            f"{whose} gave values of shape {given.shape}, not {(rows, 3)}",
            "score the judging rows: the value, and the lower and the upper end",
        )
    value, low, high = given.T
    if not (np.isfinite(given).all() and (low <= value).all() and (value <= high).all()):
        raise InvalidRequest(
            f"{whose} gave values that are no numbers, or lie outside their interval",
            "look at the first such row of the judging rows",
        )
    return given.astype(np.float64)


def known_truth(truth: np.ndarray, count: int, which: str) -> np.ndarray:
    """What rows became, where that is known of all of them."""
    if truth.shape != (count,) or count == 0:
        raise InvalidRequest(f"{truth.shape} values for {count} {which} rows", "give one a row")
    if not np.isfinite(truth).all():
        raise InvalidRequest(
            f"{int((~np.isfinite(truth)).sum())} {which} rows have no outcome",
            "leave out the rows whose outcome is not known",
        )
    return truth.astype(np.float64)


@dataclass(frozen=True)
class BeyondMean:
    """The squared error is below that of the mean of training rows: a bound above zero.

    The value is the share of the mean's squared error that is gone, an R squared whose mean was
    known beforehand. A model that says the same of every row tells nothing, whatever it says.
    """

    confidence: float = 0.99
    resamples: int = 2000
    blocking: bool = True
    name: str = "skill_beyond_the_mean"

    def judge(self, evidence: Evidence) -> GateVerdict:
        said = checked_values(evidence.given, evidence, "the model")[:, 0]
        truth = known_truth(evidence.truth, len(evidence.judging), "judging")
        learned = known_truth(evidence.training_truth, len(evidence.training), "training")
        sessions = sessions_of(evidence, self.resamples, self.confidence)
        if np.ptp(said) <= 1e-6 * np.ptp(truth):
            reason = "the model says the same of every row"
            return GateVerdict(self.name, False, 0.0, 0.0, self.blocking, reason)
        errors = np.stack([(truth - said) ** 2, (truth - learned.mean()) ** 2], axis=1)
        sums = sessions.sums(errors)
        value, drawn = (_gone(one) for one in (sums.sum(axis=0)[None], sessions.drawn(sums)))
        low, high = sessions.bounds(float(value[0]), drawn)
        passed = bool(low > 0)
        ours, mean = np.sqrt(errors.mean(axis=0))
        reason = (
            f"R squared {value[0]:.4f} over {sessions.count} sessions (RMSE {ours:.4g} beside"
            f" {mean:.4g} of the training mean), at least {low:.4f} at {self.confidence:.0%}"
            f" confidence: {'above' if passed else 'not above'} 0"
        )
        return GateVerdict(
            self.name, passed, float(value[0]), 0.0, self.blocking, reason, low, high
        )


def _gone(sums: np.ndarray) -> np.ndarray:
    """The share of the second column's errors that the first has not; NaN where it has none."""
    ours, theirs = sums.T
    made: np.ndarray = 1 - np.divide(ours, theirs, out=np.full(len(sums), np.nan), where=theirs > 0)
    return made


@dataclass(frozen=True)
class ValuesNoWorseThanChampion:
    """The squared error is not above the champion's, on the same rows, by more than the tolerance.

    The value is the share of the champion's squared error that is gone. As among classes the
    point estimate decides, and the interval is only told.
    """

    tolerance: float = 0.002  # what a rank IC of 0.1 loses when it becomes 0.09
    confidence: float = 0.99
    resamples: int = 2000
    blocking: bool = True
    name: str = "no_worse_than_champion"

    def judge(self, evidence: Evidence) -> GateVerdict:
        limit = -self.tolerance
        checked_values(evidence.given, evidence, "the model")
        if evidence.unmet:
            return GateVerdict(self.name, True, 0.0, limit, self.blocking, evidence.unmet)
        met = evidence.met()
        assert met.champion is not None
        truth = known_truth(met.truth, len(met.judging), "judging")
        ours = checked_values(met.given, met, "the model")[:, 0]
        theirs = checked_values(met.champion, met, "the champion")[:, 0]
        sessions = sessions_of(met, self.resamples, self.confidence)
        errors = np.stack([(truth - ours) ** 2, (truth - theirs) ** 2], axis=1)
        sums = sessions.sums(errors)
        value = float(_gone(sums.sum(axis=0)[None])[0])
        low, high = sessions.bounds(value, _gone(sessions.drawn(sums)))
        passed = bool(value >= limit)
        mine, champion = np.sqrt(errors.mean(axis=0))
        reason = (
            f"RMSE {mine:.4g} beside the champion's {champion:.4g}: {value:+.4f} of its squared"
            f" error is gone (from {low:+.4f} to {high:+.4f}), {'not ' if passed else ''}worse by"
            f" more than {self.tolerance:g}"
        )
        return GateVerdict(self.name, passed, value, limit, self.blocking, reason, low, high)


@dataclass(frozen=True)
class Coverage:
    """The interval holds about as much of what happened as it is said to.

    On rolling spans of real daily returns 97 of 100 intervals were within 0.1, with a width that
    features tell; of those as wide for every row 55.
    """

    limit: float = 0.1  # between the share inside and the one that was promised
    promised: float = COVERAGE
    confidence: float = 0.99
    resamples: int = 2000
    blocking: bool = True
    name: str = "coverage"

    def judge(self, evidence: Evidence) -> GateVerdict:
        given = checked_values(evidence.given, evidence, "the model")
        truth = known_truth(evidence.truth, len(evidence.judging), "judging")
        sessions = sessions_of(evidence, self.resamples, self.confidence)
        held = inside(truth, given)
        sums = sessions.sums(np.stack([held, np.ones(len(held))], axis=1))
        counted = sessions.drawn(sums)
        low, high = sessions.bounds(float(held.mean()), counted[:, 0] / counted[:, 1])
        value = abs(float(held.mean()) - self.promised)
        passed = bool(value <= self.limit)
        reason = (
            f"the interval holds {held.mean():.1%} of what happened (from {max(low, 0):.1%} to"
            f" {min(high, 1):.1%}), {value:.3f} from the {self.promised:.0%} it is said to:"
            f" {'at most' if passed else 'more than'} {self.limit:g}"
        )
        return GateVerdict(self.name, passed, value, self.limit, self.blocking, reason)
