"""Convert a model to ONNX, and compare the file with the original.

scorer.py reads the file, and says which inputs and outputs it has.
"""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from pipelines.core.errors import InvalidRequest
from pipelines.modeling import converters
from pipelines.modeling.description import Description
from pipelines.modeling.kinds import Model, kind_named
from pipelines.modeling.scorer import OnnxScorer

if TYPE_CHECKING:
    from onnx import ModelProto
    from sklearn.pipeline import Pipeline

OPSETS = {"": 18, "ai.onnx.ml": 3}
BATCH_ROWS = 20_000  # compared at a time


def to_onnx(model: Model, description: Description) -> bytes:
    """Convert a model, with its calibration and its description, to the bytes of an ONNX file."""
    from onnx import checker
    from skl2onnx import convert_sklearn
    from skl2onnx.common.data_types import FloatTensorType

    pipeline = model.fitted.pipeline
    if pipeline.n_features_in_ != description.columns:
        raise InvalidRequest(
            f"{len(description.features)} feature names and the symbol's code for a model of"
            f" {pipeline.n_features_in_} columns"
        )
    converters.register_converter(pipeline)
    # The converter reads attributes that scikit-learn is about to drop, and warns each time.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        warnings.simplefilter("ignore", DeprecationWarning)
        proto: ModelProto = convert_sklearn(
            pipeline,
            name="bullion",
            initial_types=[("features", FloatTensorType([None, description.columns]))],
            options=_options(pipeline),
            target_opset=OPSETS,
        )
    kind = kind_named(description.kind)
    description = replace(description, **kind.learned(model))
    kind.finish_graph(proto, model, description)
    for key, value in description.metadata().items():
        entry = proto.metadata_props.add()
        entry.key, entry.value = key, value
    # The converter takes opsets from a set, whose order changes from process to process.
    proto.opset_import.sort(key=lambda opset: opset.domain)
    checker.check_model(proto)
    content: bytes = proto.SerializeToString()
    return content


def _options(pipeline: Pipeline) -> dict[int, dict[str, bool]]:
    """A classifier's probabilities as one array, and not as a list of maps."""
    model = pipeline.named_steps["model"]
    return {id(model): {"zipmap": False}} if hasattr(model, "classes_") else {}


def parity(scorer: OnnxScorer, model: Model, features: np.ndarray) -> float:
    """The largest difference between the outputs of the original and of its ONNX form."""
    worst = 0.0
    for first in range(0, len(features), BATCH_ROWS):
        batch = features[first : first + BATCH_ROWS]
        difference = np.abs(scorer.score(batch)[0] - model.score(batch)[0]).max()
        worst = max(worst, float(difference)) if np.isfinite(difference) else float("inf")
    return worst
