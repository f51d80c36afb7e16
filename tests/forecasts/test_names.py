"""A name that cannot be used is refused, with the declaration that has it."""

from __future__ import annotations

import pytest

from pipelines.core.errors import InvalidRequest
from pipelines.forecasts.names import check_name, check_universe, refuse_repetition


@pytest.mark.parametrize("name", ["", "1st", "Upper", "with space", "a-b", "drop;table"])
def test_a_name_that_cannot_be_a_table_is_refused(name: str) -> None:
    with pytest.raises(InvalidRequest, match="cannot name a forecast") as caught:
        check_name(name, "a forecast", "a table")
    assert "it becomes a table" in caught.value.hint
    check_name("a_1", "a forecast", "a table")


def test_an_unknown_universe_is_refused_with_the_forecast() -> None:
    with pytest.raises(InvalidRequest, match="the forecast mine: unknown universe"):
        check_universe("mine", "nowhere")
    check_universe("mine", "qqq")


def test_what_stands_twice_is_named() -> None:
    with pytest.raises(InvalidRequest, match="mine has the target b twice"):
        refuse_repetition("mine has the target", ("a", "b", "b"))
    refuse_repetition("mine has the target", ("a", "b"))
