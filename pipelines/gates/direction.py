"""Gate of two classes: does the probability of the upper class rank the two?

The ROC AUC is the share of pairs, one row of each class, in which the row of the upper class has
the higher probability. Always predicting the same class, or the same probability, is 0.5 whatever
the market did; its accuracy is the share of that class, which BeyondFrequent asks to be exceeded.
Runs of sessions are drawn together, as in baselines.py.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from pipelines.core.errors import InvalidRequest
from pipelines.gates.base import GateVerdict
from pipelines.gates.baselines import RUN, group_runs, previous_row
from pipelines.gates.evidence import Evidence, check_classes, check_probabilities
from pipelines.gates.skill import Sessions, ranks


@dataclass(frozen=True)
class Figure:
    """A figure of a model with one-sided bounds."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.4f} (from {self.low:.4f} to {self.high:.4f})"


@dataclass(frozen=True)
class DirectionFigures:
    """How well two classes are told apart, with intervals over draws of sessions."""

    roc_auc: Figure
    accuracy: Figure
    f1: Figure  # of the upper class
    ranks_nothing: bool  # every row has the same probability


def measure_direction(evidence: Evidence, sessions: Sessions) -> DirectionFigures:
    """Measure the probabilities and the published classes of two classes.

    Ranks are computed once, over all rows, and not anew in each draw, as those of RankIC are: the
    AUC is a half more than the difference of the two classes' mean ranks.
    """
    if len(evidence.scores) != 2:
        raise InvalidRequest(
            f"{len(evidence.scores)} classes have no single direction",
            "judge them by DirectionSkill, which ranks by the score",
        )
    probabilities = check_probabilities(evidence.outputs, evidence, "the model")
    truth = check_classes(evidence.truth, evidence.judging, 2)
    published = check_classes(evidence.published_classes, evidence.judging, 2)
    # Noise in a probability's last digits must not become an order.
    rank = ranks(np.round(probabilities[:, 1], 9))
    up = (truth == 1).astype(np.float64)
    columns = {
        "rows": np.ones(len(up)),
        "up": up,
        "rank": rank,
        "rank_of_up": rank * up,
        "right": (published == truth).astype(np.float64),
        "predicted_up": published.astype(np.float64),
        "right_up": published * up,
    }
    sums = sessions.sums(np.stack(list(columns.values()), axis=1))
    of_all, of_draws = (
        _figures(dict(zip(columns, part.T, strict=True)))
        for part in (sums.sum(axis=0)[None], sessions.sum_draws(sums))
    )
    bounded = {}
    for name, values in of_draws.items():
        value = float(of_all[name][0])
        bounded[name] = Figure(value, *sessions.bounds(value, values))
    return DirectionFigures(**bounded, ranks_nothing=not bool(np.ptp(rank) > 0))


def _figures(sums: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Figures by the sums over rows; NaN where a class is missing."""
    up, down = sums["up"], sums["rows"] - sums["up"]
    with np.errstate(divide="ignore", invalid="ignore"):
        mean_of_down = (sums["rank"] - sums["rank_of_up"]) / down
        return {
            "roc_auc": 0.5 + sums["rank_of_up"] / up - mean_of_down,
            "accuracy": sums["right"] / sums["rows"],
            "f1": 2 * sums["right_up"] / (sums["predicted_up"] + up),
        }


@dataclass(frozen=True)
class BeyondChance:
    """Require a ROC AUC whose lower bound is above 0.5, that of always predicting one class.

    The reason has the accuracy and the F1 of the published classes too, with their intervals, and
    the ROC AUC of repeating the last class that was known.
    """

    run: int = RUN
    confidence: float = 0.99
    resamples: int = 2000
    blocking: bool = True
    name: str = "skill_roc_auc"

    def judge(self, evidence: Evidence) -> GateVerdict:
        runs = group_runs(evidence, self.run, self.resamples, self.confidence)
        figures = measure_direction(evidence, runs)
        auc = figures.roc_auc
        if figures.ranks_nothing:
            reason = "every row has the same probability, which ranks nothing"
            return GateVerdict(self.name, False, auc.value, 0.5, self.blocking, reason)
        passed = bool(auc.low > 0.5)
        reason = (
            f"ROC AUC {auc} at {self.confidence:.0%} confidence over {len(evidence.judging):,}"
            f" rows: {'above' if passed else 'not above'} the 0.5 of always predicting one class;"
            f" accuracy {figures.accuracy}, F1 of the upper class {figures.f1};"
            f" {self._describe_persistence(evidence)}"
        )
        return GateVerdict(
            self.name, passed, auc.value, 0.5, self.blocking, reason, auc.low, auc.high
        )

    def _describe_persistence(self, evidence: Evidence) -> str:
        """Say what the ROC AUC of repeating the last known class is, on rows that have one."""
        previous = previous_row(evidence)
        has_previous = previous >= 0
        known = evidence.take(has_previous)
        last_class = evidence.truth[previous[has_previous]].astype(np.int64)
        repeated = replace(known, outputs=np.eye(2)[last_class], predictions=last_class)
        try:
            runs = group_runs(repeated, self.run, self.resamples, self.confidence)
        except InvalidRequest:
            return "too few rows have a class before them to measure repeating it"
        return f"repeating the last class has {measure_direction(repeated, runs).roc_auc}"
