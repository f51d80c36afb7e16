"""Features that a request sends as indicators: all are present, known and possible."""

from __future__ import annotations

import numpy as np
import pytest

from pipelines.core.errors import InvalidField
from serving.predict.request_features import read_indicators
from tests.serving.daily import DAILY


def possible_values() -> dict[str, float]:
    """Return a different possible value for each feature."""
    return {
        feature.name: (feature.low or 0.0) + n / 1000 for n, feature in enumerate(DAILY.features)
    }


def test_indicators_are_put_in_the_order_of_the_model() -> None:
    values = possible_values()
    backwards = dict(reversed(values.items()))
    assert np.array_equal(
        read_indicators(DAILY, DAILY.feature_names, backwards), list(values.values())
    )


def test_the_error_names_a_missing_or_unknown_indicator() -> None:
    values = possible_values()
    name = DAILY.feature_names[0]
    with pytest.raises(InvalidField, match="missing") as missing_error:
        read_indicators(
            DAILY, DAILY.feature_names, {key: value for key, value in values.items() if key != name}
        )
    assert missing_error.value.field == f"indicators.{name}"
    with pytest.raises(InvalidField) as unknown_error:
        read_indicators(DAILY, DAILY.feature_names, values | {f"{name}x": 0.0})
    assert name in unknown_error.value.hint


def test_an_indicator_that_no_model_reads_may_be_left_out_but_not_be_impossible() -> None:
    values = possible_values()
    unread, *read_names = DAILY.feature_names
    rest = {name: value for name, value in values.items() if name != unread}
    row = read_indicators(DAILY, read_names, rest)
    assert np.isnan(row[0])
    assert np.array_equal(row[1:], list(rest.values()))
    with pytest.raises(InvalidField, match=unread):
        read_indicators(DAILY, read_names, values | {unread: float("inf")})
