"""Gates for predicted values: skill beyond the mean, no worse than the champion, coverage."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipelines.gates.base import GateVerdict
from pipelines.gates.evidence import Evidence, check_truth, check_values
from pipelines.gates.skill import group_sessions
from pipelines.modeling.spread import COVERAGE
from pipelines.modeling.value_metrics import is_inside


@dataclass(frozen=True)
class BeyondMean:
    """Require a squared error below that of the mean of training rows: a bound above zero.

    The value is the share of the mean's squared error that is gone, an R squared whose mean was
    known beforehand. A model that predicts the same for every row has no skill.
    """

    confidence: float = 0.99
    resamples: int = 2000
    blocking: bool = True
    name: str = "skill_beyond_the_mean"

    def judge(self, evidence: Evidence) -> GateVerdict:
        values = check_values(evidence.outputs, evidence, "the model")[:, 0]
        truth = check_truth(evidence.truth, len(evidence.judging), "judging")
        sessions = group_sessions(evidence, self.resamples, self.confidence)
        if np.ptp(values) <= 1e-6 * np.ptp(truth):
            reason = "the model predicts the same for every row"
            return GateVerdict(self.name, False, 0.0, 0.0, self.blocking, reason)
        errors = np.stack([(truth - values) ** 2, (truth - training_means(evidence)) ** 2], axis=1)
        sums = sessions.sums(errors)
        value, of_draws = (
            _error_removed(columns)
            for columns in (sums.sum(axis=0)[None], sessions.sum_draws(sums))
        )
        low, high = sessions.bounds(float(value[0]), of_draws)
        passed = bool(low > 0)
        model_rmse, mean_rmse = np.sqrt(errors.mean(axis=0))
        reason = (
            f"R squared {value[0]:.4f} over {sessions.count} sessions (RMSE {model_rmse:.4g} beside"
            f" {mean_rmse:.4g} of the training mean), at least {low:.4f} at {self.confidence:.0%}"
            f" confidence: {'above' if passed else 'not above'} 0"
        )
        return GateVerdict(
            self.name, passed, float(value[0]), 0.0, self.blocking, reason, low, high
        )


def training_means(evidence: Evidence) -> np.ndarray:
    """The mean of the training rows of each judging row's model."""
    means = np.zeros(len(evidence.judging))
    for training, rows in evidence.rows_of_models():
        means[rows] = check_truth(training.truth, len(training.rows), "training").mean()
    return means


def _error_removed(sums: np.ndarray) -> np.ndarray:
    """The share by which the first column's errors are below the second's; NaN over no error."""
    model, baseline = sums.T
    shares: np.ndarray = 1 - np.divide(
        model, baseline, out=np.full(len(sums), np.nan), where=baseline > 0
    )
    return shares


@dataclass(frozen=True)
class ValuesNoWorseThanChampion:
    """Require a squared error that is not above the champion's by more than the tolerance.

    The value is the share of the champion's squared error that is gone. As among classes the
    point estimate decides, and the interval is only reported.
    """

    tolerance: float = 0.002  # what a rank IC of 0.1 loses when it becomes 0.09
    confidence: float = 0.99
    resamples: int = 2000
    blocking: bool = True
    name: str = "no_worse_than_champion"

    def judge(self, evidence: Evidence) -> GateVerdict:
        limit = -self.tolerance
        check_values(evidence.outputs, evidence, "the model")
        if evidence.no_champion:
            return GateVerdict(self.name, True, 0.0, limit, self.blocking, evidence.no_champion)
        shared = evidence.for_champion()
        assert shared.champion is not None
        truth = check_truth(shared.truth, len(shared.judging), "judging")
        challenger_values = check_values(shared.outputs, shared, "the model")[:, 0]
        champion_values = check_values(shared.champion, shared, "the champion")[:, 0]
        sessions = group_sessions(shared, self.resamples, self.confidence)
        errors = np.stack(
            [(truth - challenger_values) ** 2, (truth - champion_values) ** 2], axis=1
        )
        sums = sessions.sums(errors)
        value = float(_error_removed(sums.sum(axis=0)[None])[0])
        low, high = sessions.bounds(value, _error_removed(sessions.sum_draws(sums)))
        passed = bool(value >= limit)
        challenger_rmse, champion_rmse = np.sqrt(errors.mean(axis=0))
        reason = (
            f"RMSE {challenger_rmse:.4g} beside the champion's {champion_rmse:.4g}: {value:+.4f} of"
            f" its squared error is gone (from {low:+.4f} to {high:+.4f}),"
            f" {'not ' if passed else ''}worse by more than {self.tolerance:g}"
        )
        return GateVerdict(self.name, passed, value, limit, self.blocking, reason, low, high)


@dataclass(frozen=True)
class Coverage:
    """Require an interval that holds about as much of what happened as it promises.

    On rolling spans of real daily returns 97 of 100 intervals were within 0.1, with a width that
    features predict; of those as wide for every row 55.
    """

    limit: float = 0.1  # between the share inside and the promised share
    promised: float = COVERAGE
    confidence: float = 0.99
    resamples: int = 2000
    blocking: bool = True
    name: str = "coverage"

    def judge(self, evidence: Evidence) -> GateVerdict:
        outputs = check_values(evidence.outputs, evidence, "the model")
        truth = check_truth(evidence.truth, len(evidence.judging), "judging")
        sessions = group_sessions(evidence, self.resamples, self.confidence)
        inside = is_inside(truth, outputs)
        sums = sessions.sums(np.stack([inside, np.ones(len(inside))], axis=1))
        of_draws = sessions.sum_draws(sums)
        low, high = sessions.bounds(float(inside.mean()), of_draws[:, 0] / of_draws[:, 1])
        value = abs(float(inside.mean()) - self.promised)
        passed = bool(value <= self.limit)
        reason = (
            f"the interval holds {inside.mean():.1%} of what happened (from {max(low, 0):.1%} to"
            f" {min(high, 1):.1%}), {value:.3f} from the {self.promised:.0%} it promises:"
            f" {'at most' if passed else 'more than'} {self.limit:g}"
        )
        return GateVerdict(self.name, passed, value, self.limit, self.blocking, reason)
