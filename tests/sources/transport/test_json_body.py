"""JSON of providers: repaired where that is sure, refused where it is not whole."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.sources.transport.json_body import describe_body, is_page, read_json
from pipelines.sources.transport.retries import NotAnAnswer


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b'{"a": "x\x01y\tz"}', "x\x01y\tz"),
        (rb'{"a": "\d \\d \" \u12 \u0041"}', r'\d \d " \u12 A'),
        (b'{"a": "\xff"}', "\ufffd"),
        (b'\xef\xbb\xbf{"a": "b"}', "b"),
    ],
)
def test_characters_that_json_forbids_are_repaired(body: bytes, value: str) -> None:
    assert read_json(body, "wire", "x") == {"a": value}


@given(st.text())
def test_right_json_stays_as_it_is(text: str) -> None:
    assert read_json(json.dumps([text]).encode(), "wire", "x") == [text]


@pytest.mark.parametrize("body", [b"", b'{"a": ', b"<html>", b"[" * 100_000])
def test_what_is_not_whole_is_refused_with_its_beginning(body: bytes) -> None:
    with pytest.raises(NotAnAnswer, match="wire's answer for AAPL is") as caught:
        read_json(body, "wire", "AAPL")
    assert describe_body(body) in caught.value.message


def test_a_page_is_known_by_its_beginning() -> None:
    assert is_page(b"\n <!DOCTYPE html><p>")
    assert not is_page(b'{"html": "<html>"}')
