"""Addresses are checked, compared, and shown without what is secret."""

from __future__ import annotations

import pytest

from pipelines.core.errors import InvalidRequest
from pipelines.sources.transport.addresses import (
    check_address,
    hide_queries,
    is_same_host,
    show_address,
)


def test_an_address_loses_its_last_slash() -> None:
    assert check_address("X", " https://a.example/b/ ") == "https://a.example/b"


@pytest.mark.parametrize(
    "text", ["", "localhost:1", "ftp://a.example", "http://", "http://a:b", "http://[", "file:///x"]
)
def test_what_is_no_address_is_refused_by_the_name_of_its_setting(text: str) -> None:
    with pytest.raises(InvalidRequest, match="BULLION_X_URL"):
        check_address("BULLION_X_URL", text)


def test_an_address_is_shown_without_user_query_and_fragment() -> None:
    secret = "https://me:pass@a.example:1/b?key=secret#secret"
    assert show_address(secret) == "https://a.example:1/b"
    assert hide_queries(f"GET {secret}, twice '{secret}'") == (
        "GET https://a.example:1/b twice 'https://a.example:1/b'"
    )
    assert "secret" not in show_address("http://[?key=secret")


@pytest.mark.parametrize(
    ("url", "other", "same"),
    [
        ("http://a.example/x", "http://a.example:80/y", True),
        ("http://a.example/x", "https://A.example/x", True),
        ("https://a.example/x", "http://a.example/x", False),
        ("http://a.example/x", "http://b.example/x", False),
        ("http://a.example:1/x", "http://a.example:2/x", False),
        ("http://a.example", "file://a.example/etc/passwd", False),
        ("http://a.example", "http://a.example:x", False),
    ],
)
def test_another_host_port_or_scheme_is_not_the_same(url: str, other: str, same: bool) -> None:
    assert is_same_host(url, other) is same
