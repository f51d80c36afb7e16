"""Names that cannot be used, repetitions, and universes that there are not, are refused."""

from __future__ import annotations

import pytest

from pipelines.core.errors import InvalidRequest
from pipelines.forecasts.declarations import check_name, check_universe, refuse_repetition


@pytest.mark.parametrize("name", ["", "Mine", "1m", "mine-too", "_mine"])
def test_a_name_is_of_small_letters_digits_and_underscores(name: str) -> None:
    check_name("mine_2", "a target", "columns")
    with pytest.raises(InvalidRequest, match="cannot name a target") as caught:
        check_name(name, "a target", "columns")
    assert "it becomes columns" in caught.value.hint


def test_a_universe_that_there_is_not_is_named_with_its_forecast() -> None:
    check_universe("mine", "qqq")
    with pytest.raises(InvalidRequest, match="the forecast mine: unknown universe 'qqp'"):
        check_universe("mine", "qqp")


def test_what_is_there_twice_is_named() -> None:
    refuse_repetition("mine has", ("a", "b"))
    with pytest.raises(InvalidRequest, match="mine has b twice"):
        refuse_repetition("mine has", ("a", "b", "b"))
