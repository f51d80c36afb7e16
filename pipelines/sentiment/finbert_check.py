"""Compare a folder of FinBERT with the checkpoint it was made of, and measure its speed."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipelines.core.errors import BullionError, CheckFailed
from pipelines.sentiment.finbert import FP32, INT8, FinBert
from pipelines.sentiment.finbert_export import REFERENCE_TITLES, Checkpoint

LIMITS = {FP32: 1e-3, INT8: 0.1}  # of a probability's difference from the checkpoint's
SECONDS = 2.0  # for which titles are scored, at least


@dataclass(frozen=True)
class ParityReport:
    """How far a folder's probabilities are from its checkpoint's, and how fast it is."""

    version: str
    sha256: str
    precision: str
    compared_with: str  # the checkpoint, or its stored answers and why
    titles: int
    worst: float  # difference of a probability
    same_label: int  # titles
    titles_per_second: float

    @property
    def passed(self) -> bool:
        return self.worst <= LIMITS[self.precision]

    def summary(self) -> str:
        return (
            f"finbert {self.version} ({self.sha256[:12]}), compared with {self.compared_with}:"
            f" {self.titles} titles, probabilities differ by at most {self.worst:.6f}"
            f" (limit {LIMITS[self.precision]:g}), {self.same_label} of {self.titles} labels are"
            f" the same; {self.titles_per_second:,.1f} titles/s on one thread"
        )

    def enforce(self) -> None:
        """Raise CheckFailed where the folder says something other than its checkpoint."""
        if not self.passed:
            raise CheckFailed(
                self.summary(), "export it again; where int8 is too coarse, without --int8"
            )


def check_folder(folder: Path) -> ParityReport:
    """Compare a folder with its checkpoint; where that cannot be read, with its stored answers."""
    model = FinBert(folder)
    compared_with, titles, expected = _expected_logits(model)
    worst, same_label = _differences(model, titles, expected)
    return ParityReport(
        version=model.version,
        sha256=model.sha256,
        precision=model.manifest.precision,
        compared_with=compared_with,
        titles=len(titles),
        worst=worst,
        same_label=same_label,
        titles_per_second=_speed(model, titles),
    )


def _expected_logits(model: FinBert) -> tuple[str, Sequence[str], np.ndarray]:
    """Return what is compared with, the titles, and the checkpoint's outputs for them."""
    manifest = model.manifest
    try:
        checkpoint = Checkpoint(Path(manifest.checkpoint))
        if not model.version.startswith(checkpoint.version()):
            raise CheckFailed(f"{manifest.checkpoint} has other weights now")
        return (
            f"the checkpoint {manifest.checkpoint}",
            REFERENCE_TITLES,
            checkpoint.logits(REFERENCE_TITLES),
        )
    except BullionError as error:
        titles = list(manifest.reference)
        if not titles:
            raise CheckFailed(
                f"there is nothing to compare with: {error.message}", error.hint
            ) from error
        answers = np.array(list(manifest.reference.values()), dtype=np.float64)
        return f"the answers stored at the export ({error.message})", titles, answers


def _differences(model: FinBert, titles: Sequence[str], expected: np.ndarray) -> tuple[float, int]:
    powers = np.exp(expected - expected.max(axis=1, keepdims=True))
    original = (powers / powers.sum(axis=1, keepdims=True))[:, model.label_order]
    scores = model.score(titles)
    same = int((scores.argmax(axis=1) == original.argmax(axis=1)).sum())
    return float(np.abs(scores - original).max()), same


def _speed(model: FinBert, titles: Sequence[str]) -> float:
    """Return how many of these titles it scores in a second."""
    start, count = time.perf_counter(), 0
    while time.perf_counter() - start < SECONDS:
        model.score(titles)
        count += len(titles)
    return count / (time.perf_counter() - start)
