"""Confidence policies and hints, by the classes of a label."""

from __future__ import annotations

import pytest

from pipelines.requests.kinds import hold_if_weak, neutral, risk_hints, target_suffix
from tests.serving.daily import DAILY
from tests.steps.scored_market import HOURLY

ACTION = HOURLY.target_forecast().label
HOLD = neutral(ACTION)


@pytest.mark.parametrize(("min_confidence", "is_weak"), [(0.4, False), (0.5, False), (0.6, True)])
def test_a_weak_action_counts_as_hold_and_the_original_is_kept(
    min_confidence: float, is_weak: bool
) -> None:
    strongest = ACTION.classes[-1]
    row = {"action": strongest, "score": ACTION.scores[-1], "confidence": 0.5, "said": None}
    hold_if_weak(row, ACTION, min_confidence)
    assert (row["action"], row["said"]) == ((HOLD, strongest) if is_weak else (strongest, None))
    assert (row["score"] == 0.0) is is_weak


def test_the_hints_count_opposite_and_outermost_actions() -> None:
    even = dict.fromkeys(ACTION.classes, 1 / len(ACTION.classes))
    hints = risk_hints(ACTION, ACTION.classes[-1], even)
    assert hints is not None
    assert hints["against"] == pytest.approx(0.4)
    assert hints["tails"] == pytest.approx(0.4)
    assert hints["uncertainty"] == pytest.approx(1.0)
    assert risk_hints(ACTION, None, None) is None


def test_a_target_is_named_only_where_there_are_several() -> None:
    assert target_suffix(HOURLY, HOURLY.target_names[0]) == ""
    assert target_suffix(DAILY, "risk") == " of risk"
