"""The parts of a forecast's declaration: what is forecast, and when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from pipelines.core.errors import InvalidRequest
from pipelines.core.intervals import Interval, interval_of_length
from pipelines.forecasts.combination import ComponentWeighted
from pipelines.gates.base import Gate
from pipelines.gates.technical import Selection
from pipelines.labels.base import Label
from pipelines.modeling.action_rules import BY_EXPECTED_SCORE, ActionRule
from pipelines.modeling.candidates import Candidate
from pipelines.modeling.dataset import Split
from pipelines.modeling.selection import BY_KIND, SelectionRule


@dataclass(frozen=True)
class Schedule:
    """When a forecast is scored and trained, by the calendar of an exchange."""

    calendar: str = "XNYS"
    grace: timedelta = timedelta(minutes=1)  # after a bar's close, for the source to have it
    history: timedelta = timedelta(days=730)  # that is trained on
    # What is brought of a source that is made up, where the history would take a first start long.
    sample_history: timedelta | None = None
    # How often there is a run: it scores all bars since the one before. None: each bar has its own.
    every: timedelta | None = None

    def __post_init__(self) -> None:
        if not timedelta(0) <= self.grace <= timedelta(hours=6):
            raise InvalidRequest(f"a grace of {self.grace}", "wait between nothing and 6 hours")
        if self.every is not None and interval_of_length(self.every) is None:
            raise InvalidRequest(
                f"a run every {self.every}",
                "say timedelta(minutes=...) of 5, 15, 30 or 60: runs begin at a session's open, "
                "and the last of a session is at its close",
            )
        for history in (self.history, self.sample_history or self.history):
            if history < timedelta(days=30):
                raise InvalidRequest(f"{history} of history", "train on 30 days at the least")

    def history_of(self, *, is_sample: bool) -> timedelta:
        """Return how much is brought to be trained on."""
        return (is_sample and self.sample_history) or self.history

    def cadence(self, bar: Interval) -> Interval:
        """Return the length of a run: of a bar, or of the stretch of bars that `every` says."""
        return (interval_of_length(self.every) if self.every else None) or bar

    def check(self, name: str, bar: Interval) -> None:
        """Refuse runs that a forecast with bars of that length cannot have."""
        run = self.cadence(bar)
        if run == bar:
            return
        if bar.minutes is None or run.minutes is None or run.minutes % bar.minutes:
            raise InvalidRequest(
                f"{name} has {bar} bars and a run every {run}",
                "let a run cover several whole bars, or leave out `every`",
            )
        if self.grace >= timedelta(minutes=bar.minutes):
            raise InvalidRequest(
                f"{name} has {bar} bars and a grace of {self.grace}: no row could be live, as the "
                "next bar would have closed",
                f"wait less than {bar}, such as timedelta(seconds=5)",
            )


@dataclass(frozen=True)
class Target:
    """One thing that is forecast, the candidates that compete for it, and the gates to pass."""

    label: Label
    candidates: tuple[Candidate, ...]
    split: Split
    gates: tuple[Gate, ...]
    rule: ActionRule = BY_EXPECTED_SCORE  # how an action is made of probabilities
    selection: SelectionRule = BY_KIND  # how one of the candidates is chosen
    combinations: tuple[ComponentWeighted, ...] = ()  # each a signal of its own
    challengers: tuple[str, ...] = ()  # candidates whose predictions are written too
    # The candidate that serves while none is proven, marked as such; "": the winner, refused.
    baseline: str = ""
    explained: bool = False  # each prediction has the contributions of the features to it

    def __post_init__(self) -> None:
        self.rule.check(self.label.scores)
        if self.selection.needs_tail and not self.split.out_of_time:
            raise InvalidRequest(
                f"{self.label.name} is to be chosen out of time, and its split has no tail",
                "say Split(out_of_time=0.5)",
            )

    @property
    def name(self) -> str:
        return self.label.name

    @property
    def all_gates(self) -> tuple[Gate, ...]:
        """The gates that are declared, and one that heeds a rule of selection with limits."""
        return (*self.gates, Selection()) if self.selection.has_limits else self.gates

    @property
    def outcome(self) -> str:
        """The column of what became of a bar."""
        return f"outcome_{self.name}"

    @property
    def known_at(self) -> str:
        """The column of when that was known."""
        return f"known_at_{self.name}"
