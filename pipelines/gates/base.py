"""What a gate is: it looks at the evidence about a trained model and says yes or no, in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np

from pipelines.core.errors import BullionError, InvalidRequest
from pipelines.modeling.dataset import Rows


@dataclass(frozen=True, eq=False)
class Evidence:
    """What is known of a challenger when it is judged. Equal only to itself."""

    judging: Rows  # seen by no fit, no selection and no calibration
    truth: np.ndarray  # what each judging row became: its place in the label's classes, or a value
    # What the model gives each judging row: a column a class, in that order, with its probability;
    # or the value and the two ends of its interval.
    given: np.ndarray
    scores: tuple[float, ...]  # what each class is worth; none where a value is asked for
    training: Rows  # training rows, or a fair sample of them
    training_truth: np.ndarray
    feature_names: tuple[str, ...]  # of every column of features but the last, the symbol's code
    training_fit: float  # macro F1, or R squared, on training rows
    selection_fit: float  # the same on selection rows
    onnx: bytes
    parity: float  # largest difference between what the original gives and what its ONNX form does
    training_seconds: float
    latency_seconds: float  # of one request
    said: np.ndarray | None = None  # the class published; None: the most probable one
    recent: np.ndarray | None = None  # features since judging began, of incomplete rows too
    # What the champion gives the judging rows; NaN in those of symbols it does not know.
    champion: np.ndarray | None = None
    seed: int = 0

    def met(self) -> Evidence:
        """The same of the judging rows alone whose symbol the champion knows."""
        if self.champion is None:
            return self
        known = ~np.isnan(self.champion).all(axis=1)
        return replace(
            self,
            judging=self.judging.take(known),
            truth=self.truth[known],
            given=self.given[known],
            said=None if self.said is None else self.said[known],
            champion=self.champion[known],
        )

    @property
    def unmet(self) -> str:
        """Why there is nothing to be no worse than; nothing where there is."""
        if self.champion is None:
            return "there is no champion yet"
        return "" if len(self.met().judging) else "the champion knows none of the symbols"

    @property
    def published(self) -> np.ndarray:
        """The class the challenger gives each judging row."""
        if self.said is None:
            likeliest: np.ndarray = checked(self.given, self, "the model").argmax(axis=1)
            return likeliest
        if self.said.shape != self.truth.shape:
            raise InvalidRequest(
                f"{len(self.said)} predictions for {len(self.truth)} judging rows",
                "predict each judging row once",
            )
        return self.said


@dataclass(frozen=True)
class GateVerdict:
    """What one gate said."""

    name: str
    passed: bool
    value: float  # NaN where it could not be computed
    limit: float  # what the value, or the end of its interval, was held against
    blocking: bool
    reason: str
    low: float | None = None  # the one-sided bounds, where the value has an interval
    high: float | None = None
    report: bytes = field(default=b"", repr=False)  # HTML, where there is something to look at


class Gate(Protocol):
    """One question about a challenger. A gate that does not block only warns."""

    @property
    def name(self) -> str: ...

    @property
    def blocking(self) -> bool: ...

    def judge(self, evidence: Evidence) -> GateVerdict: ...


@dataclass(frozen=True)
class Decision:
    """What the gates decided together."""

    promote: bool
    verdicts: tuple[GateVerdict, ...]
    reason: str


def judge_all(gates: Sequence[Gate], evidence: Evidence) -> Decision:
    """Ask every gate. One that cannot be computed has failed."""
    if not gates:
        raise InvalidRequest("no gate to pass", "declare at least the skill gates")
    verdicts = tuple(_asked(gate, evidence) for gate in gates)
    refusing = [v for v in verdicts if v.blocking and not v.passed]
    warning = [v for v in verdicts if not v.blocking and not v.passed]
    said = [f"{v.name}: {v.reason}" for v in refusing]
    said += [f"warning, {v.name}: {v.reason}" for v in warning]
    if not any(v.blocking for v in verdicts):
        return Decision(False, verdicts, "; ".join(["refused: no gate blocks", *said]))
    if refusing:
        return Decision(False, verdicts, "refused; " + "; ".join(said))
    passed = f"passed {len(verdicts) - len(warning)} of {len(verdicts)} gates"
    return Decision(True, verdicts, "; ".join([passed, *said]))


def _asked(gate: Gate, evidence: Evidence) -> GateVerdict:
    try:
        verdict = gate.judge(evidence)
    # Whatever went wrong, in our code or in a library's: the model is not known to be sound.
    except Exception as failure:
        told = failure.message if isinstance(failure, BullionError) else str(failure)
        reason = f"could not be computed: {type(failure).__name__}: {told}"
        return GateVerdict(gate.name, False, float("nan"), float("nan"), gate.blocking, reason)
    if verdict.passed and not np.isfinite(verdict.value):
        reason = f"its value is {verdict.value}, which cannot pass"
        return replace(verdict, passed=False, reason=reason)
    return verdict


def checked(probabilities: np.ndarray, evidence: Evidence, whose: str) -> np.ndarray:
    """Probabilities that can be judged: one row a judging row, finite, each row adding up to 1."""
    rows, classes = len(evidence.judging), len(evidence.scores)
    if rows == 0:
        raise InvalidRequest("there are no judging rows", "train on a longer span")
    if probabilities.shape != (rows, classes):
        raise InvalidRequest(
            f"{whose} gave probabilities of shape {probabilities.shape}, not {(rows, classes)}",
            "score the judging rows, with the label's classes in their order",
        )
    sound = np.isfinite(probabilities).all() and bool((probabilities >= -1e-6).all())
    if not sound or np.abs(probabilities.sum(axis=1) - 1).max() > 1e-3:
        raise InvalidRequest(
            f"{whose} gave numbers that are no probabilities",
            "each row is finite, not negative, and adds up to 1",
        )
    return probabilities.astype(np.float64)


def classes_of(classes: np.ndarray, rows: Rows, count: int) -> np.ndarray:
    """Classes that can be counted: one a row, each one of `count`."""
    if len(classes) != len(rows):
        raise InvalidRequest(f"{len(classes)} classes for {len(rows)} rows", "give one a row")
    if len(classes) and not (classes.min() >= 0 and classes.max() < count):
        raise InvalidRequest(
            f"classes reach from {classes.min()} to {classes.max()}",
            "leave out the rows whose outcome is not known",
        )
    return classes.astype(np.int64)
