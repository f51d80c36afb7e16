"""Features that a request sends as indicators: each is there, known and possible."""

from __future__ import annotations

import numpy as np
import pytest

from serving.predict.request_features import find_impossible, hint_nearest, read_indicators
from serving.schemas.errors import Refused
from tests.serving.daily import DAILY


def possible() -> dict[str, float]:
    """A possible value of each feature, all of them different."""
    return {
        feature.name: (feature.low or 0.0) + n / 1000 for n, feature in enumerate(DAILY.features)
    }


def test_indicators_come_in_the_order_of_the_model_whatever_order_they_are_sent_in() -> None:
    values = possible()
    backwards = dict(reversed(values.items()))
    assert np.array_equal(read_indicators(DAILY, backwards), list(values.values()))


def test_an_indicator_that_lacks_or_that_nobody_knows_is_named() -> None:
    values = possible()
    name = DAILY.feature_names[0]
    with pytest.raises(Refused, match="missing") as missing:
        read_indicators(DAILY, {key: value for key, value in values.items() if key != name})
    assert missing.value.field == f"indicators.{name}"
    with pytest.raises(Refused) as unknown:
        read_indicators(DAILY, values | {f"{name}x": 0.0})
    assert name in unknown.value.hint


def test_a_value_beyond_a_bound_is_impossible_and_one_at_the_bound_is_not() -> None:
    bounded = [f for f in DAILY.features if f.low is not None and f.high is not None]
    assert bounded
    for feature in bounded:
        assert feature.low is not None
        assert feature.high is not None
        assert find_impossible(feature, feature.low) == find_impossible(feature, feature.high) == ""
        assert "at least" in find_impossible(feature, feature.low - 1)
        assert "at most" in find_impossible(feature, feature.high + 1)
    assert "not a number" in find_impossible(bounded[0], float("nan"))
    assert "not a number" in find_impossible(bounded[0], 1e300)


def test_a_hint_names_a_similar_name_and_no_other() -> None:
    assert "'close'" in hint_nearest("clos", ["open", "close"])
    assert hint_nearest("volume", ["open", "close"]) == ""
