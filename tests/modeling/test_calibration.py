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


def drawn(rows: int, true: Calibration, seed: int = 5) -> tuple[np.ndarray, np.ndarray]:
    """What bars speak for, and classes as probable as `true` makes of it."""
    random = np.random.default_rng(seed)
    balanced = random.dirichlet((3,) * 5, rows)
    ends = true.probabilities(balanced).cumsum(axis=1)
    return balanced, np.minimum((random.random((rows, 1)) > ends).sum(axis=1), 4)


@given(
    st.lists(st.floats(0.01, 1), min_size=5, max_size=5, unique_by=lambda x: round(x, 3)),
    st.lists(st.floats(0.01, 1), min_size=5, max_size=5),
    st.floats(0.2, 20),
)
def test_the_published_class_stands_highest_above_its_share(
    speaks: list[float], shares: list[float], heat: float
) -> None:
    balanced = np.array([speaks]) / sum(speaks)
    usual = np.array(shares) / sum(shares)
    made = Calibration(tuple(usual), heat).probabilities(balanced)
    assert made.sum() == pytest.approx(1.0)
    assert (made / usual).argmax() == balanced.argmax()


def test_a_bar_that_speaks_for_nothing_gets_the_shares() -> None:
    made = Calibration(SHARES).probabilities(np.full((1, 5), 0.2))
    np.testing.assert_allclose(made, [SHARES])


def test_the_temperature_that_was_planted_is_found() -> None:
    balanced, classes = drawn(20_000, Calibration(SHARES, 2.5))
    assert fit_temperature(SHARES, balanced, classes) == pytest.approx(2.5, rel=0.1)


def test_a_temperature_that_helps_is_kept() -> None:
    rows = hourly_rows()
    balanced, classes = drawn(len(rows), Calibration(SHARES, 3.0))
    made = calibrate(SHARES, balanced, classes, rows)
    assert made.kept
    assert made.before is not None
    assert made.after is not None
    assert made.after < made.before
    assert made.calibration.temperature == made.tried > 2


def test_one_that_does_not_help_on_newer_rows_is_not_kept() -> None:
    """The older half asks for heat, the newer half for none."""
    rows = hourly_rows()
    balanced, classes = drawn(len(rows), Calibration(SHARES, 0.5))
    old = rows.session < np.unique(rows.session)[50]
    classes[old] = drawn(len(rows), Calibration(SHARES, 5.0))[1][old]
    made = calibrate(SHARES, balanced, classes, rows)
    assert made.tried > 2
    assert not made.kept
    assert made.calibration == Calibration(SHARES)


def test_the_newer_half_is_not_fitted_on() -> None:
    rows = hourly_rows()
    balanced, classes = drawn(len(rows), Calibration(SHARES, 2.0))
    before = calibrate(SHARES, balanced, classes, rows).tried
    newer = rows.session >= np.unique(rows.session)[50]
    classes[newer] = np.random.default_rng(1).permutation(classes[newer])
    assert calibrate(SHARES, balanced, classes, rows).tried == before


@pytest.mark.parametrize("sessions", [1, 2])
def test_too_few_rows_leave_things_as_they_are(sessions: int) -> None:
    rows: Rows = hourly_rows(sessions)
    balanced, classes = drawn(len(rows), Calibration(SHARES, 2.0))
    made = calibrate(SHARES, balanced, classes, rows)
    assert not made.kept
    assert made.reason
