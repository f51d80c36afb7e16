"""The graph computes what the linear model says, whatever stands beside a title."""

from __future__ import annotations

import numpy as np
import pytest

from pipelines.modeling.scorer import open_session
from pipelines.sentiment.linear_graph import LinearModel
from pipelines.sentiment.ngrams import BUCKETS, bucket_rows


@pytest.fixture(scope="module")
def model() -> LinearModel:
    rng = np.random.default_rng(3)
    return LinearModel(
        rng.uniform(0.1, 3, BUCKETS), rng.normal(size=(BUCKETS, 3)), np.array([0.1, -0.2, 0.3]), 0.7
    )


def expected(model: LinearModel, buckets: list[int]) -> np.ndarray:
    scales = model.scales[buckets]
    length = np.sqrt((scales**2).sum()) or 1.0
    logits = (scales @ model.weights[buckets]) / length + model.biases
    powers = np.exp(logits / model.temperature)
    return np.asarray(powers / powers.sum())


def test_the_graph_is_the_model_but_for_its_eight_bits(model: LinearModel) -> None:
    session = open_session(model.to_onnx({"name": "test"}))
    titles = [list(range(place, place + 40)) for place in range(0, 4_000, 40)] + [[BUCKETS - 1]]
    [probabilities] = session.run(None, {"buckets": bucket_rows(titles)})
    difference = np.abs(probabilities - [expected(model, buckets) for buckets in titles])
    assert difference.max() < 0.03
    assert difference.mean() < 0.01


def test_a_title_is_the_same_to_the_bit_in_any_batch(model: LinearModel) -> None:
    session = open_session(model.to_onnx({}))
    titles = [list(range(place, place + place % 61)) for place in range(300)]
    [together] = session.run(None, {"buckets": bucket_rows(titles)})
    for row, buckets in enumerate(titles):
        if buckets:
            [alone] = session.run(None, {"buckets": bucket_rows([buckets])})
            np.testing.assert_array_equal(alone[0], together[row])


def test_the_file_is_the_same_each_time(model: LinearModel) -> None:
    assert model.to_onnx({"a": "1", "b": "2"}) == model.to_onnx({"a": "1", "b": "2"})
