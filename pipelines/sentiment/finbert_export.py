"""Make a folder for finbert.py of a local checkpoint: `bullion sentiment export`.

This needs PyTorch and transformers (`make install-torch`); nothing is downloaded. The folder keeps
the checkpoint's own answers to a few titles, so that it can be checked where there is neither.
"""

from __future__ import annotations

import json
import logging
import os
import tempfile
import warnings
from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import asdict
from hashlib import file_digest
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from pipelines.core.errors import InvalidRequest, missing_library, writing_to
from pipelines.modeling.scorer import checksum
from pipelines.sentiment.finbert import (
    CONFIG,
    FP32,
    INT8,
    LONGEST,
    MANIFEST,
    MODEL,
    TOKENIZER,
    Manifest,
)
from pipelines.sentiment.first_token import keep_first_token

OPSET = 17
INPUTS = ("input_ids", "attention_mask", "token_type_ids")
WEIGHTS = ("model.safetensors", "pytorch_model.bin")
REFERENCE_TITLES = (
    "Shares surge to a record high after strong quarterly profit",
    "Maker of chips plunges as losses widen",
    "Board to meet on Tuesday",
    "Operating profit rose to EUR 13.1 million from EUR 8.7 million a year earlier",
    "The regulator opens an investigation into the lender's accounts",
    "Central bank leaves rates unchanged, as expected",
    "Company says it will move its headquarters next year",
    "Orders fell less than feared, and the shares gained",
)


class Checkpoint:
    """A checkpoint of transformers on this machine: the original that a folder is compared with."""

    def __init__(self, folder: Path) -> None:
        if not (folder / CONFIG).is_file():
            raise InvalidRequest(
                f"{folder} is no checkpoint: it has no {CONFIG}",
                "name the folder of a model, as transformers' save_pretrained writes it",
            )
        os.environ.setdefault("HF_HUB_OFFLINE", "1")  # only what lies here is read
        try:
            import torch
            import transformers
        except ImportError:
            raise missing_library("transformers", "make install-torch") from None
        torch.set_num_threads(1)
        self.folder, self._torch = folder, torch
        try:
            self.tokenizer = transformers.AutoTokenizer.from_pretrained(
                str(folder), local_files_only=True
            )
            # `eager` attention is what an ONNX graph can be traced of. No code of a checkpoint is
            # run, and pickled weights are read by PyTorch's restricted reader alone.
            self.model = transformers.AutoModelForSequenceClassification.from_pretrained(
                str(folder), local_files_only=True, attn_implementation="eager"
            ).eval()
        except (OSError, ValueError, RuntimeError) as error:
            raise InvalidRequest(
                f"{folder} is no checkpoint of a classifier: {str(error)[:300]}",
                "name the folder of a model, as transformers' save_pretrained writes it",
            ) from error

    def logits(self, titles: Sequence[str]) -> np.ndarray:
        """Return PyTorch's own outputs for each title."""
        rows = []
        with self._torch.no_grad():
            for title in titles:
                tokens = self.tokenizer(
                    title, truncation=True, max_length=LONGEST, return_tensors="pt"
                )
                rows.append(self.model(**tokens).logits[0].double().numpy())
        return np.array(rows)

    def version(self) -> str:
        """Return the first digits of the SHA-256 of its weights."""
        for name in WEIGHTS:
            if (self.folder / name).is_file():
                with (self.folder / name).open("rb") as file:
                    return file_digest(file, "sha256").hexdigest()[:12]
        return "unknown"

    def write_onnx(self, path: Path) -> None:
        """Write the model as ONNX, for any number of titles of any length."""
        tokens = self.tokenizer("a title", return_tensors="pt")
        names = [name for name in INPUTS if name in tokens]
        axes = {name: {0: "titles", 1: "tokens"} for name in names}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the tracer's, about shapes that are constants here
            self._torch.onnx.export(
                _LogitsOnly(self._torch, self.model, names).module,
                tuple(tokens[name] for name in names),
                str(path),
                input_names=names,
                output_names=["logits"],
                dynamic_axes=axes | {"logits": {0: "titles"}},
                opset_version=OPSET,
                dynamo=False,
            )


class _LogitsOnly:
    """A module that takes the named inputs in their order, and returns the logits alone."""

    def __init__(self, torch: Any, model: Any, names: Sequence[str]) -> None:
        class Module(torch.nn.Module):  # type: ignore[misc]
            def __init__(self) -> None:
                super().__init__()
                self.model = model

            def forward(self, *values: Any) -> Any:
                return self.model(**dict(zip(names, values, strict=True))).logits

        self.module = Module().eval()


def export_folder(checkpoint_folder: Path, folder: Path, *, int8: bool = False) -> Manifest:
    """Write the three files of a checkpoint, and their manifest, into a folder."""
    checkpoint = Checkpoint(checkpoint_folder)
    with writing_to(folder), _ready_folder(folder) as draft:
        checkpoint.write_onnx(draft / MODEL)
        onnx.save(keep_first_token(onnx.load(draft / MODEL)), draft / MODEL)
        if int8:
            quantise_file(draft / MODEL)
        (draft / TOKENIZER).write_text(checkpoint.tokenizer.backend_tokenizer.to_str())
        (draft / CONFIG).write_bytes((checkpoint_folder / CONFIG).read_bytes())
        precision = INT8 if int8 else FP32
        manifest = Manifest(
            version=f"{checkpoint.version()}-{precision}",
            precision=precision,
            sha256={n: checksum((draft / n).read_bytes()) for n in (MODEL, TOKENIZER, CONFIG)},
            checkpoint=str(checkpoint_folder.resolve()),
            reference={
                title: [float(value) for value in row]
                for title, row in zip(
                    REFERENCE_TITLES, checkpoint.logits(REFERENCE_TITLES), strict=True
                )
            },
        )
        (draft / MANIFEST).write_text(json.dumps(asdict(manifest), indent=2) + "\n")
        # The manifest comes last: a folder that was left half written is refused, not used.
        (folder / MANIFEST).unlink(missing_ok=True)
        for name in (MODEL, TOKENIZER, CONFIG, MANIFEST):
            (draft / name).replace(folder / name)
    return manifest


@contextmanager
def _ready_folder(folder: Path) -> Any:
    """Yield a folder for drafts inside the folder, which is made where it is missing."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".draft-") as draft:
        yield Path(draft)


def quantise_file(path: Path) -> None:
    """Replace the weights of matrix products by bytes; their inputs are measured as they come."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    original = path.rename(path.with_suffix(".fp32"))
    logger, level = logging.getLogger(), logging.getLogger().level
    logger.setLevel(logging.ERROR)  # it recommends, through the root logger, what changes nothing
    try:
        quantize_dynamic(original, path, weight_type=QuantType.QInt8, per_channel=True)
    finally:
        logger.setLevel(level)
    original.unlink()
