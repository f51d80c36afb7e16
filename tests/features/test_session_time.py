"""The time in the session and in the week, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from pipelines.features import feature_matrix
from pipelines.features.session_time import (
    bars_to_close,
    place_in_session,
    time_of_day,
    time_of_week,
)
from tests.features.bars import assert_values, panel_of, walk

PLACE, SESSION_BARS = [0.0, 1.0, 2.0, 3.0, 0.0, 1.0], [4.0, 4.0, 4.0, 4.0, 2.0, 2.0]


def test_the_last_bar_of_a_session_closes_at_one_whatever_its_length() -> None:
    bars = walk(1, 6) | {"place": np.array(PLACE), "session_bars": np.array(SESSION_BARS)}
    assert_values(bars, {place_in_session().name: np.array([0.25, 0.5, 0.75, 1.0, 0.5, 1.0])})
    assert_values(bars, {bars_to_close().name: np.array([3.0, 2, 1, 0, 1, 0])})


def test_a_day_is_one_turn() -> None:
    arrays = {"place": np.array(PLACE), "session_bars": np.array(SESSION_BARS), "close": np.ones(6)}
    sine, cosine = feature_matrix(time_of_day(), panel_of(arrays)).T
    assert sine == pytest.approx([1, 0, -1, 0, 0, 0], abs=1e-6)
    assert cosine == pytest.approx([0, -1, 0, 1, -1, 1], abs=1e-6)


def test_a_week_of_five_sessions_is_one_turn() -> None:
    arrays = {
        "weekday": np.array([0.0, 0.0, 4.0]),
        "place": np.array([0.0, 3.0, 3.0]),
        "session_bars": np.full(3, 4.0),
        "close": np.ones(3),
    }
    sine, cosine = feature_matrix(time_of_week(), panel_of(arrays)).T
    turns = 2 * np.pi * np.array([0.05, 0.2, 1.0])  # a quarter of Monday, all of it, all of Friday
    assert sine == pytest.approx(np.sin(turns), abs=1e-6)
    assert cosine == pytest.approx(np.cos(turns), abs=1e-6)
