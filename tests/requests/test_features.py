"""Features that a caller sends are possible, and those of bars are as a training computes them."""

from __future__ import annotations

from pipelines.requests.features import find_impossible, hint_nearest
from tests.serving.daily import DAILY


def test_a_value_beyond_a_bound_is_impossible_and_one_at_the_bound_is_not() -> None:
    features = [f for f in DAILY.features if f.low is not None and f.high is not None]
    assert features
    for feature in features:
        assert feature.low is not None
        assert feature.high is not None
        assert find_impossible(feature, feature.low) == find_impossible(feature, feature.high) == ""
        assert "at least" in find_impossible(feature, feature.low - 1)
        assert "at most" in find_impossible(feature, feature.high + 1)
    assert "not a number" in find_impossible(features[0], float("nan"))
    assert "not a number" in find_impossible(features[0], 1e300)


def test_a_hint_names_a_similar_name_and_no_other() -> None:
    assert "'close'" in hint_nearest("clos", ["open", "close"])
    assert hint_nearest("volume", ["open", "close"]) == ""
