"""Trees of an ONNX file: read them, and write how many training rows reached each of their nodes.

ONNX has a place for these covers (`nodes_hitrates`), which the converters leave at 1 or empty.
Exact SHAP values of a tree need them; a prediction does not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pipelines.core.errors import InvalidRequest
from pipelines.modeling.converters import INPUT

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

OPERATORS = ("TreeEnsembleClassifier", "TreeEnsembleRegressor")
COVERS = "nodes_hitrates"
LEAF = "LEAF"
COVER_TOLERANCE = 0.01  # between the cover of a node and the sum of its children's, as a share


@dataclass(frozen=True, eq=False)
class Trees:
    """The nodes of all trees, in the order of the file."""

    feature: np.ndarray
    threshold: np.ndarray
    true_child: np.ndarray  # the place of a node; -1 of a leaf
    false_child: np.ndarray
    roots: np.ndarray
    cover: np.ndarray  # rows of the training that reached each node; empty where nobody counted
    outputs: np.ndarray  # a row a node, a column an output: what a leaf adds to it
    base: np.ndarray  # of each output, before any tree
    is_below: bool  # a row takes the true child if it is below the threshold; else also if at it
    transform: str  # of the outputs, after all trees

    @property
    def has_covers(self) -> bool:
        """Whether each node's cover is that of its children, and none is without rows."""
        inner = np.flatnonzero(self.true_child >= 0)
        if len(self.cover) != len(self.feature) or not (self.cover > 0).all():
            return False
        below = self.cover[self.true_child[inner]] + self.cover[self.false_child[inner]]
        return bool(np.allclose(below, self.cover[inner], rtol=COVER_TOLERANCE, atol=0))


@dataclass(frozen=True, eq=False)
class LibraryTree:
    """One tree as its library has it: a node's children (-1: a leaf) and cover; the root first."""

    left: np.ndarray
    right: np.ndarray
    cover: np.ndarray


def read_trees(proto: ModelProto) -> Trees | None:
    """The trees of a model that is one ensemble of trees on its features; None of another."""
    node = _find_ensemble(proto)
    return None if node is None else _read_node(node)


def write_covers(proto: ModelProto, model: Any) -> None:
    """Write the covers of a fitted model's trees into its graph; another model is left as it is."""
    from onnx import helper

    node, library_trees = _find_ensemble(proto), _read_library(model)
    if node is None or not library_trees:
        return
    trees = _read_node(node)
    if len(trees.roots) != len(library_trees):
        raise InvalidRequest(f"{len(library_trees)} trees became {len(trees.roots)} in ONNX")
    cover = np.ones(len(trees.feature))
    for root, tree in zip(trees.roots, library_trees, strict=True):
        _copy_covers(trees, int(root), tree, cover)
    attributes = [attribute for attribute in node.attribute if attribute.name != COVERS]
    del node.attribute[:]
    node.attribute.extend([*attributes, helper.make_attribute(COVERS, cover.tolist())])


def _copy_covers(trees: Trees, root: int, tree: LibraryTree, cover: np.ndarray) -> None:
    """Walk down both forms of a tree at once, as their nodes are numbered differently."""
    pairs = [(root, 0)]
    while pairs:
        place, own = pairs.pop()
        cover[place] = tree.cover[own]
        is_leaf = tree.left[own] < 0
        if is_leaf != (trees.true_child[place] < 0):
            raise InvalidRequest("a tree has other nodes in ONNX than in its library")
        if not is_leaf:
            pairs.append((int(trees.true_child[place]), int(tree.left[own])))
            pairs.append((int(trees.false_child[place]), int(tree.right[own])))


def _find_ensemble(proto: ModelProto) -> NodeProto | None:
    ensembles = [node for node in proto.graph.node if node.op_type in OPERATORS]
    is_alone = len(ensembles) == 1 and list(ensembles[0].input) == [INPUT]
    return ensembles[0] if is_alone else None


def _read_node(node: NodeProto) -> Trees:
    from onnx import helper

    values = {a.name: helper.get_attribute_value(a) for a in node.attribute}
    trees, nodes = values["nodes_treeids"], values["nodes_nodeids"]
    places = {key: place for place, key in enumerate(zip(trees, nodes, strict=True))}
    modes = [mode.decode() for mode in values["nodes_modes"]]
    is_leaf = np.array([mode == LEAF for mode in modes])
    children = {
        name: np.where(is_leaf, -1, [places.get(k, -1) for k in zip(trees, ids, strict=True)])
        for name, ids in (
            ("true_child", values["nodes_truenodeids"]),
            ("false_child", values["nodes_falsenodeids"]),
        )
    }
    has_parent = np.zeros(len(modes), bool)
    for child in children.values():
        has_parent[child[child >= 0]] = True
    outputs = _read_outputs(values, places, len(modes))
    base = np.asarray(values.get("base_values", ()), np.float64)
    return Trees(
        feature=np.asarray(values["nodes_featureids"]),
        threshold=np.asarray(values["nodes_values"], np.float32),
        **children,
        roots=np.flatnonzero(~has_parent),
        cover=np.asarray(values.get(COVERS, ()), np.float64),
        outputs=outputs,
        base=base if len(base) else np.zeros(outputs.shape[1]),
        is_below=_is_below({mode for mode in modes if mode != LEAF}),
        transform=values.get("post_transform", b"NONE").decode(),
    )


def _read_outputs(
    values: Mapping[str, Any], places: Mapping[tuple[int, int], int], nodes: int
) -> np.ndarray:
    """What each node adds to each output. Two classes may have one output, of the upper class."""
    kind = "class" if "class_ids" in values else "target"
    ids = np.asarray(values[f"{kind}_ids"])
    columns = np.unique(ids, return_inverse=True)[1]
    keys = zip(values[f"{kind}_treeids"], values[f"{kind}_nodeids"], strict=True)
    outputs = np.zeros((nodes, int(columns.max()) + 1))
    rows = np.array([places[key] for key in keys])
    np.add.at(outputs, (rows, columns), values[f"{kind}_weights"])
    return outputs


def _is_below(modes: set[str]) -> bool:
    if not modes <= {"BRANCH_LEQ"} and not modes <= {"BRANCH_LT"}:
        raise InvalidRequest(f"trees that branch by {', '.join(sorted(modes))}")
    return modes == {"BRANCH_LT"}


def _read_library(model: Any) -> list[LibraryTree]:
    """The trees of a fitted model, in the order of its ONNX form; none of one without trees."""
    library = type(model).__module__.partition(".")[0]
    if library == "xgboost":
        table = model.get_booster().trees_to_dataframe()
        return [_from_table(tree, "ID", "Yes", "No", "Cover") for _, tree in table.groupby("Tree")]
    if library == "lightgbm":
        table = model.booster_.trees_to_dataframe()
        names = ("node_index", "left_child", "right_child", "count")
        return [_from_table(tree, *names) for _, tree in table.groupby("tree_index")]
    if hasattr(model, "_predictors"):  # of HistGradientBoosting
        nodes = [tree.nodes for trees in model._predictors for tree in trees]
        return [
            LibraryTree(
                np.where(tree["is_leaf"], -1, tree["left"].astype(np.int64)),
                np.where(tree["is_leaf"], -1, tree["right"].astype(np.int64)),
                tree["count"].astype(np.float64),
            )
            for tree in nodes
        ]
    estimators = np.ravel(getattr(model, "estimators_", [model]))
    trees = [getattr(estimator, "tree_", None) for estimator in estimators]
    return [
        LibraryTree(tree.children_left, tree.children_right, tree.weighted_n_node_samples)
        for tree in trees
        if tree is not None
    ]


def _from_table(tree: Any, node: str, left: str, right: str, cover: str) -> LibraryTree:
    """A tree from a table of its nodes, which names children by the nodes' names."""
    places: dict[str, int] = {name: place for place, name in enumerate(tree[node])}

    def find(names: Sequence[Any]) -> np.ndarray:
        return np.array([places.get(name, -1) for name in names])

    covers = tree[cover].astype(float).fillna(1.0).to_numpy()  # a tree of one leaf counts none
    return LibraryTree(find(tree[left]), find(tree[right]), covers)
