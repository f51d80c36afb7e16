"""Numbers are taken as people write them, and not as Python does."""

from __future__ import annotations

import pytest

from pipelines.requests.written import NUMBER


@pytest.mark.parametrize("text", ["1", "-0.5", ".5", "1.", "2e-3", "+7E+2"])
def test_a_plain_number_is_one(text: str) -> None:
    assert NUMBER.fullmatch(text)


@pytest.mark.parametrize("text", ["", "1_0", "nan", "inf", "0x1", "1,5", "٣", "1 "])
def test_anything_else_is_none(text: str) -> None:
    assert not NUMBER.fullmatch(text)
