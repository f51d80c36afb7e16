"""The parts of a forecast's declaration: what is forecast, and when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from pipelines.core.errors import InvalidRequest
from pipelines.forecasts.combination import ComponentWeighted
from pipelines.gates.base import Gate
from pipelines.labels.base import Label
from pipelines.modeling.action_rules import BY_EXPECTED_SCORE, ActionRule
from pipelines.modeling.candidates import Candidate
from pipelines.modeling.dataset import Split


@dataclass(frozen=True)
class Schedule:
    """When a forecast is scored and trained, by the calendar of an exchange."""

    calendar: str = "XNYS"
    grace: timedelta = timedelta(minutes=1)  # after a bar's close, for the source to have it
    history: timedelta = timedelta(days=730)  # that is trained on

    def __post_init__(self) -> None:
        if not timedelta(0) <= self.grace <= timedelta(hours=6):
            raise InvalidRequest(f"a grace of {self.grace}", "wait between nothing and 6 hours")
        if self.history < timedelta(days=30):
            raise InvalidRequest(f"{self.history} of history", "train on 30 days at the least")


@dataclass(frozen=True)
class Target:
    """One thing that is forecast, the candidates that compete for it, and the gates to pass."""

    label: Label
    candidates: tuple[Candidate, ...]
    split: Split
    gates: tuple[Gate, ...]
    rule: ActionRule = BY_EXPECTED_SCORE  # how an action is made of probabilities
    combinations: tuple[ComponentWeighted, ...] = ()  # each a signal of its own
    challengers: tuple[str, ...] = ()  # candidates whose predictions are written too
    # The candidate that serves while none is proven, marked as such; "": the winner, refused.
    baseline: str = ""
    explained: bool = False  # each prediction has the contributions of the features to it

    def __post_init__(self) -> None:
        self.rule.check(self.label.scores)

    @property
    def name(self) -> str:
        return self.label.name

    @property
    def outcome(self) -> str:
        """The column of what became of a bar."""
        return f"outcome_{self.name}"

    @property
    def known_at(self) -> str:
        """The column of when that was known."""
        return f"known_at_{self.name}"
