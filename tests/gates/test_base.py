"""What cannot be computed has failed, and a decision says every reason."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from pipelines.core.errors import InvalidRequest
from pipelines.gates import BeyondTheDay, DirectionSkill, Evidence, GateVerdict, judge_all
from tests.gates.market import build_evidence


@dataclass(frozen=True)
class Says:
    name: str
    passed: bool = True
    blocking: bool = True
    value: float = 1.0

    def judge(self, evidence: Evidence) -> GateVerdict:
        return GateVerdict(
            self.name, self.passed, self.value, 0.0, self.blocking, f"{self.name} said so"
        )


@dataclass(frozen=True)
class Breaks:
    name: str = "breaks"
    blocking: bool = True

    def judge(self, evidence: Evidence) -> GateVerdict:
        raise ZeroDivisionError("nothing to divide by")


def test_a_gate_that_raises_has_failed_with_its_exception() -> None:
    decision = judge_all([Says("good"), Breaks()], build_evidence())
    assert not decision.promote
    assert not decision.verdicts[1].passed
    assert "ZeroDivisionError: nothing to divide by" in decision.verdicts[1].reason
    assert judge_all([Says("good"), Breaks(blocking=False)], build_evidence()).promote


def test_a_decision_names_every_gate_that_refuses_and_those_that_warn() -> None:
    gates = [Says("one", False), Says("two"), Says("three", False), Says("soft", False, False)]
    decision = judge_all(gates, build_evidence())
    assert not decision.promote
    for told in ("one: one said so", "three: three said so", "warning, soft: soft said so"):
        assert told in decision.reason
    assert "two" not in decision.reason
    warned = judge_all([Says("two"), Says("soft", False, False)], build_evidence())
    assert warned.promote
    assert "warning, soft" in warned.reason


def test_a_value_that_is_no_number_cannot_pass() -> None:
    assert not judge_all([Says("odd", value=float("nan"))], build_evidence()).promote


def test_nothing_is_promoted_where_nothing_could_refuse() -> None:
    assert not judge_all([Says("soft", blocking=False)], build_evidence()).promote
    with pytest.raises(InvalidRequest, match="no gate"):
        judge_all([], build_evidence())


def _broken(made: Evidence) -> dict[str, dict[str, Any]]:
    rows = len(made.judging)
    lost = made.outputs.copy()
    lost[3, 2] = np.nan
    outcome = made.judging.outcome.copy()
    outcome[5] = np.nan
    return {
        "a probability is lost": {"outputs": lost, "predictions": None},
        "they are no probabilities": {"outputs": made.outputs * 2, "predictions": None},
        "a class is missing": {"outputs": made.outputs[:, :4], "predictions": None},
        "no rows": {
            "judging": made.judging.take(np.arange(0)),
            "truth": made.truth[:0],
            "outputs": made.outputs[:0],
            "predictions": None,
        },
        "few sessions": {
            "judging": made.judging.take(np.arange(70 * 5)),
            "truth": made.truth[: 70 * 5],
            "outputs": made.outputs[: 70 * 5],
            "predictions": None,
        },
        "outcomes and classes unknown": {
            "judging": replace(made.judging, outcome=outcome),
            "truth": np.full(rows, -1),
        },
    }


@pytest.mark.parametrize("what", list(_broken(build_evidence())))
def test_broken_evidence_fails_closed(what: str) -> None:
    made = build_evidence()
    broken = replace(made, **_broken(made)[what])
    decision = judge_all([DirectionSkill(), BeyondTheDay()], broken)
    assert [v.passed for v in decision.verdicts] == [False, False]
    assert all("could not be computed: InvalidRequest" in v.reason for v in decision.verdicts)
