"""Features between markets have the values worked by hand."""

from __future__ import annotations

import numpy as np

from pipelines.features import Panel, feature_matrix
from pipelines.features.base import Feature
from pipelines.features.inputs import bars
from pipelines.features.intermarket import (
    column_prefix,
    correlation,
    is_there,
    level,
    level_gap,
    ratio_gap,
    relative_return,
    return_of,
)

QQQ = bars("QQQ")
CLOSE = np.array([100.0, 102.0, 101.0, 105.0, 104.0])
OTHER = np.array([50.0, 51.0, 52.0, 51.0, 53.0])


def values_of(feature: Feature, other: np.ndarray = OTHER) -> np.ndarray:
    arrays = {"close": CLOSE, "QQQ.close": other, "QQQ.log_close": np.log(other)}
    return feature_matrix([feature], Panel(arrays, np.array([0])))[:, 0]


def test_the_values_worked_by_hand() -> None:
    ratio = np.log(CLOSE / OTHER)
    expected = {
        return_of(QQQ, 2): np.log(OTHER[2:] / OTHER[:-2]),
        relative_return(QQQ, 2): np.log(CLOSE[2:] / CLOSE[:-2]) - np.log(OTHER[2:] / OTHER[:-2]),
        ratio_gap(QQQ, 3): [ratio[n] - ratio[n - 2 : n + 1].mean() for n in range(2, 5)],
        level(QQQ.close, "qqq_level"): OTHER,
        level_gap(QQQ, 2): np.log(OTHER[1:] / np.sqrt(OTHER[1:] * OTHER[:-1])),
        is_there(QQQ.close): np.ones(5),
    }  # fmt: skip
    for feature, values in expected.items():
        np.testing.assert_allclose(
            values_of(feature)[feature.look_back :], values, rtol=1e-5, atol=1e-7
        )


def test_a_correlation_is_that_of_numpy() -> None:
    random = np.random.default_rng(1)
    steps = random.normal(0, 0.01, (2, 300))
    own, others = 100 * np.exp(steps.cumsum(axis=1))
    arrays = {"close": own, "QQQ.log_close": np.log(others)}
    feature = correlation(QQQ, 21)
    values = feature_matrix([feature], Panel(arrays, np.array([0])))[:, 0]
    returns = np.diff(np.log([own, others]), axis=1)
    for last in (21, 100, 299):
        window = returns[:, last - 21 : last]
        assert np.isclose(values[last], np.corrcoef(window)[0, 1], atol=1e-6)


def test_a_missing_companion_is_missing_in_its_window_alone() -> None:
    holes = OTHER.copy()
    holes[1] = np.nan
    assert np.isnan(values_of(relative_return(QQQ, 1), holes)).tolist() == [True] * 3 + [False] * 2
    assert values_of(is_there(QQQ.close), holes).tolist() == [1, 0, 1, 1, 1]


def test_names_are_columns() -> None:
    assert column_prefix(bars("^VIX")) == "vix"
    assert column_prefix(bars("BRK-B")) == "brk_b"
    assert is_there(bars("BRK-B").log_close).name == "has_brk_b_log_close"
