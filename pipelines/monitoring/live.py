"""Live skill: is what a champion was credited with at its gate still there?"""

from __future__ import annotations

import json
from dataclasses import dataclass, fields

import numpy as np

from pipelines.errors import InvalidRequest
from pipelines.gates import DirectionSkill
from pipelines.gates.skill import RankIC, Sessions
from pipelines.gates.skill import macro_f1 as f1_of
from pipelines.modeling.metrics import confusion


@dataclass(frozen=True)
class LiveRows:
    """What was said live of bars whose outcome is known, in ascending order of session.

    `action` and `actual` are places in the label's classes.
    """

    session: np.ndarray  # datetime64[D]
    version: np.ndarray  # int: the model that said it
    closes_at: np.ndarray  # datetime64[us]
    symbol: np.ndarray  # int: place in the forecast's symbols, -1 for others
    expected_score: np.ndarray
    outcome: np.ndarray
    action: np.ndarray
    actual: np.ndarray
    features: np.ndarray  # float32, a column a feature; NaN where the row is gone

    def __len__(self) -> int:
        return len(self.session)

    def take(self, which: np.ndarray) -> LiveRows:
        return LiveRows(*(getattr(self, field.name)[which] for field in fields(self)))

    @property
    def sessions(self) -> int:
        return len(np.unique(self.session))


@dataclass(frozen=True)
class LiveVerdict:
    """What the live rows say of a champion."""

    failed: bool  # it is to be rolled back
    sessions: int
    rows: int
    rank_ic: float | None  # None: there is nothing to rank
    low: float | None
    high: float | None
    credited: float | None
    reason: str


@dataclass(frozen=True)
class LiveSkill:
    """A champion fails when its live rank IC lies below what its gate credited it with, twice.

    Its newest `window` live sessions are cut into `looks` stretches that share no session. It
    fails if in every stretch the one-sided upper bound of the rank IC, over whole sessions with
    all symbols together as at the gate, is below the lower bound of the gate. With fewer than
    `least` sessions there is no verdict.

    Simulated with a look after each of 250 sessions, a gate that judged on 50, seven bars a
    session, and symbols that move apart (`python -m tests.monitoring.simulation`; where symbols
    move together they count as fewer):

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
    confidence: float = 0.99
    resamples: int = 2000
    seed: int = 0

    def __post_init__(self) -> None:
        if self.looks < 1 or not 5 * self.looks <= self.least <= self.window:
            raise InvalidRequest(
                f"live skill in {self.looks} looks over {self.least} to {self.window} sessions",
                "give each look 5 sessions at the least, and a window as long as the least",
            )

    def judge(self, rows: LiveRows, credited: float | None) -> LiveVerdict:
        """`rows` are of one model; `credited` is the lower bound of its rank IC at the gate."""
        known = np.isfinite(rows.outcome) & np.isfinite(rows.expected_score)
        rows = rows.take(known)
        sessions = np.unique(rows.session)[-self.window :]
        rows = rows.take(np.isin(rows.session, sessions))
        value, low, high = self._ic(rows)

        def verdict(failed: bool, reason: str) -> LiveVerdict:
            return LiveVerdict(failed, len(sessions), len(rows), value, low, high, credited, reason)

        if not len(rows):
            return verdict(False, "no live prediction of it has an outcome yet")
        said = f"live rank IC {_number(value)} over {len(sessions)} sessions"
        if credited is None:
            return verdict(False, f"{said}; its gate gave no bound to hold it against")
        if len(sessions) < self.least:
            return verdict(False, f"{said}: too few to judge, it takes {self.least}")
        if np.ptp(rows.outcome) == 0 or np.ptp(np.round(rows.expected_score, 9)) == 0:
            what = "outcome" if np.ptp(rows.outcome) == 0 else "expected score"
            return verdict(False, f"the {what} is the same in all live rows: look at the inputs")
        highs = [
            self._ic(rows.take(np.isin(rows.session, some)))[2]
            for some in np.array_split(sessions, self.looks)
        ]
        failed = all(one is not None and one < credited for one in highs)
        told = " and ".join(_number(one) for one in highs)
        return verdict(
            failed,
            f"{said}, at most {told} at {self.confidence:.0%} confidence in {self.looks} stretches"
            f" of them: {'all' if failed else 'not all'} below the {credited:.4f} that its gate"
            " credited it with",
        )

    def _ic(self, rows: LiveRows) -> tuple[float | None, float | None, float | None]:
        """The rank IC and its one-sided bounds, as far as there are any."""
        if len(rows) < 2:
            return None, None, None
        _, of_row = np.unique(rows.session, return_inverse=True)
        sessions = Sessions(of_row, self.resamples, self.seed, self.confidence)
        ic = RankIC(rows.expected_score, rows.outcome, sessions)
        if sessions.count < 2:
            return ic.value, None, None
        return ic.value, *sessions.bounds(ic.value, ic.drawn)


def credited(gates: str) -> float | None:
    """The lower bound of the rank IC that a decision's gates, as JSON, credit its model with."""
    name = DirectionSkill().name
    found = [gate.get("low") for gate in json.loads(gates) if gate.get("gate") == name]
    return float(found[0]) if found and found[0] is not None else None


def figures(rows: LiveRows, classes: int) -> dict[str, float | int | None]:
    """How the published actions did, over all rows.

    The hit rate is the share of the actions that took a side whose outcome was on it.
    """
    if not len(rows):
        return {"rows": 0, "sessions": 0, "macro_f1": None, "accuracy": None, "hit_rate": None}
    side = np.sign(rows.action - (classes - 1) / 2)
    sided = (side != 0) & np.isfinite(rows.outcome) & (rows.outcome != 0)
    hits = np.sign(rows.outcome[sided]) == side[sided]
    told = confusion(rows.actual, rows.action, classes)
    return {
        "rows": len(rows),
        "sessions": rows.sessions,
        "macro_f1": float(f1_of(told)),
        "accuracy": float(np.mean(rows.actual == rows.action)),
        "hit_rate": float(hits.mean()) if len(hits) else None,
    }


def _number(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.4f}"
