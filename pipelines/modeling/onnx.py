"""Convert a model to ONNX, and compare the file with the original.

scorer.py reads the file, and says which inputs and outputs it has.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pipelines.core.errors import InvalidRequest
from pipelines.modeling.candidates.base import select_columns
from pipelines.modeling.description import Description
from pipelines.modeling.kinds import Model, kind_named
from pipelines.modeling.scorer import OnnxScorer

BATCH_ROWS = 20_000  # compared at a time


def to_onnx(model: Model, description: Description) -> bytes:
    """Convert a model, with its calibration and its description, to the bytes of an ONNX file.

    The description names the features of all candidates; the file takes those that this one reads.
    """
    from onnx import checker

    predictor, places = model.fitted.predictor, model.fitted.places
    if places is not None:
        features = tuple(description.features[place] for place in places[:-1])
        description = replace(description, features=features)
    if predictor.columns != description.columns:
        raise InvalidRequest(
            f"{len(description.features)} feature names and the symbol's code for a model of"
            f" {predictor.columns} columns"
        )
    proto = predictor.to_onnx()
    kind = kind_named(description.kind)
    description = replace(description, medians=model.fitted.medians, **kind.learned(model))
    kind.finish_graph(proto, model, description)
    for key, value in description.metadata().items():
        entry = proto.metadata_props.add()
        entry.key, entry.value = key, value
    # The converter takes opsets from a set, whose order changes from process to process.
    proto.opset_import.sort(key=lambda opset: opset.domain)
    checker.check_model(proto)
    content: bytes = proto.SerializeToString()
    return content


def parity(scorer: OnnxScorer, model: Model, features: np.ndarray) -> float:
    """The largest difference between the outputs of the original and of its ONNX form."""
    worst = 0.0
    for first in range(0, len(features), BATCH_ROWS):
        batch = features[first : first + BATCH_ROWS]
        inputs = select_columns(batch, model.fitted.places)
        difference = np.abs(scorer.score(inputs)[0] - model.score(batch)[0]).max()
        worst = max(worst, float(difference)) if np.isfinite(difference) else float("inf")
    return worst
