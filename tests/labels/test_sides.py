"""A signal needs two sides: classes with opposite scores, or the sign of a value."""

from __future__ import annotations

from pipelines.labels import Action, NextReturn, Risk
from pipelines.labels.action import ACTIONS, SCORES
from pipelines.labels.sides import sides_of


def test_actions_are_their_own_sides_and_a_value_has_those_of_its_sign() -> None:
    assert sides_of(Action()) == (ACTIONS, SCORES)
    assert sides_of(NextReturn()) == (("sell", "hold", "buy"), (-1.0, 0.0, 1.0))


def test_risks_are_all_on_one_side_and_make_no_signal() -> None:
    assert sides_of(Risk()) == ((), ())
