"""A model as it is served: an ONNX file and what it says about itself.

It takes `features` (float32, a column a feature, the symbol's code last). Of classes it gives
`probabilities` (a column a class, in the label's order) and `action` (the class that is
published); of a value `interval` (the value, the lower and the upper end) and `value`. What
these columns, classes and codes are called stands in its metadata.

This module needs ONNX Runtime alone, so that whatever serves carries no training library.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from hashlib import sha256
from typing import Any

import numpy as np

from pipelines.core.errors import BullionError, InvalidRequest
from pipelines.modeling.answers import answer_of

PREFIX = "bullion."  # of our keys in the metadata


class UnreadableModel(BullionError):
    """The bytes are no model of ours, or not the one that was asked for."""


@dataclass(frozen=True)
class Description:
    """What a model's numbers mean; it travels in the file."""

    classes: tuple[str, ...]
    features: tuple[str, ...]  # a column each; the symbol's code comes after them
    symbols: tuple[str, ...]  # by code
    thresholds: tuple[float, ...]
    shares: tuple[float, ...]  # of the classes among training rows
    untrained: tuple[str, ...] = ()  # symbols that no training row was of: not to be scored
    kind: str = "classes"  # of answers.py
    more: Mapping[str, str] = field(default_factory=dict)  # such as the forecast's name

    @property
    def columns(self) -> int:
        return len(self.features) + 1


def checksum(content: bytes) -> str:
    return sha256(content).hexdigest()


class OnnxScorer:
    """A model as it is served: ONNX Runtime on one thread, nothing of scikit-learn.

    With `expected`, the SHA-256 that the bytes must have.
    """

    def __init__(self, content: bytes, expected: str | None = None) -> None:
        self.checksum = checksum(content)
        if expected is not None and self.checksum != expected:
            raise UnreadableModel(
                f"the model's bytes have the SHA-256 {self.checksum[:12]}..., not"
                f" {expected[:12]}...",
                "the file was changed or damaged: register the model again, or roll back",
            )
        self._session = _session(content)
        found = self._session.get_modelmeta().custom_metadata_map
        self.description = _description(found)
        self._answer = answer_of(self.description.kind)
        self._check()

    def _check(self) -> None:
        inputs = {i.name: (i.type, i.shape[1:]) for i in self._session.get_inputs()}
        outputs = {o.name: (o.type, o.shape[1:]) for o in self._session.get_outputs()}
        told = self.description
        wanted_in = {"features": ("tensor(float)", [told.columns])}
        wanted_out = self._answer.outputs(told)
        for what, is_, wanted in (("takes", inputs, wanted_in), ("gives", outputs, wanted_out)):
            if is_ != wanted:
                raise UnreadableModel(f"the model {what} {is_}, not {wanted}", "train it again")
        unsound = self._answer.unsound(told)
        if unsound:
            raise UnreadableModel(f"the model has {unsound}", "train it again")

    def score(self, features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """What it gives each row (the probabilities of its classes, or a value and its interval),
        and what it says of it (the class that is published, or the value)."""
        self._refuse(features)
        if not len(features):  # which some operators of ONNX Runtime refuse
            return self._answer.nothing(0, self.description)
        rows = np.ascontiguousarray(features, dtype=np.float32)
        given, said = self._session.run(list(self._answer.names), {"features": rows})
        return given, said

    def _refuse(self, features: np.ndarray) -> None:
        told = self.description
        if features.ndim != 2 or features.shape[1] != told.columns:
            raise InvalidRequest(
                f"features of shape {features.shape}, where the model has {told.columns} columns",
                f"give {', '.join(told.features)} and the symbol's code",
            )
        known = np.isfinite(features).all(axis=0)
        if not known.all():
            names = [*told.features, "symbol"]
            missing = [name for name, is_known in zip(names, known, strict=True) if not is_known]
            raise InvalidRequest(
                f"a row has no value of {', '.join(missing)}",
                "score only bars that have all features",
            )
        codes = np.unique(features[:, -1])
        for code in codes:
            place = int(code)
            if place != code or not 0 <= place < len(told.symbols):
                raise InvalidRequest(
                    f"{code:g} is the code of no symbol of the model",
                    f"it has {len(told.symbols)} symbols, from 0 on",
                )
            if told.symbols[place] in told.untrained:
                raise InvalidRequest(
                    f"the model was trained on no bar of {told.symbols[place]}",
                    "train again when its bars are there",
                )


def _session(content: bytes) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4  # what goes wrong is raised; nothing is to be printed besides
    try:
        return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    # ONNX Runtime raises a dozen classes of its own that share no parent but Exception.
    except Exception as failure:
        raise UnreadableModel(
            f"{len(content)} bytes are no ONNX model: {str(failure)[:200]}",
            "the file was changed or damaged: register the model again, or roll back",
            f"{len(content)} bytes are no ONNX model",
        ) from failure


def _description(found: Mapping[str, str]) -> Description:
    names = [one.name for one in fields(Description)]
    missing = [n for n in names if PREFIX + n not in found and n != "kind"]  # older files have none
    if missing:
        raise UnreadableModel(
            f"the model does not say its {', '.join(missing)}",
            "it was not made by bullion train: train it again",
        )
    try:
        told = {n: json.loads(found[PREFIX + n]) for n in names if PREFIX + n in found}
        more, kind = dict(told.pop("more")), str(told.pop("kind", "classes"))
        lists = {name: tuple(value) for name, value in told.items()}
        return Description(**lists, kind=kind, more=more)
    except (TypeError, ValueError) as failure:
        raise UnreadableModel(f"the model's description cannot be read: {failure}") from failure
