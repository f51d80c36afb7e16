"""Trees are read from ONNX as they are, with the covers that their library counted."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import helper

from pipelines.core.errors import InvalidRequest
from pipelines.modeling.candidates import Logistic, Mean, Training
from pipelines.modeling.converters import convert_pipeline
from pipelines.modeling.tree_ensembles import Trees, read_trees, write_covers
from tests.modeling.fitted_trees import FRESH, OF_CLASSES, OF_VALUES, ROWS, fitted_trees

CASES = [(name, classes) for name in OF_CLASSES for classes in (2, 5)]
CASES += [(name, 0) for name in OF_VALUES]
each_case = pytest.mark.parametrize(("name", "classes"), CASES)


def trees_of(name: str, classes: int) -> Trees:
    proto = fitted_trees(name, classes).to_onnx()
    trees = read_trees(onnx.load_from_string(proto.SerializeToString()))
    assert trees is not None
    return trees


def walk_down(trees: Trees, rows: np.ndarray) -> np.ndarray:
    """The outputs of each row, by walking down every tree."""
    outputs = np.tile(trees.base, (len(rows), 1))
    for row, features in enumerate(rows):
        for root in trees.roots:
            place = root
            while trees.true_child[place] >= 0:
                value, threshold = features[trees.feature[place]], trees.threshold[place]
                is_true = value < threshold if trees.is_below else value <= threshold
                place = (trees.true_child if is_true else trees.false_child)[place]
            outputs[row] += trees.outputs[place]
    return outputs


@each_case
def test_trees_that_were_read_predict_as_their_model(name: str, classes: int) -> None:
    trees, rows = trees_of(name, classes), FRESH[:40]
    outputs, expected = walk_down(trees, rows), fitted_trees(name, classes).predict(rows)
    if trees.transform == "LOGISTIC":
        outputs = 1 / (1 + np.exp(-outputs))
    elif trees.transform == "SOFTMAX":
        outputs = np.exp(outputs) / np.exp(outputs).sum(axis=1, keepdims=True)
    expected = expected.reshape(len(rows), -1)[:, -outputs.shape[1] :]
    np.testing.assert_allclose(outputs, expected, atol=1e-5)


@each_case
def test_covers_are_those_of_the_library(name: str, classes: int) -> None:
    trees = trees_of(name, classes)
    assert trees.has_covers
    if name == "histogram_gradient_boosting" or (name == "lightgbm"):
        # Plain counts, of which LightGBM's trees draw seven of ten rows.
        share_of_rows = 1.0 if name.startswith("histogram") else 0.7
        np.testing.assert_allclose(trees.cover[trees.roots], share_of_rows * len(ROWS), rtol=0.05)
    leaves = trees.true_child < 0
    assert trees.cover[leaves].sum() == pytest.approx(trees.cover[trees.roots].sum(), rel=1e-3)


def test_covers_that_nobody_counted_are_no_covers() -> None:
    fitted = fitted_trees("random_forest", 5)
    bare = convert_pipeline(fitted.pipeline, fitted.columns)
    trees = read_trees(bare)
    assert trees is not None
    assert not trees.has_covers
    write_covers(bare, fitted.pipeline.named_steps["model"])
    counted = read_trees(bare)
    assert counted is not None
    assert counted.has_covers


def test_a_tree_that_never_cuts_has_the_rows_of_its_root() -> None:
    proto = Mean().fit(Training(ROWS.features, ROWS.outcome, 0, 0)).to_onnx()
    trees = read_trees(proto)
    assert trees is not None
    assert trees.has_covers
    assert trees.cover.tolist() == [len(ROWS)]


def test_covers_of_another_model_are_refused() -> None:
    proto = fitted_trees("random_forest", 5).to_onnx()
    for name, message in (("gradient_boosting", "became"), ("extra_trees", "other nodes")):
        other = fitted_trees(name, 5).pipeline.named_steps["model"]
        with pytest.raises(InvalidRequest, match=message):
            write_covers(proto, other)


def test_a_model_without_trees_has_none_and_is_left_as_it_is() -> None:
    training = Training(ROWS.features, np.digitize(ROWS.outcome, [0.0]), 2, 0)
    fitted = Logistic().fit(training)
    proto = fitted.to_onnx()
    before = proto.SerializeToString()
    write_covers(proto, fitted.pipeline.named_steps["model"])
    assert proto.SerializeToString() == before
    assert read_trees(proto) is None


def test_trees_that_branch_otherwise_are_refused() -> None:
    proto = fitted_trees("xgboost", 2).to_onnx()
    [node] = [node for node in proto.graph.node if node.op_type == "TreeEnsembleClassifier"]
    [modes] = [a for a in node.attribute if a.name == "nodes_modes"]
    others = [mode.replace(b"BRANCH_LT", b"BRANCH_GT") for mode in modes.strings]
    modes.CopyFrom(helper.make_attribute("nodes_modes", others))
    with pytest.raises(InvalidRequest, match="trees that branch by BRANCH_GT"):
        read_trees(proto)
