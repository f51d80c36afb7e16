"""The interface of a sentiment model: probabilities of three labels for each title."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from pipelines.core.errors import BullionError

LABELS = ("positive", "negative", "neutral")  # of the columns of `score`, in this order


class UnusableModel(BullionError):
    """A sentiment model's files are missing, damaged, or not what their description says."""


class SentimentModel(Protocol):
    """A model that scores titles. Its name, version and SHA-256 stand in every row it writes."""

    @property
    def name(self) -> str: ...

    @property
    def version(self) -> str: ...

    @property
    def sha256(self) -> str:
        """The SHA-256 of the model's ONNX file."""
        ...

    def score(self, titles: Sequence[str]) -> np.ndarray:
        """Return a row a title with the probabilities of LABELS; float64, each row adds up to 1.

        A title's row is the same whatever titles are beside it: stories are scored as they come.
        """
        ...


def sum_to_one(probabilities: np.ndarray) -> np.ndarray:
    """Return probabilities as float64 whose rows add up to 1 to its precision."""
    rows = np.asarray(probabilities, dtype=np.float64).reshape(-1, len(LABELS))
    sums = rows.sum(axis=1, keepdims=True)
    if not np.isfinite(sums).all() or (sums <= 0).any():
        raise UnusableModel(
            "the model's probabilities are no numbers", "check it with `bullion sentiment`"
        )
    return np.asarray(rows / sums)


def read_model_file(path: Path, bound: int) -> bytes:
    """Read a file of a model whole. Raises UnusableModel where it is absent or too large."""
    try:
        size = path.stat().st_size
        if size > bound:
            raise UnusableModel(
                f"{path} has {size:,} bytes, more than the {bound:,} that are read",
                "name the folder that `bullion sentiment export` wrote",
            )
        return path.read_bytes()
    except OSError as error:
        raise UnusableModel(
            f"{path} cannot be read: {error.strerror or error}",
            "name the folder that `bullion sentiment export` wrote",
        ) from error
