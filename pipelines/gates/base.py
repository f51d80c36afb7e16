"""What a gate is: it looks at the evidence about a trained model, and passes or refuses it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np

from pipelines.core.errors import BullionError, InvalidRequest
from pipelines.gates.evidence import Evidence


@dataclass(frozen=True)
class GateVerdict:
    """The verdict of one gate."""

    name: str
    passed: bool
    value: float  # NaN where it could not be computed
    limit: float  # what the value, or the end of its interval, is compared with
    blocking: bool
    reason: str
    low: float | None = None  # the one-sided bounds, where the value has an interval
    high: float | None = None
    report: bytes = field(default=b"", repr=False)  # HTML, where there is something to look at


def find_needed_side(
    passed: bool, value: float | None, limit: float | None, low: float | None
) -> str:
    """Return on which side of its limit a verdict needs the value: at_least, at_most or unknown.

    A verdict with a lower bound asks for more than the limit. Of any other the side follows from
    where the value lies, and whether that passed.
    """
    if low is not None:
        return "at_least"
    if value is None or limit is None or not np.isfinite([value, limit]).all():
        return "unknown"
    is_above = value > limit
    return "at_least" if is_above == passed else "at_most"


class Gate(Protocol):
    """One question about a challenger. A gate that does not block only warns."""

    @property
    def name(self) -> str: ...

    @property
    def blocking(self) -> bool: ...

    def judge(self, evidence: Evidence) -> GateVerdict: ...


@dataclass(frozen=True)
class Decision:
    """The verdicts of all gates, and whether the model may be promoted."""

    promote: bool
    verdicts: tuple[GateVerdict, ...]
    reason: str


def judge_all(gates: Sequence[Gate], evidence: Evidence) -> Decision:
    """Let every gate judge the evidence. A gate that cannot be computed has failed."""
    if not gates:
        raise InvalidRequest("no gate to pass", "declare at least the skill gates")
    verdicts = tuple(_judge(gate, evidence) for gate in gates)
    refusing = [v for v in verdicts if v.blocking and not v.passed]
    warning = [v for v in verdicts if not v.blocking and not v.passed]
    reasons = [f"{v.name}: {v.reason}" for v in refusing]
    reasons += [f"warning, {v.name}: {v.reason}" for v in warning]
    if not any(v.blocking for v in verdicts):
        return Decision(False, verdicts, "; ".join(["refused: no gate blocks", *reasons]))
    if refusing:
        return Decision(False, verdicts, "refused; " + "; ".join(reasons))
    passed = f"passed {len(verdicts) - len(warning)} of {len(verdicts)} gates"
    return Decision(True, verdicts, "; ".join([passed, *reasons]))


def _judge(gate: Gate, evidence: Evidence) -> GateVerdict:
    """The gate's verdict; a failure of the gate itself, and a value of NaN, are refusals."""
    try:
        verdict = gate.judge(evidence)
    # Whatever went wrong, in our code or in a library's: the model is not known to be sound.
    except Exception as failure:
        message = failure.message if isinstance(failure, BullionError) else str(failure)
        reason = f"could not be computed: {type(failure).__name__}: {message}"
        return GateVerdict(gate.name, False, float("nan"), float("nan"), gate.blocking, reason)
    if verdict.passed and not np.isfinite(verdict.value):
        reason = f"its value is {verdict.value}, which cannot pass"
        return replace(verdict, passed=False, reason=reason)
    return verdict
