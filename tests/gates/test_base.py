"""What cannot be computed has failed, and a decision says every reason."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from pipelines.core.errors import InvalidRequest
from pipelines.gates import BeyondTheDay, DirectionSkill, Evidence, GateVerdict, judge_all
from pipelines.gates.base import find_needed_side
from tests.gates.market import build_evidence


@dataclass(frozen=True)
class FixedGate:
    name: str
    passed: bool = True
    blocking: bool = True
    value: float = 1.0

    def judge(self, evidence: Evidence) -> GateVerdict:
        return GateVerdict(
            self.name, self.passed, self.value, 0.0, self.blocking, f"{self.name} decided so"
        )


@dataclass(frozen=True)
class FailingGate:
    name: str = "breaks"
    blocking: bool = True

    def judge(self, evidence: Evidence) -> GateVerdict:
        raise ZeroDivisionError("nothing to divide by")


def test_a_gate_that_raises_has_failed_with_its_exception() -> None:
    decision = judge_all([FixedGate("good"), FailingGate()], build_evidence())
    assert not decision.promote
    assert not decision.verdicts[1].passed
    assert "ZeroDivisionError: nothing to divide by" in decision.verdicts[1].reason
    assert judge_all([FixedGate("good"), FailingGate(blocking=False)], build_evidence()).promote


def test_a_decision_names_every_gate_that_refuses_and_those_that_warn() -> None:
    gates = [
        FixedGate("one", False),
        FixedGate("two"),
        FixedGate("three", False),
        FixedGate("soft", False, False),
    ]
    decision = judge_all(gates, build_evidence())
    assert not decision.promote
    for reason in (
        "one: one decided so",
        "three: three decided so",
        "warning, soft: soft decided so",
    ):
        assert reason in decision.reason
    assert "two" not in decision.reason
    warned = judge_all([FixedGate("two"), FixedGate("soft", False, False)], build_evidence())
    assert warned.promote
    assert "warning, soft" in warned.reason


def test_a_value_that_is_no_number_cannot_pass() -> None:
    assert not judge_all([FixedGate("odd", value=float("nan"))], build_evidence()).promote


def test_nothing_is_promoted_without_a_gate_that_blocks() -> None:
    assert not judge_all([FixedGate("soft", blocking=False)], build_evidence()).promote
    with pytest.raises(InvalidRequest, match="no gate"):
        judge_all([], build_evidence())


def break_evidence(evidence: Evidence) -> dict[str, dict[str, Any]]:
    rows = len(evidence.judging)
    lost = evidence.outputs.copy()
    lost[3, 2] = np.nan
    outcome = evidence.judging.outcome.copy()
    outcome[5] = np.nan
    return {
        "a probability is lost": {"outputs": lost, "predictions": None},
        "they are no probabilities": {"outputs": evidence.outputs * 2, "predictions": None},
        "a class is missing": {"outputs": evidence.outputs[:, :4], "predictions": None},
        "no rows": {
            "judging": evidence.judging.take(np.arange(0)),
            "truth": evidence.truth[:0],
            "outputs": evidence.outputs[:0],
            "predictions": None,
        },
        "few sessions": {
            "judging": evidence.judging.take(np.arange(70 * 5)),
            "truth": evidence.truth[: 70 * 5],
            "outputs": evidence.outputs[: 70 * 5],
            "predictions": None,
        },
        "outcomes and classes unknown": {
            "judging": replace(evidence.judging, outcome=outcome),
            "truth": np.full(rows, -1),
        },
    }


@pytest.mark.parametrize("case", list(break_evidence(build_evidence())))
def test_broken_evidence_fails_closed(case: str) -> None:
    evidence = build_evidence()
    broken = replace(evidence, **break_evidence(evidence)[case])
    decision = judge_all([DirectionSkill(), BeyondTheDay()], broken)
    assert [v.passed for v in decision.verdicts] == [False, False]
    assert all("could not be computed: InvalidRequest" in v.reason for v in decision.verdicts)


@pytest.mark.parametrize(
    ("passed", "value", "low", "limit", "side"),
    [
        (True, 0.2, 0.1, 0.0, "at_least"),
        (False, 0.2, -0.1, 0.0, "at_least"),  # above the limit, and not surely so
        (True, 0.03, None, 0.05, "at_most"),
        (False, 0.07, None, 0.05, "at_most"),
        (True, 0.0, None, -0.002, "at_least"),
        (False, 0.0, None, 0.0, "at_least"),  # a constant score has no skill above 0
        (False, float("nan"), None, 0.0, "unknown"),
        (False, None, None, None, "unknown"),
    ],
)
def test_the_side_that_a_verdict_needs_follows_from_it(
    passed: bool, value: float | None, low: float | None, limit: float | None, side: str
) -> None:
    assert find_needed_side(passed, value, limit, low) == side
