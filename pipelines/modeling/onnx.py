"""The way of a model to ONNX, and how far it comes out from the original.

What the file takes and gives is said in scorer.py, which reads it.
"""

from __future__ import annotations

import json
import warnings
from dataclasses import asdict
from typing import TYPE_CHECKING

import numpy as np

from pipelines.core.errors import InvalidRequest
from pipelines.modeling import converters
from pipelines.modeling.kinds import Model, named
from pipelines.modeling.scorer import PREFIX, Description, OnnxScorer, UnreadableModel, checksum

if TYPE_CHECKING:
    from onnx import ModelProto
    from sklearn.pipeline import Pipeline

OPSETS = {"": 18, "ai.onnx.ml": 3}
AT_ONCE = 20_000  # rows compared at a time

__all__ = ["Description", "OnnxScorer", "UnreadableModel", "checksum", "parity", "to_onnx"]


def to_onnx(model: Model, description: Description) -> bytes:
    """The model with what settling taught, as the bytes of an ONNX file."""
    from onnx import checker
    from skl2onnx import convert_sklearn
    from skl2onnx.common.data_types import FloatTensorType

    pipeline = model.fitted.pipeline
    if pipeline.n_features_in_ != description.columns:
        raise InvalidRequest(
            f"{len(description.features)} feature names and the symbol's code for a model of"
            f" {pipeline.n_features_in_} columns"
        )
    converters.register(pipeline)
    # The converter reads attributes that scikit-learn is about to drop, and tells everyone.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        warnings.simplefilter("ignore", DeprecationWarning)
        made: ModelProto = convert_sklearn(
            pipeline,
            name="bullion",
            initial_types=[("features", FloatTensorType([None, description.columns]))],
            options=_options(pipeline),
            target_opset=OPSETS,
        )
    named(description.kind).finish(made, model, description)
    for key, value in asdict(description).items():
        entry = made.metadata_props.add()
        entry.key, entry.value = PREFIX + key, json.dumps(value)
    # The converter takes them from a set, whose order changes from process to process.
    made.opset_import.sort(key=lambda one: one.domain)
    checker.check_model(made)
    content: bytes = made.SerializeToString()
    return content


def _options(pipeline: Pipeline) -> dict[int, dict[str, bool]]:
    """A classifier's probabilities as one array, and not as a list of maps."""
    model = pipeline.named_steps["model"]
    return {id(model): {"zipmap": False}} if hasattr(model, "classes_") else {}


def parity(scorer: OnnxScorer, model: Model, features: np.ndarray) -> float:
    """The largest difference between what the original gives and what the ONNX form does."""
    worst = 0.0
    for first in range(0, len(features), AT_ONCE):
        some = features[first : first + AT_ONCE]
        apart = np.abs(scorer.score(some)[0] - model.score(some)[0]).max()
        worst = max(worst, float(apart)) if np.isfinite(apart) else float("inf")
    return worst
