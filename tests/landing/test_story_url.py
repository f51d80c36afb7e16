"""Addresses of one page have one form, and what is no web address has none."""

from __future__ import annotations

import pytest

from pipelines.landing.story_url import canonical_url


@pytest.mark.parametrize(
    "url",
    [
        "https://news.example/a/B?id=7",
        "http://WWW.News.Example/a/B/?id=7",
        "https://news.example:443/a/B?utm_source=x&id=7&fbclid=y#top",
        "//news.example/a/B?id=7&ref=home",
        "news.example/a/B?id=7",
        " https://user:word@news.example/a/B?id=7&source=rss \n",
    ],
)
def test_one_page_has_one_address(url: str) -> None:
    assert canonical_url(url) == ("https://news.example/a/B?id=7", "")


def test_parameters_are_sorted_and_none_of_the_page_is_lost() -> None:
    url = "https://news.example/?b=2&a=1&a=0&empty="
    assert canonical_url(url)[0] == "https://news.example?a=0&a=1&b=2&empty="
    assert canonical_url("https://news.example:8443/x")[0] == "https://news.example:8443/x"


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("", "no_url"),
        ("  ", "no_url"),
        ("javascript:alert(1)", "unsafe_url"),
        ("JaVaScript:alert(1)//news.example", "unsafe_url"),
        ("java\tscript:alert(1)", "unsafe_url"),
        ("data:text/html,x", "unsafe_url"),
        ("file:///etc/passwd", "unsafe_url"),
        ("ftp://news.example/x", "unsafe_url"),
        ("https://", "unsafe_url"),
        ("https:///x", "unsafe_url"),
        ("https://news.example:port/", "unsafe_url"),
        ("https://[::1", "unsafe_url"),
        ("https://news.example\\@evil.example/", "unsafe_url"),
        ("https://news.example/\u202egpj.exe", "unsafe_url"),
        ('https://news.example/"><script>', "unsafe_url"),
        ("just words", "unsafe_url"),
        ("https://news.example/" + "x" * 2048, "long_url"),
    ],
)
def test_what_is_no_address_of_a_page_says_why(url: str, reason: str) -> None:
    assert canonical_url(url) == ("", reason)


def test_a_canonical_address_stays_as_it_is() -> None:
    address = canonical_url("http://www.news.example/a%20b/?q=%C3%A9+x&utm_campaign=1")[0]
    assert canonical_url(address) == (address, "")
