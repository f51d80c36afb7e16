"""Calibration says how probable a class is and never changes which one is published."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.modeling.calibration import Calibration, calibrate, fit_temperature
from pipelines.modeling.dataset import Rows
from tests.modeling.hourly_rows import hourly_rows

SHARES = (0.1, 0.2, 0.4, 0.2, 0.1)


def draw_classes(rows: int, true: Calibration, seed: int = 5) -> tuple[np.ndarray, np.ndarray]:
    """Draw balanced probabilities, and classes as probable as `true` makes them."""
    random = np.random.default_rng(seed)
    balanced = random.dirichlet((3,) * 5, rows)
    cumulative = true.probabilities(balanced).cumsum(axis=1)
    return balanced, np.minimum((random.random((rows, 1)) > cumulative).sum(axis=1), 4)


@given(
    st.lists(st.floats(0.01, 1), min_size=5, max_size=5, unique_by=lambda x: round(x, 3)),
    st.lists(st.floats(0.01, 1), min_size=5, max_size=5),
    st.floats(0.2, 20),
)
def test_the_published_class_stands_highest_above_its_share(
    evidence: list[float], shares: list[float], temperature: float
) -> None:
    balanced = np.array([evidence]) / sum(evidence)
    priors = np.array(shares) / sum(shares)
    probabilities = Calibration(tuple(priors), temperature).probabilities(balanced)
    assert probabilities.sum() == pytest.approx(1.0)
    assert (probabilities / priors).argmax() == balanced.argmax()


def test_equal_probabilities_become_the_shares() -> None:
    probabilities = Calibration(SHARES).probabilities(np.full((1, 5), 0.2))
    np.testing.assert_allclose(probabilities, [SHARES])


def test_a_planted_temperature_is_found() -> None:
    balanced, classes = draw_classes(20_000, Calibration(SHARES, 2.5))
    assert fit_temperature(SHARES, balanced, classes) == pytest.approx(2.5, rel=0.1)


def test_a_temperature_that_helps_is_kept() -> None:
    rows = hourly_rows()
    balanced, classes = draw_classes(len(rows), Calibration(SHARES, 3.0))
    report = calibrate(SHARES, balanced, classes, rows)
    assert report.improved
    assert report.loss_before is not None
    assert report.loss_after is not None
    assert report.loss_after < report.loss_before
    assert report.calibration.temperature == report.fitted_temperature > 2


def test_a_temperature_that_does_not_help_on_newer_rows_is_not_kept() -> None:
    """The older half needs a high temperature, the newer half a low one."""
    rows = hourly_rows()
    balanced, classes = draw_classes(len(rows), Calibration(SHARES, 0.5))
    is_older = rows.session < np.unique(rows.session)[50]
    classes[is_older] = draw_classes(len(rows), Calibration(SHARES, 5.0))[1][is_older]
    report = calibrate(SHARES, balanced, classes, rows)
    assert report.fitted_temperature > 2
    assert not report.improved
    assert report.calibration == Calibration(SHARES)


def test_the_newer_half_is_not_fitted_on() -> None:
    rows = hourly_rows()
    balanced, classes = draw_classes(len(rows), Calibration(SHARES, 2.0))
    before = calibrate(SHARES, balanced, classes, rows).fitted_temperature
    is_newer = rows.session >= np.unique(rows.session)[50]
    classes[is_newer] = np.random.default_rng(1).permutation(classes[is_newer])
    assert calibrate(SHARES, balanced, classes, rows).fitted_temperature == before


@pytest.mark.parametrize("sessions", [1, 2])
def test_too_few_rows_leave_the_model_uncalibrated(sessions: int) -> None:
    rows: Rows = hourly_rows(sessions)
    balanced, classes = draw_classes(len(rows), Calibration(SHARES, 2.0))
    report = calibrate(SHARES, balanced, classes, rows)
    assert not report.improved
    assert report.reason
