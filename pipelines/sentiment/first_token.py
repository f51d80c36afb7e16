"""Rewrite a BERT's graph so that its last layer is computed for the first token alone.

The classifier reads the first token of the last layer and nothing else of it. What is computed of
each token by itself (products with weights, norms, GELU) is therefore not needed of the others; a
twelfth of the work is saved, and the outputs stay the same.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
from onnx import ModelProto, helper, numpy_helper

FIRST = "first_token"  # the name of the index of the first token, and the suffix of what has it
OF_ONE_VALUE = {"Erf", "Gelu", "LayerNormalization", "Tanh"}  # their first input is the value
OF_TWO_VALUES = {"Add", "Div", "Mul", "Sub"}
MATRIX = 2  # axes of weights; what has fewer is the same for each token


def keep_first_token(model: ModelProto) -> ModelProto:
    """Return the graph whose nodes before the choice of the first token get that token alone.

    A graph that chooses no first token, or in another way, stays as it is.
    """
    model = _copy(model)
    nodes = list(model.graph.node)
    graph = _GraphView(model)
    choices = [node for node in nodes if graph.chooses_first_token(node)]
    if len(choices) != 1:
        return model
    inner, border = graph.walk_up(choices[0])
    if not inner:
        return model
    for node in (*inner, choices[0]):
        for place, name in enumerate(node.input):
            if name in border:
                node.input[place] = f"{name}_{FIRST}"
    model.graph.initializer.append(numpy_helper.from_array(np.array([0]), FIRST))
    for name in border:
        # The axis of tokens stays, of length one: so every node goes on as before.
        gather = helper.make_node("Gather", [name, FIRST], [f"{name}_{FIRST}"], axis=1)
        place = next(place for place, node in enumerate(nodes) if name in node.output)
        nodes.insert(place + 1, gather)
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    return model


class _GraphView:
    """A graph's constants, and which node makes a value and which ones read it."""

    def __init__(self, model: ModelProto) -> None:
        self._makers = {name: node for node in model.graph.node for name in node.output}
        self._weights = {each.name: each for each in model.graph.initializer}
        self._reads = Counter(name for node in model.graph.node for name in node.input)
        self._reads.update(each.name for each in model.graph.output)

    def chooses_first_token(self, node: Any) -> bool:
        if node.op_type != "Gather" or _axis(node, 0) != 1:
            return False
        index = self.constant(node.input[1])
        return index is not None and index.shape == () and int(index) == 0

    def walk_up(self, choice: Any) -> tuple[list[Any], list[str]]:
        """Return the nodes that need the first token alone, and the values they begin with."""
        inner: list[Any] = []
        reads = Counter([choice.input[0]])  # by the nodes that need the first token alone
        waiting, border = [choice.input[0]], []
        while waiting:
            # A value that others read too is passed when all of its readers were.
            name = next((n for n in waiting if reads[n] == self._reads[n]), waiting[0])
            waiting.remove(name)
            inputs = self._token_values(name) if reads[name] == self._reads[name] else []
            if not inputs:
                border.append(name)
                continue
            inner.append(self._makers[name])
            reads.update(inputs)
            waiting += [each for each in inputs if each not in waiting and each not in border]
        return inner, border

    def _token_values(self, name: str) -> list[str]:
        """Return the values of which this one is computed token by token; none: it is not so."""
        node = self._makers.get(name)
        if node is None or len(node.output) != 1:
            return []
        if node.op_type in OF_ONE_VALUE:
            return [node.input[0]] if _axis(node, -1) == -1 else []
        constants = [self.constant(each) for each in node.input]
        if node.op_type == "MatMul":
            is_product = constants[1] is not None and constants[1].ndim == MATRIX
            return [node.input[0]] if is_product else []
        if node.op_type in OF_TWO_VALUES and all(c is None or c.ndim < MATRIX for c in constants):
            return [n for n, c in zip(node.input, constants, strict=True) if c is None]
        return []

    def constant(self, name: str) -> np.ndarray | None:
        """Return the value that stands in the file; None: it is computed."""
        if name in self._weights:
            return np.asarray(numpy_helper.to_array(self._weights[name]))
        node = self._makers.get(name)
        if node is not None and node.op_type == "Identity":
            return self.constant(node.input[0])
        if node is not None and node.op_type == "Constant" and node.attribute[0].name == "value":
            return np.asarray(numpy_helper.to_array(node.attribute[0].t))
        return None


def _axis(node: Any, default: int) -> int:
    return next((each.i for each in node.attribute if each.name == "axis"), default)


def _copy(model: ModelProto) -> ModelProto:
    copy = ModelProto()
    copy.CopyFrom(model)
    return copy
