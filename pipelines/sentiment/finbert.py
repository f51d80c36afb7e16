"""FinBERT, or any BERT of three labels, as ONNX: from a folder that the operator names.

The folder has model.onnx, tokenizer.json and config.json, whose `id2label` says which output is
which label, and manifest.json with the SHA-256 of the three: `bullion sentiment export` makes it.
At run time ONNX Runtime and `tokenizers` are enough. Everything is verified before it is used, and
what was verified is what is loaded: each file is read once.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from pipelines.core.errors import missing_library
from pipelines.modeling.scorer import checksum, open_session
from pipelines.sentiment.base import LABELS, UnusableModel, read_model_file, sum_to_one

NAME = "finbert"
MODEL, TOKENIZER, CONFIG, MANIFEST = "model.onnx", "tokenizer.json", "config.json", "manifest.json"
FILES = (MODEL, TOKENIZER, CONFIG)
MOST_BYTES = {MODEL: 2 << 30, TOKENIZER: 64 << 20, CONFIG: 1 << 20, MANIFEST: 1 << 20}
INT8, FP32 = "int8", "fp32"
LONGEST = 256  # tokens; what follows is not read
LONGEST_TITLE = 4_096  # characters that are tokenised
BATCH = {INT8: 1, FP32: 32}  # titles at a time; see _batches
# A sum and its norm as one step: ONNX Runtime does them ten times slower so than one by one.
DISABLED = ("SkipLayerNormFusion", "BiasSkipLayerNormFusion")
REMEDY = "make the folder again with `bullion sentiment export`"


@dataclass(frozen=True)
class Manifest:
    """What manifest.json says of a folder."""

    version: str
    precision: str  # int8 or fp32
    sha256: Mapping[str, str]  # of each of FILES
    checkpoint: str  # the folder that it was made of
    reference: Mapping[str, Sequence[float]] = field(default_factory=dict)  # logits of titles

    @classmethod
    def read(cls, folder: Path) -> Manifest:
        """Read the manifest of a folder. Raises UnusableModel where it is none."""
        try:
            manifest = cls(**json.loads(read_model_file(folder / MANIFEST, MOST_BYTES[MANIFEST])))
        except (ValueError, TypeError) as error:
            raise UnusableModel(f"{folder / MANIFEST} is no manifest: {error}", REMEDY) from error
        if manifest.precision not in BATCH or not set(FILES) <= set(manifest.sha256):
            raise UnusableModel(f"{folder / MANIFEST} is no manifest of {FILES}", REMEDY)
        return manifest


class FinBert:
    """Score titles with a BERT of three labels, on one thread unless more are allowed."""

    name = NAME

    def __init__(self, folder: Path, threads: int = 1) -> None:
        self.manifest = Manifest.read(folder)
        files = {name: _verified(folder / name, self.manifest) for name in FILES}
        self.version, self.sha256 = self.manifest.version, checksum(files[MODEL])
        self.label_order = _label_order(files[CONFIG], folder)
        self._tokenizer, self._padding = _read_tokenizer(files[TOKENIZER], folder)
        self._session = open_session(files[MODEL], REMEDY, threads, DISABLED)
        self._inputs = {each.name for each in self._session.get_inputs()}
        self._check_graph(folder)

    def score(self, titles: Sequence[str]) -> np.ndarray:
        """Return a row a title with the probabilities of LABELS."""
        logits = self.logits(titles)[:, self.label_order]
        powers = np.exp(logits - logits.max(axis=1, keepdims=True, initial=-np.inf))
        return sum_to_one(powers / powers.sum(axis=1, keepdims=True))

    def logits(self, titles: Sequence[str]) -> np.ndarray:
        """Return the model's own outputs, in the order of its config; float64."""
        # Without the batch interface, which would take a thread for every core.
        tokens = [self._tokenizer.encode(title[:LONGEST_TITLE]).ids for title in titles]
        logits = np.empty((len(tokens), len(LABELS)))
        for rows in _batches([len(ids) for ids in tokens], BATCH[self.manifest.precision]):
            logits[rows] = self.run_tokens(np.array([tokens[row] for row in rows], dtype=np.int64))
        return logits

    def run_tokens(self, ids: np.ndarray) -> np.ndarray:
        """Return the outputs of rows of token numbers that are equally long."""
        values = {
            "input_ids": ids,
            "attention_mask": np.ones_like(ids),
            "token_type_ids": np.zeros_like(ids),
        }
        [logits] = self._session.run(
            ["logits"], {name: value for name, value in values.items() if name in self._inputs}
        )
        return np.asarray(logits, dtype=np.float64)

    def _check_graph(self, folder: Path) -> None:
        """Refuse a graph that does not score a title of two tokens."""
        known = {"input_ids", "attention_mask", "token_type_ids"}
        outputs = [each.name for each in self._session.get_outputs()]
        if not {"input_ids"} <= self._inputs <= known or "logits" not in outputs:
            raise UnusableModel(
                f"{folder / MODEL} takes {sorted(self._inputs)} and gives {outputs}, not logits",
                REMEDY,
            )
        try:
            shape = self.run_tokens(np.full((1, 2), self._padding, dtype=np.int64)).shape
        # ONNX Runtime raises a dozen classes of its own that share no parent but Exception.
        except Exception as error:
            raise UnusableModel(
                f"{folder / MODEL} cannot be run: {str(error)[:200]}", REMEDY
            ) from error
        if shape != (1, len(LABELS)):
            raise UnusableModel(f"{folder / MODEL} gives {shape} for one title", REMEDY)


def load_finbert(folder: Path) -> FinBert:
    """Return the model of a folder; it is loaded again only where a file of it changed."""
    try:
        stamps = tuple(
            (stat.st_mtime_ns, stat.st_size)
            for stat in ((folder / name).stat() for name in (*FILES, MANIFEST))
        )
    except OSError as error:
        raise UnusableModel(f"{error.filename} cannot be read: {error.strerror}", REMEDY) from error
    return _load(folder.resolve(), stamps)


@lru_cache(maxsize=1)
def _load(folder: Path, _stamps: tuple[tuple[int, int], ...]) -> FinBert:
    return FinBert(folder)


def _verified(path: Path, manifest: Manifest) -> bytes:
    """Read a file that has the SHA-256 of the manifest."""
    content = read_model_file(path, MOST_BYTES[path.name])
    if checksum(content) != manifest.sha256[path.name]:
        raise UnusableModel(
            f"{path} has the SHA-256 {checksum(content)[:12]}..., not"
            f" {manifest.sha256[path.name][:12]}...",
            REMEDY,
        )
    return content


def _label_order(config: bytes, folder: Path) -> list[int]:
    """Return the output of each of LABELS. FinBERTs differ in their order: the config says it."""
    try:
        names = {str(name).lower(): int(place) for place, name in _id2label(config).items()}
    except (ValueError, AttributeError, KeyError, TypeError) as error:
        raise UnusableModel(f"{folder / CONFIG} has no id2label: {error}", REMEDY) from error
    if set(names) != set(LABELS) or sorted(names.values()) != list(range(len(LABELS))):
        raise UnusableModel(
            f"the labels of {folder / CONFIG} are {sorted(names)}, not {sorted(LABELS)}",
            "name a checkpoint with these labels, such as ProsusAI/finbert",
        )
    return [names[label] for label in LABELS]


def _id2label(config: bytes) -> dict[str, str]:
    return dict(json.loads(config)["id2label"])


def _read_tokenizer(content: bytes, folder: Path) -> tuple[Any, int]:
    """Return the tokenizer, which cuts at LONGEST tokens, and the number of its padding."""
    try:
        from tokenizers import Tokenizer
    except ImportError:
        raise missing_library("tokenizers", "pip install tokenizers") from None
    try:
        tokenizer = Tokenizer.from_str(content.decode("utf-8"))
    except Exception as error:  # of the library in Rust, which raises Exception itself
        raise UnusableModel(f"{folder / TOKENIZER} is no tokenizer: {error}", REMEDY) from error
    tokenizer.no_padding()
    tokenizer.enable_truncation(LONGEST)
    return tokenizer, tokenizer.token_to_id("[PAD]") or 0


def _batches(lengths: Sequence[int], most: int) -> Iterator[np.ndarray]:
    """Yield the rows of each batch, of titles that have the same number of tokens.

    So no title is padded, and none costs what a longer one costs. A model of eight bits gets one
    title at a time: it measures its inputs over the whole batch, and would say another thing of
    a title in other company. On one thread it loses little by that.
    """
    order = np.argsort(lengths, kind="stable")
    ends = np.flatnonzero(np.diff(np.asarray(lengths)[order])) + 1
    for rows in np.split(order, ends):
        for first in range(0, len(rows), most):
            yield rows[first : first + most]
