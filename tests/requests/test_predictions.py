"""Rows of features become predictions by target; a row that lacks a feature has none."""

from __future__ import annotations

import numpy as np

from pipelines.core.calendar import utc
from pipelines.forecasts import NVDA_5M
from pipelines.requests.predictions import (
    NEVER,
    missing_features_error,
    next_bars,
    predict_rows,
)
from tests.requests.five_minutes import SYMBOL, served_models


def test_a_row_that_lacks_a_feature_has_no_prediction_and_says_which() -> None:
    features = np.full((2, len(NVDA_5M.features)), 0.1)
    features[1, 3] = np.nan
    first, second = predict_rows(served_models(), [SYMBOL, SYMBOL], features)
    assert first is not None
    assert set(first) == {"action"}
    assert first["action"]["action"] in NVDA_5M.targets[0].label.classes
    assert second is None
    error = missing_features_error(served_models(), features[1])
    assert error.message == f"the bars give no value of {NVDA_5M.feature_names[3]}"


def test_a_prediction_is_about_the_next_bar_also_over_the_night() -> None:
    opens = ["2026-09-01T14:30", "2026-09-01T19:55", "NaT"]
    closes = ["2026-09-01T14:35", "2026-09-01T20:00", "NaT"]
    ts, closes_at = (np.array(times, "datetime64[us]") for times in (opens, closes))
    inside, over_night, unknown = next_bars(served_models(), ts, closes_at)["action"]
    assert (inside.closes_at, inside.spans_night) == (utc("2026-09-01T14:40+00:00"), False)
    assert (over_night.closes_at, over_night.spans_night) == (
        utc("2026-09-02T13:35+00:00"),
        True,
    )
    assert (unknown.closes_at, unknown.spans_night) == (None, None)
    assert np.isnat(NEVER)
