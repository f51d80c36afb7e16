"""Texts from strangers become plain text."""

from __future__ import annotations

import pytest

from pipelines.landing.story_text import HIDDEN, plain_text


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (None, ""),
        ("Stocks  rise\n again", "Stocks rise again"),
        ("<p>One</p><p>Two</p>", "One Two"),
        ("<b>S</b>tocks", "Stocks"),
        ("AT&amp;T gains", "AT&T gains"),
        ("&lt;b&gt;Stocks&lt;/b&gt; rise", "Stocks rise"),
        ("&amp;lt;script&amp;gt;x&amp;lt;/script&amp;gt;Up", "Up"),
        ("<script>alert(1)</script>Up<style>p{}</style>", "Up"),
        ("<img src=x onerror=alert(1)>Up", "Up"),
        ("Profit < 3 % and > 1 %", "Profit < 3 % and > 1 %"),
        ("\u202eUp\u202c and\u200b down\x07\x1b[31m", "Up and down[31m"),
        ("क्‍ष", "क्‍ष"),
        ("Up <b", "Up <b"),
        ("=cmd|' /C calc'!A0", "=cmd|' /C calc'!A0"),
    ],
)
def test_markup_and_hidden_characters_are_gone(raw: str | None, text: str) -> None:
    assert plain_text(raw, 500) == text


def test_a_text_is_cut_at_its_limit() -> None:
    assert plain_text("abc def", 4) == "abc"
    assert len(plain_text("x" * 10_000, 500)) == 500


def test_no_override_of_direction_stays() -> None:
    overrides = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c\ufeff"
    assert HIDDEN.sub("", overrides) == ""
