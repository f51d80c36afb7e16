"""The model that ships: a linear classifier of headlines over hashed words and pieces of words.

models/headlines.onnx is the model, models/headlines.json its description: SHA-256, training data
and licence, figures on headlines that training never saw. train_headlines.py makes both.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from pipelines.modeling.scorer import checksum, open_session
from pipelines.sentiment.base import LABELS, UnusableModel, read_model_file, sum_to_one
from pipelines.sentiment.ngrams import bucket_rows, title_buckets

FOLDER = Path(__file__).with_name("models")
MODEL, DESCRIPTION = "headlines.onnx", "headlines.json"
MOST_BYTES = 1 << 20
BATCH = 256  # titles at a time
REMEDY = "install Bullion again: the file is part of it"


class HeadlineModel:
    """Score headlines on one thread, with ONNX Runtime and NumPy alone."""

    def __init__(self, content: bytes, name: str, version: str) -> None:
        self.name, self.version, self.sha256 = name, version, checksum(content)
        self._session = open_session(content, REMEDY)

    def score(self, titles: Sequence[str]) -> np.ndarray:
        """Return a row a title with the probabilities of LABELS."""
        parts = [title_buckets(title) for title in titles]
        scores = np.empty((len(parts), len(LABELS)))
        # Titles of about one length share a batch, so that one long title pads no short ones.
        order = np.argsort([len(buckets) for buckets in parts], kind="stable")
        for first in range(0, len(order), BATCH):
            rows = order[first : first + BATCH]
            buckets = bucket_rows([parts[row] for row in rows])
            [probabilities] = self._session.run(None, {"buckets": buckets})
            scores[rows] = sum_to_one(probabilities)
        return scores


@cache
def headline_model(folder: Path = FOLDER) -> HeadlineModel:
    """Return the model that ships, once its bytes have the SHA-256 of its description."""
    description = headline_description(folder)
    content = read_model_file(folder / MODEL, MOST_BYTES)
    if checksum(content) != description["sha256"]:
        raise UnusableModel(
            f"{folder / MODEL} has the SHA-256 {checksum(content)[:12]}..., not"
            f" {description['sha256'][:12]}...",
            REMEDY,
        )
    return HeadlineModel(content, description["name"], description["version"])


def headline_description(folder: Path = FOLDER) -> dict[str, Any]:
    """Return what the description of the model says: its training data, licence and figures."""
    description = json.loads(read_model_file(folder / DESCRIPTION, MOST_BYTES))
    if description["labels"] != list(LABELS):
        raise UnusableModel(f"the labels of {folder / DESCRIPTION} are not {LABELS}", REMEDY)
    return dict(description)
