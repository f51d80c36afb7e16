"""A fitted network: NumPy and its ONNX graph give the same, whatever the layers and the rows."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.modeling.candidates.network_layers import FARTHEST, FittedNetwork, Inputs
from tests.laws import law


def build_network(
    classes: int, layers: tuple[int, ...], symbols: int = 3, seed: int = 0
) -> FittedNetwork:
    random = np.random.default_rng(seed)
    features = random.normal(1, 2, (50, 4)).astype(np.float32)
    features[:, -1] = np.arange(50) % symbols
    inputs = Inputs.learn(features)
    sizes = [inputs.count, *layers, classes or 1]
    weights = [
        (random.normal(0, 0.7, (before, after)), random.normal(0, 0.7, after))
        for before, after in pairwise(sizes)
    ]
    return FittedNetwork(inputs, weights, classes)


def run(network: FittedNetwork, features: np.ndarray) -> np.ndarray:
    from onnxruntime import InferenceSession

    proto = network.to_onnx()
    onnx.checker.check_model(proto, full_check=True)
    session = InferenceSession(proto.SerializeToString())
    prediction: np.ndarray = session.run(None, {"features": features})[0]
    return prediction


def some_rows(count: int = 20, seed: int = 1) -> np.ndarray:
    random = np.random.default_rng(seed)
    features = random.normal(1, 2, (count, 4)).astype(np.float32)
    features[:, -1] = np.arange(count) % 5  # of which three are known
    return features


@law(40)
@given(
    st.sampled_from([0, 2, 3, 5]),
    st.lists(st.integers(1, 12), max_size=3),
    st.integers(1, 4),
    st.integers(0, 100),
)
def test_its_graph_gives_what_it_predicts(
    classes: int, layers: list[int], symbols: int, seed: int
) -> None:
    network, rows = build_network(classes, tuple(layers), symbols, seed), some_rows(seed=seed)
    predicted = network.predict(rows)
    assert predicted.shape == ((len(rows), classes) if classes else (len(rows),))
    tolerance = 1e-5 * max(1.0, float(np.abs(predicted).max()))
    np.testing.assert_allclose(
        run(network, rows).reshape(predicted.shape), predicted, atol=tolerance
    )


def test_inputs_are_standardized_and_codes_are_columns() -> None:
    features = some_rows(200)
    inputs = Inputs.learn(features)
    prepared = inputs.prepare(features)
    np.testing.assert_allclose(prepared[:, :3].mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(prepared[:, :3].std(axis=0), 1, atol=1e-5)
    np.testing.assert_array_equal(prepared[:, 3:], np.eye(5)[features[:, -1].astype(int)])


def test_a_constant_feature_is_no_division_by_zero() -> None:
    features = some_rows()
    features[:, 1] = 7.0
    assert np.isfinite(Inputs.learn(features).prepare(features)).all()


def test_a_symbol_that_it_does_not_know_has_no_column() -> None:
    unknown = some_rows(5)
    unknown[:, -1] = 9
    assert not build_network(2, ()).inputs.prepare(unknown)[:, 3:].any()


def test_a_feature_far_away_counts_as_the_farthest() -> None:
    network, far, farther = build_network(2, (4,)), some_rows(1), some_rows(1)
    far[0, 0] = network.inputs.mean[0] + 2 * FARTHEST * network.inputs.scale[0]
    farther[0, 0] = 1e9
    np.testing.assert_array_equal(network.predict(far), network.predict(farther))
    np.testing.assert_allclose(run(network, farther), network.predict(farther), atol=1e-6)


@pytest.mark.parametrize("classes", [0, 2])
def test_the_same_network_is_the_same_file(classes: int) -> None:
    first, second = (build_network(classes, (3,)).to_onnx() for _ in range(2))
    assert first.SerializeToString() == second.SerializeToString()
    assert build_network(classes, (3,)).columns == 4
