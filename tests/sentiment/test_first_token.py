"""The last layer for the first token alone: the same outputs for less work."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import load, numpy_helper, shape_inference

from pipelines.modeling.scorer import open_session
from pipelines.sentiment.finbert import MODEL
from pipelines.sentiment.finbert_export import Checkpoint
from pipelines.sentiment.first_token import FIRST, keep_first_token
from tests.sentiment.checkpoints import needs_transformers, write_checkpoint
from tests.sentiment.tiny_bert import bert_graph

IDS = np.array([[2, 5, 7, 3, 3, 4], [2, 9, 12, 14, 6, 3]])


def outputs(model: Any, ids: np.ndarray = IDS) -> np.ndarray:
    session = open_session(model.SerializeToString())
    feed = {"input_ids": ids, "attention_mask": ids * 0 + 1, "token_type_ids": ids * 0}
    return np.asarray(session.run(["logits"], feed)[0])


def shapes(model: Any) -> dict[str, list[int]]:
    """Return the shape of each value for titles of six tokens."""
    fixed = type(model)()
    fixed.CopyFrom(model)
    for each in fixed.graph.input:
        for axis, size in zip(each.type.tensor_type.shape.dim, IDS.shape, strict=True):
            axis.dim_value = size
    inferred = shape_inference.infer_shapes(fixed, data_prop=True)
    return {
        each.name: [axis.dim_value for axis in each.type.tensor_type.shape.dim]
        for each in (*inferred.graph.value_info, *inferred.graph.output)
    }


def products(model: Any) -> list[list[int]]:
    """Return the shape of each product with a weight of the graph."""
    weights = {each.name for each in model.graph.initializer}
    found = shapes(model)
    return [
        found[node.output[0]]
        for node in model.graph.node
        if node.op_type == "MatMul" and node.input[1] in weights
    ]


def test_the_outputs_stay() -> None:
    model = bert_graph(width=32, heads=4)
    np.testing.assert_allclose(outputs(keep_first_token(model)), outputs(model), atol=1e-5)
    assert np.ptp(outputs(model), axis=0).min() > 0.01


def test_the_last_layer_has_one_token_but_for_its_attention() -> None:
    model = bert_graph()
    whole, first = products(model), products(keep_first_token(model))
    # Six products a layer, and two of the classifier, which has no axis of tokens.
    assert whole[6:12] == [[2, 6, 16]] * 4 + [[2, 6, 64], [2, 6, 16]]
    assert first[:9] == whole[:9]
    assert first[9:12] == [[2, 1, 16], [2, 1, 64], [2, 1, 16]]
    assert first[12:] == whole[12:]


def test_the_given_graph_stays_as_it_is() -> None:
    model = bert_graph()
    before = model.SerializeToString()
    keep_first_token(model)
    assert model.SerializeToString() == before


def without_choice(model: Any) -> None:
    """Choose the last token instead of the first."""
    index = next(node for node in model.graph.node if node.op_type == "Tanh")
    gather = [node for node in model.graph.node if node.op_type == "Gather"][-1]
    assert index.input
    for each in model.graph.initializer:
        if each.name == gather.input[1]:
            each.CopyFrom(numpy_helper.from_array(np.int64(-1), each.name))


def with_another_reader(model: Any) -> None:
    """Let an output show all tokens of the last layer."""
    gather = [node for node in model.graph.node if node.op_type == "Gather"][-1]
    model.graph.output.add().CopyFrom(model.graph.output[0])
    model.graph.output[1].name = gather.input[0]
    del model.graph.output[1].type.tensor_type.shape.dim[:]
    for size in ("titles", "tokens", "width"):
        model.graph.output[1].type.tensor_type.shape.dim.add().dim_param = size


@pytest.mark.parametrize("change", [without_choice, with_another_reader])
def test_a_graph_that_needs_the_other_tokens_stays(change: Any) -> None:
    model = bert_graph()
    change(model)
    changed = keep_first_token(model)
    assert changed.SerializeToString() == model.SerializeToString()
    assert not any(FIRST in name for node in changed.graph.node for name in node.output)


def test_a_norm_over_the_tokens_stays_whole() -> None:
    model = bert_graph()
    last = [node for node in model.graph.node if node.op_type == "LayerNormalization"][-1]
    next(each for each in last.attribute if each.name == "axis").i = 1
    assert keep_first_token(model).SerializeToString() == model.SerializeToString()


@needs_transformers
def test_the_graph_that_pytorch_writes_is_rewritten(tmp_path: Path) -> None:
    Checkpoint(write_checkpoint(tmp_path / "checkpoint")).write_onnx(tmp_path / MODEL)
    model = load(tmp_path / MODEL)
    first = keep_first_token(model)
    assert sum(FIRST in name for node in first.graph.node for name in node.output) == 2
    np.testing.assert_allclose(outputs(first), outputs(model), atol=1e-5)
