"""How a target chooses between its candidates: what it ranks by, and what it will not have.

A rule sees figures of rows that are older than those the gates judge: the out-of-time tail is the
newest part of the selection rows. In each stretch of a split the same rule chooses anew, from the
rows before the stretch. So the gates judge the rule as a part of the procedure, and a tail that
flattered some candidate shows on the rows after it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from pipelines.core.errors import InvalidRequest
from pipelines.modeling.comparison import Result


class SelectionRule(Protocol):
    """A rule by which candidates are ranked: a frozen dataclass."""

    @property
    def has_limits(self) -> bool:
        """Whether it can object to a candidate, so that a gate has to refuse such a winner."""
        ...

    @property
    def needs_tail(self) -> bool:
        """Whether the split must have an out-of-time tail."""
        ...

    def objection(self, result: Result) -> str:
        """Say what speaks against choosing a fitted candidate; empty where nothing does."""
        ...

    def order(self, result: Result) -> tuple[float, ...]:
        """The key of a fitted candidate; the smallest is the best."""
        ...


@dataclass(frozen=True)
class ByKind:
    """Rank as the kind of the target does, and object to nothing.

    Classes by macro F1, two classes by ROC AUC, values by their error; over folds where there are.
    """

    @property
    def has_limits(self) -> bool:
        return False

    @property
    def needs_tail(self) -> bool:
        return False

    def objection(self, result: Result) -> str:
        return ""

    def order(self, result: Result) -> tuple[float, ...]:
        return result.order


@dataclass(frozen=True)
class ByOutOfTimeAuc:
    """Rank by the AUC on the out-of-time tail; ties as the kind of the target ranks.

    Candidates beyond a limit come after all others. The time is that of the clock, so a loaded
    machine may take longer: let the limit be generous.
    """

    floor: float = 0.5  # the least AUC out of time
    most_gap: float = 0.25  # between the AUC of training rows and that out of time
    most_seconds: float = 1800.0  # that the fit may take

    @property
    def has_limits(self) -> bool:
        return True

    @property
    def needs_tail(self) -> bool:
        return True

    def __post_init__(self) -> None:
        if not 0 <= self.floor < 1 or self.most_gap <= 0 or self.most_seconds <= 0:
            raise InvalidRequest(
                f"a floor of {self.floor:g}, a gap of {self.most_gap:g} and "
                f"{self.most_seconds:g} seconds",
                "take a floor from 0 to 1, and limits above 0",
            )

    def objection(self, result: Result) -> str:
        aucs = result.aucs
        objections = []
        if aucs is None or aucs.out_of_time is None or aucs.gap is None:
            return "it has no AUC out of time"
        if not aucs.out_of_time >= self.floor:
            objections.append(f"AUC out of time {aucs.out_of_time:.4f}, below {self.floor:g}")
        if not aucs.gap < self.most_gap:
            objections.append(
                f"AUC {aucs.gap:.4f} higher on training rows than out of time, not less than "
                f"{self.most_gap:g}"
            )
        if not result.seconds <= self.most_seconds:
            objections.append(f"fitted in {result.seconds:.0f} s, over {self.most_seconds:g} s")
        return "; ".join(objections)

    def order(self, result: Result) -> tuple[float, ...]:
        aucs = result.aucs
        out_of_time = aucs.out_of_time if aucs is not None else None
        return (-(out_of_time or 0.0), *result.order)


BY_KIND = ByKind()
