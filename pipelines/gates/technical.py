"""Limits on what can simply be measured: fit, calibration, time, size, and the ONNX form."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipelines.core.errors import InvalidRequest
from pipelines.gates.base import GateVerdict
from pipelines.gates.evidence import Evidence, check_classes, check_probabilities
from pipelines.modeling.metrics import calibration_error


@dataclass(frozen=True)
class Parity:
    """Require an ONNX form that returns the outputs of the original."""

    limit: float = 1e-5
    blocking: bool = True
    name: str = "onnx_parity"

    def judge(self, evidence: Evidence) -> GateVerdict:
        value = evidence.parity
        finding = f"the ONNX form differs from the original by up to {value:.1e}"
        return _judge_limit(
            self.name, value, self.limit, self.blocking, finding, f"{self.limit:.0e}"
        )


@dataclass(frozen=True)
class Size:
    """Require an ONNX form that is small enough to serve."""

    limit: int = 10_000_000  # bytes
    blocking: bool = True
    name: str = "size"

    def judge(self, evidence: Evidence) -> GateVerdict:
        value = len(evidence.onnx)
        if value == 0:
            raise InvalidRequest("there is no ONNX form", "convert the winner before judging it")
        finding = f"the ONNX form has {value / 1e6:.2f} MB"
        allowed = f"{self.limit / 1e6:g} MB"
        return _judge_limit(self.name, value, self.limit, self.blocking, finding, allowed)


@dataclass(frozen=True)
class Latency:
    """Require a quick answer to one request; generous, so that a loaded machine never decides."""

    limit: float = 0.5  # seconds
    blocking: bool = True
    name: str = "latency"

    def judge(self, evidence: Evidence) -> GateVerdict:
        value = evidence.latency_seconds
        finding = f"one request takes {value * 1000:.2f} ms"
        allowed = f"{self.limit * 1000:g} ms"
        return _judge_limit(self.name, value, self.limit, self.blocking, finding, allowed)


@dataclass(frozen=True)
class TrainingTime:
    """Require a training within its schedule; generous, so that a loaded machine never decides."""

    limit: float = 3600.0  # seconds
    blocking: bool = True
    name: str = "training_time"

    def judge(self, evidence: Evidence) -> GateVerdict:
        value = evidence.training_seconds
        finding = f"the training took {value:.1f} s"
        return _judge_limit(
            self.name, value, self.limit, self.blocking, finding, f"{self.limit:g} s"
        )


@dataclass(frozen=True)
class Gap:
    """Refuse a model that knows its training rows by heart."""

    limit: float = 0.5  # forests know much of their training rows and are sound
    of: str = "macro F1"  # what the fit is
    blocking: bool = True
    name: str = "gap"

    def judge(self, evidence: Evidence) -> GateVerdict:
        value = evidence.training_fit - evidence.selection_fit
        finding = (
            f"{self.of} is {evidence.training_fit:.4f} on training and {evidence.selection_fit:.4f}"
            f" on selection rows, a gap of {value:.4f}"
        )
        return _judge_limit(self.name, value, self.limit, self.blocking, finding, f"{self.limit:g}")


@dataclass(frozen=True)
class Selection:
    """Require a winner that the target's rule of selection would have.

    Where it objects to every candidate, the best of them still wins, and this gate refuses it.
    """

    blocking: bool = True
    name: str = "selection"

    def judge(self, evidence: Evidence) -> GateVerdict:
        objections = 1.0 if evidence.objection else 0.0
        reason = evidence.objection or "the rule of selection has nothing against it"
        return GateVerdict(self.name, not objections, objections, 0.0, self.blocking, reason)


@dataclass(frozen=True)
class Calibration:
    """Require classes that happen about as often as their probabilities say.

    The expected calibration error of each class by itself, over bins of equally many rows, and
    then the mean over the classes: a model that is right about its favourite alone does not pass.
    """

    limit: float = 0.05
    bins: int = 10
    blocking: bool = True
    name: str = "calibration"

    def judge(self, evidence: Evidence) -> GateVerdict:
        probabilities = check_probabilities(evidence.outputs, evidence, "the model")
        true = check_classes(evidence.truth, evidence.judging, probabilities.shape[1])
        value = calibration_error(true, probabilities, self.bins)
        finding = f"probabilities miss what happened by {value:.4f} in the mean"
        return _judge_limit(self.name, value, self.limit, self.blocking, finding, f"{self.limit:g}")


def _judge_limit(
    name: str, value: float, limit: float, blocking: bool, finding: str, allowed: str
) -> GateVerdict:
    if not np.isfinite(value):
        raise InvalidRequest(f"{finding}, which is no number")
    passed = bool(value <= limit)
    reason = f"{finding}: {'at most' if passed else 'more than'} {allowed}"
    return GateVerdict(name, passed, float(value), float(limit), blocking, reason)
