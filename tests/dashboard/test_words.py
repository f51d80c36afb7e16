"""Foreign texts stay texts, and numbers are short."""

from __future__ import annotations

import pytest

from dashboard.words import count, label, number, percent, plain, visible, web_address


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>", "[click](javascript:alert(1))", "**bold** _it_ `code` # head",
        "![img](http://evil.example/x.png)", ":material/home: :red[no]", "$x^2$", "~~no~~", "a | b",
    ],
)  # fmt: skip
def test_nothing_in_a_foreign_text_is_formatted(text: str) -> None:
    escaped = plain(text)
    for position, character in enumerate(escaped):
        if character in "`*_[]()#!<>:$~|":
            assert escaped[position - 1] == "\\"
    assert escaped.replace("\\", "") == text


def test_what_cannot_be_seen_is_left_out() -> None:
    assert visible("NVDA\u202e321\u200b\x00") == "NVDA321"
    assert plain("one\ntwo") == "one two"


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)", "data:text/html,x", "ftp://a.example/x", "//a.example", "https://",
        "http://a.example/\u202egpj.exe", "https://a.example/a b", "", None, "http://[::1",
    ],
)  # fmt: skip
def test_only_addresses_of_the_web_can_be_opened(url: str | None) -> None:
    assert web_address(url) is None


def test_an_address_of_the_web_stays_as_it_is() -> None:
    assert web_address("https://a.example/x?y=1#z") == "https://a.example/x?y=1#z"


def test_numbers() -> None:
    assert number(1234.5678) == "1,234.57"
    assert number(0.1234, 3, sign=True) == "+0.123"
    assert percent(0.12345) == "12.3%"
    assert percent(-0.004, 2, sign=True) == "-0.40%"
    assert count(1234567) == "1,234,567"
    assert number(None) == percent(None) == count(None) == "–"
    assert label("strong_buy") == "strong buy"
