"""Texts that came from outside: hidden signs are seen, and blanked."""

from __future__ import annotations

import pytest

from pipelines.core.text import blank_hidden, is_readable


@pytest.mark.parametrize("symbol", ["A\0", "A\ufffd", "A\u200b", "A\n"])
def test_a_hidden_sign_makes_a_symbol_unreadable(symbol: str) -> None:
    assert not is_readable(symbol)
    assert is_readable("BRK.B")


def test_hidden_signs_become_blanks() -> None:
    assert blank_hidden("Apple\tInc\0.") == "Apple Inc ."
