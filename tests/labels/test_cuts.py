"""Outcomes are cut into classes by thresholds of training outcomes."""

from __future__ import annotations

import numpy as np
import pytest

from pipelines.core.errors import InvalidRequest
from pipelines.labels.cuts import LEAST_OUTCOMES, check_cuts, classify, learn_thresholds


def test_a_class_begins_at_its_threshold_and_no_outcome_has_none() -> None:
    outcomes = np.array([-1.0, 0.0, 0.5, 1.0, np.nan, np.inf])
    np.testing.assert_array_equal(classify(outcomes, (0.0, 1.0)), [0, 1, 1, 2, -1, -1])


def test_thresholds_leave_the_wanted_shares_of_known_outcomes_below_them() -> None:
    outcomes = np.append(np.arange(1000.0), np.nan)
    low, high = learn_thresholds(outcomes, (0.25, 0.75), "action")
    assert ((outcomes < low).sum(), (outcomes < high).sum()) == (250, 750)
    with pytest.raises(InvalidRequest, match="too few to learn the classes of action"):
        learn_thresholds(outcomes[: LEAST_OUTCOMES - 1], (0.5,), "action")


@pytest.mark.parametrize("cuts", [(0.5,), (0.7, 0.3), (0.5, 0.5)])
def test_cuts_that_do_not_ascend_or_are_too_few_are_refused(cuts: tuple[float, ...]) -> None:
    check_cuts((0.3, 0.7), ("low", "medium", "high"))
    with pytest.raises(InvalidRequest, match="do not cut low, medium, high"):
        check_cuts(cuts, ("low", "medium", "high"))
