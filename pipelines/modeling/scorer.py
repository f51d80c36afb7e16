"""A model as it is served: an ONNX file, run by ONNX Runtime.

The model takes `features` (float32, a column a feature, the symbol's code last). For classes it
returns `probabilities` (a column a class, in the label's order) and `action` (the class that is
published); for a value it returns `interval` (the value, the lower and the upper end) and `value`.
Its metadata names the columns, the classes and the symbols: see description.py.

This module needs ONNX Runtime alone, so that whatever serves carries no training library.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import Any

import numpy as np

from pipelines.core.errors import InvalidRequest
from pipelines.modeling.answers import answer_of
from pipelines.modeling.description import UnreadableModel, read_description

LANES = 16  # rows that a block is filled up to: those of the widest registers
BLOCK_ROWS = 16_384  # scored in one call
REMEDY = "the file was changed or damaged: register the model again, or roll back"


def checksum(content: bytes) -> str:
    """The SHA-256 of a model's bytes."""
    return sha256(content).hexdigest()


class OnnxScorer:
    """Score rows with an ONNX file, on one thread and without scikit-learn.

    With `expected`, the SHA-256 that the bytes must have.
    """

    def __init__(self, content: bytes, expected: str | None = None) -> None:
        self.content = content
        self.checksum = checksum(content)
        if expected is not None and self.checksum != expected:
            raise UnreadableModel(
                f"the model's bytes have the SHA-256 {self.checksum[:12]}..., not"
                f" {expected[:12]}...",
                REMEDY,
            )
        self._session = open_session(content)
        self.description = read_description(self._session.get_modelmeta().custom_metadata_map)
        self._answer = answer_of(self.description.kind)
        self._check_file()

    def _check_file(self) -> None:
        """Refuse a file whose inputs and outputs are not those that its description asks for."""
        inputs = {i.name: (i.type, i.shape[1:]) for i in self._session.get_inputs()}
        outputs = {o.name: (o.type, o.shape[1:]) for o in self._session.get_outputs()}
        expected_inputs = {"features": ("tensor(float)", [self.description.columns])}
        expected_outputs = self._answer.outputs(self.description)
        for verb, actual, expected in (
            ("takes", inputs, expected_inputs),
            ("gives", outputs, expected_outputs),
        ):
            if actual != expected:
                raise UnreadableModel(
                    f"the model {verb} {actual}, not {expected}", "train it again"
                )
        contradiction = self._answer.contradiction(self.description)
        if contradiction:
            raise UnreadableModel(f"the model has {contradiction}", "train it again")

    def score(self, features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The outputs of each row (class probabilities, or a value and its interval), and its
        prediction (the class that is published, or the value)."""
        self._check_features(features)
        if not len(features):  # which some operators of ONNX Runtime refuse
            return self._answer.blank(0, self.description)
        blocks = [
            self._score_block(features[first : first + BLOCK_ROWS])
            for first in range(0, len(features), BLOCK_ROWS)
        ]
        if len(blocks) == 1:
            return blocks[0]
        outputs, predictions = zip(*blocks, strict=True)
        return np.concatenate(outputs), np.concatenate(predictions)

    def _score_block(self, features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Score a block in one call, filled up to whole lanes by its last row.

        A row gives the same bits whatever rows it comes with. ONNX Runtime computes four numbers
        at a time, and what is left at the end one by one, with another logarithm and exponential;
        and it multiplies a single row by another routine. So no block has an end of that kind.
        """
        missing = -len(features) % LANES
        rows = np.ascontiguousarray(features, dtype=np.float32)
        if missing:
            rows = np.concatenate([rows, np.repeat(rows[-1:], missing, axis=0)])
        outputs, predictions = self._session.run(list(self._answer.names), {"features": rows})
        return outputs[: len(features)], predictions[: len(features)]

    def _check_features(self, features: np.ndarray) -> None:
        description = self.description
        if features.ndim != 2 or features.shape[1] != description.columns:
            raise InvalidRequest(
                f"features of shape {features.shape}, where the model has {description.columns}"
                " columns",
                f"give {', '.join(description.features)} and the symbol's code",
            )
        complete = np.isfinite(features).all(axis=0)
        if not complete.all():
            names = [*description.features, "symbol"]
            missing = [name for name, whole in zip(names, complete, strict=True) if not whole]
            raise InvalidRequest(
                f"a row has no value of {', '.join(missing)}",
                "score only bars that have all features",
            )
        for code in np.unique(features[:, -1]):
            place = int(code)
            if place != code or not 0 <= place < len(description.symbols):
                raise InvalidRequest(
                    f"{code:g} is the code of no symbol of the model",
                    f"it has {len(description.symbols)} symbols, from 0 on",
                )
            if description.symbols[place] in description.untrained:
                raise InvalidRequest(
                    f"the model was trained on no bar of {description.symbols[place]}",
                    "train again when its bars are there",
                )


def open_session(
    content: bytes, remedy: str = REMEDY, threads: int = 1, disabled: Sequence[str] = ()
) -> Any:
    """Open an ONNX file; `remedy` is the hint of the error where it is none.

    `disabled` names rewritings of ONNX Runtime's that are left out.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.log_severity_level = 4  # what goes wrong is raised; nothing is to be printed besides
    try:
        return onnxruntime.InferenceSession(
            content,
            options,
            providers=["CPUExecutionProvider"],
            disabled_optimizers=list(disabled),
        )
    # ONNX Runtime raises a dozen classes of its own that share no parent but Exception.
    except Exception as failure:
        raise UnreadableModel(
            f"{len(content)} bytes are no ONNX model: {str(failure)[:200]}",
            remedy,
            f"{len(content)} bytes are no ONNX model",
        ) from failure
