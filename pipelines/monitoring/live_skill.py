"""Live skill: is the skill that a gate credited a champion with still there?"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, Self, TypeVar

import numpy as np

from pipelines.core.errors import InvalidRequest
from pipelines.gates import Evidence, Gate, GateVerdict, IndexSkill, judge_all


@dataclass(frozen=True)
class Credit:
    """The lower bound that a gate credited a model with; the same gate measures it live."""

    gate: Gate
    low: float

    @property
    def run_length(self) -> int:
        """Sessions that the gate resamples as one run, because neighbours are alike."""
        return int(getattr(self.gate, "run", 1))


class LiveSample(Protocol):
    """What was published live, with outcomes: predictions of symbols, or signals of an index."""

    def __len__(self) -> int: ...

    @property
    def session_days(self) -> np.ndarray: ...

    @property
    def sessions(self) -> int: ...

    @property
    def judged(self) -> Self:
        """The rows that can be judged."""
        ...

    @property
    def constant(self) -> str:
        """What is the same in all rows; empty where nothing is."""
        ...

    def of_days(self, days: np.ndarray) -> Self: ...

    def newest(self, sessions: int) -> Self: ...


def find_credit(gates: Sequence[Gate], verdicts: str) -> Credit | None:
    """Find the first gate of predictions that gave a lower bound in verdicts, which are JSON."""
    return _find_credit([gate for gate in gates if not isinstance(gate, IndexSkill)], verdicts)


def find_index_credit(gates: Sequence[Gate], verdicts: str) -> Credit | None:
    """Find what the gate of the index's signal credited the model with."""
    return _find_credit([gate for gate in gates if isinstance(gate, IndexSkill)], verdicts)


def _find_credit(gates: Sequence[Gate], verdicts: str) -> Credit | None:
    lows = {verdict.get("gate"): verdict.get("low") for verdict in json.loads(verdicts)}
    for gate in gates:
        if lows.get(gate.name) is not None:
            return Credit(gate, float(lows[gate.name]))
    return None


Sample = TypeVar("Sample", bound=LiveSample)


@dataclass(frozen=True)
class LiveVerdict:
    """Whether live rows say that a champion must be rolled back, and the figures."""

    failed: bool  # roll it back
    sessions: int
    rows: int
    skill: float | None  # as the crediting gate measures it; None: it could not be measured
    low: float | None
    high: float | None
    credited: float | None
    reason: str


@dataclass(frozen=True)
class LiveSkill:
    """Fail a champion whose live skill lies below the bound of its gate in every stretch.

    Skill is what the crediting gate measures, in its own unit: a rank IC of published scores or of
    the WSS, a share of the squared error, an accuracy beyond a baseline's. The champion's newest
    `window` live sessions are cut into `looks` stretches that share no session. It fails if in
    every stretch the one-sided upper bound, over whole sessions with all symbols together as at the
    gate, is below the lower bound at the gate. With fewer than `least` sessions there is no
    verdict. Where the gate resamples runs of sessions, all of these numbers count runs.

    Simulated with a rank IC, a look after each of 250 sessions, a gate that judged on 50, seven
    bars a session, and independent symbols (`python -m tests.monitoring.simulation`; symbols that
    move together count as fewer):

    - a champion that is as good live as at its gate was rolled back in none of 3000 years, and one
      that is only as good as its lower bound in 0.4 % of them; with one look instead of two that
      would be 20 %
    - a champion without live skill that was judged 0.17 is caught after 20 sessions, the first at
      which there is a verdict (with 10 symbols the slowest tenth takes 29)
    - one that was judged 0.05 is caught after 22 sessions in the median with 100 symbols (35 for
      the slowest tenth), and after 95 with 30 symbols (235, in 91 % of the years); with 10 symbols
      the gate credits it with 0.01, which is too little to be missed: 4 % of the years
    """

    least: int = 20
    window: int = 60
    looks: int = 2

    def __post_init__(self) -> None:
        if self.looks < 1 or not 5 * self.looks <= self.least <= self.window:
            raise InvalidRequest(
                f"live skill in {self.looks} looks over {self.least} to {self.window} sessions",
                "give each look 5 sessions at the least, and a window as long as the least",
            )

    def sessions_judged(self, credit: Credit | None) -> int:
        """The number of sessions that are judged."""
        return self.window * (credit.run_length if credit else 1)

    def judge(
        self,
        live: Sample,
        credit: Credit | None,
        build_evidence: Callable[[Sample], Evidence],
    ) -> LiveVerdict:
        """Judge what one model published live; `build_evidence` adds what it was trained on."""
        live = live.judged.newest(self.sessions_judged(credit))
        count = live.sessions
        measure = _measure(credit, build_evidence(live)) if credit and len(live) else None

        def verdict(failed: bool, reason: str) -> LiveVerdict:
            numbers = (measure.value, measure.low, measure.high) if measure else (None, None, None)
            value, low, high = (n if n is None or np.isfinite(n) else None for n in numbers)
            bound = credit.low if credit else None
            return LiveVerdict(failed, count, len(live), value, low, high, bound, reason)

        if not len(live):
            return verdict(False, "no live prediction of it has an outcome yet")
        if credit is None or measure is None:
            return verdict(
                False, f"{count} live sessions; its gates gave no bound to hold them against"
            )
        skill = f"live {credit.gate.name} {_format(measure.value)} over {count} sessions"
        least = self.least * credit.run_length
        if count < least:
            return verdict(False, f"{skill}: too few to judge, it takes {least}")
        if live.constant:
            return verdict(
                False, f"the {live.constant} is the same in all live rows: look at the inputs"
            )
        stretches = [
            _measure(credit, build_evidence(live.of_days(days)))
            for days in np.array_split(live.session_days, self.looks)
        ]
        for stretch in stretches:
            if stretch.high is None:
                return verdict(False, f"{skill}, no bound in a stretch of them: {stretch.reason}")
        failed = all(s.high is not None and s.high < credit.low for s in stretches)
        bounds = " and ".join(_format(stretch.high) for stretch in stretches)
        return verdict(
            failed,
            f"{skill}, at most {bounds} in {self.looks} stretches of them:"
            f" {'all' if failed else 'not all'} below the {credit.low:.4f} that its gate credited"
            " it with",
        )


def _measure(credit: Credit, evidence: Evidence) -> GateVerdict:
    """Measure with the crediting gate; where it cannot, bounds are None and the reason says why."""
    return judge_all((credit.gate,), evidence).verdicts[0]


def _format(value: float | None) -> str:
    return "unknown" if value is None or not np.isfinite(value) else f"{value:.4f}"
