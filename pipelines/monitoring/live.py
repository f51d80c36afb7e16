"""Live skill: is what a champion was credited with at its gate still there?"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields

import numpy as np

from pipelines.core.errors import InvalidRequest
from pipelines.gates import Evidence, Gate, GateVerdict, judge_all
from pipelines.modeling.dataset import Rows


@dataclass(frozen=True)
class LiveRows:
    """What was said live of bars whose outcome is known, in ascending order of session."""

    rows: Rows  # features are NaN where the row is gone, a symbol's place -1 where it is unknown
    version: np.ndarray  # int: the model that said it
    given: np.ndarray  # the probability of each class; or the value and the ends of its interval
    said: np.ndarray  # the place in the label's classes; or the value
    truth: np.ndarray  # what it was to be: the place, or the outcome

    def __len__(self) -> int:
        return len(self.said)

    def take(self, which: np.ndarray) -> LiveRows:
        return LiveRows(
            self.rows.take(which), *(getattr(self, field.name)[which] for field in fields(self)[1:])
        )

    @property
    def days(self) -> np.ndarray:
        """Its sessions, oldest first."""
        return np.unique(self.rows.session)

    @property
    def sessions(self) -> int:
        return len(self.days)

    def of(self, days: np.ndarray) -> LiveRows:
        return self.take(np.isin(self.rows.session, days))

    def newest(self, sessions: int, rows: int = 0) -> LiveRows:
        """Of the last sessions: so many, or as many as it takes for so many rows."""
        days, counts = np.unique(self.rows.session, return_counts=True)
        enough = int(np.searchsorted(np.cumsum(counts[::-1]), rows)) + 1
        return self.of(days[-max(sessions, enough) :])


@dataclass(frozen=True)
class TrainedOn:
    """What a model was trained on: live rows are held against it."""

    rows: Rows
    truth: np.ndarray
    features: tuple[str, ...]
    scores: tuple[float, ...]

    def beside(self, live: LiveRows) -> Evidence:
        """Live rows in the place of judging rows, as far as a gate needs no more than that."""
        unknown = float("nan")
        return Evidence(
            judging=live.rows,
            truth=live.truth,
            outputs=live.given,
            predictions=live.said,
            scores=self.scores,
            training=self.rows,
            training_truth=self.truth,
            feature_names=self.features,
            training_fit=unknown,
            selection_fit=unknown,
            onnx=b"",
            parity=unknown,
            training_seconds=unknown,
            latency_seconds=unknown,
        )


@dataclass(frozen=True)
class Credit:
    """What a gate credited a model with; the gate itself measures how much of it is there live."""

    gate: Gate
    low: float

    @property
    def run(self) -> int:
        """Sessions that the gate draws together, as they are alike: they count as one."""
        return int(getattr(self.gate, "run", 1))


def credited(gates: Sequence[Gate], decided: str) -> Credit | None:
    """By the first of the gates that gave a lower bound, in a decision's gates, told as JSON."""
    lows = {told.get("gate"): told.get("low") for told in json.loads(decided)}
    found = [gate for gate in gates if lows.get(gate.name) is not None]
    return Credit(found[0], float(lows[found[0].name])) if found else None


@dataclass(frozen=True)
class LiveVerdict:
    """What the live rows say of a champion."""

    failed: bool  # it is to be rolled back
    sessions: int
    rows: int
    skill: float | None  # by the gate that credited it; None: it could not be measured
    low: float | None
    high: float | None
    credited: float | None
    reason: str


@dataclass(frozen=True)
class LiveSkill:
    """A champion fails when its live skill lies below what its gate credited it with, twice.

    Skill is what that gate measures, in its unit, by its bounds: a rank IC, a share of the squared
    error, an accuracy beyond a baseline's. The champion's newest `window` live sessions are cut
    into `looks` stretches that share no session. It fails if in every stretch the one-sided upper
    bound, over whole sessions with all symbols together as at the gate, is below the lower bound
    at the gate. With fewer than `least` sessions there is no verdict. Where the gate draws runs of
    sessions, all of these are counted in runs.

    Simulated with a rank IC, a look after each of 250 sessions, a gate that judged on 50, seven
    bars a session, and symbols that move apart (`python -m tests.monitoring.simulation`; where
    symbols move together they count as fewer):

    - a champion that is live what it was judged to be was rolled back in none of 3000 years, and
      one that is only as good as the lower bound it was credited with in 0.4 %; with one look in
      place of two that would be 20 %
    - a champion without any live skill that was judged 0.17 is caught after 20 sessions, the
      first at which it may be (with 10 symbols the slowest tenth takes 29)
    - judged 0.05 it is caught after 22 sessions in the median with 100 symbols (35), and after 95
      with 30 (235; in 91 % of the years); with 10 the gate credits it with 0.01, too near to
      nothing to be missed: 4 % of the years
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

    def reach(self, credit: Credit | None) -> int:
        """Sessions that are looked at."""
        return self.window * (credit.run if credit else 1)

    def judge(
        self, live: LiveRows, credit: Credit | None, beside: Callable[[LiveRows], Evidence]
    ) -> LiveVerdict:
        """`live` is of one model, `beside` puts it beside what the model was trained on."""
        live = live.take(np.isfinite(live.rows.outcome)).newest(self.reach(credit))
        count = live.sessions
        found = _measured(credit, beside(live)) if credit and len(live) else None

        def verdict(failed: bool, reason: str) -> LiveVerdict:
            numbers = (found.value, found.low, found.high) if found else (None, None, None)
            value, low, high = (one if one is None or np.isfinite(one) else None for one in numbers)
            bound = credit.low if credit else None
            return LiveVerdict(failed, count, len(live), value, low, high, bound, reason)

        if not len(live):
            return verdict(False, "no live prediction of it has an outcome yet")
        if credit is None or found is None:
            return verdict(
                False, f"{count} live sessions; its gates gave no bound to hold them against"
            )
        said = f"live {credit.gate.name} {_number(found.value)} over {count} sessions"
        least = self.least * credit.run
        if count < least:
            return verdict(False, f"{said}: too few to judge, it takes {least}")
        if np.ptp(live.rows.outcome) == 0 or not np.ptp(np.round(live.given, 9), axis=0).any():
            what = "outcome" if np.ptp(live.rows.outcome) == 0 else "prediction"
            return verdict(False, f"the {what} is the same in all live rows: look at the inputs")
        stretches = [
            _measured(credit, beside(live.of(days)))
            for days in np.array_split(live.days, self.looks)
        ]
        for one in stretches:
            if one.high is None:
                return verdict(False, f"{said}, no bound in a stretch of them: {one.reason}")
        failed = all(one.high is not None and one.high < credit.low for one in stretches)
        told = " and ".join(_number(one.high) for one in stretches)
        return verdict(
            failed,
            f"{said}, at most {told} in {self.looks} stretches of them:"
            f" {'all' if failed else 'not all'} below the {credit.low:.4f} that its gate credited"
            " it with",
        )


def _measured(credit: Credit, evidence: Evidence) -> GateVerdict:
    """Without bounds where the gate cannot measure it; its reason says why."""
    return judge_all((credit.gate,), evidence).verdicts[0]


def _number(value: float | None) -> str:
    return "unknown" if value is None or not np.isfinite(value) else f"{value:.4f}"
