"""Gzip is unpacked in pieces, within its bounds."""

from __future__ import annotations

import gzip
import random
import tracemalloc
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.sources.transport.unpacking import (
    MOST_MEMBERS,
    CannotUnpack,
    TooLarge,
    unpack,
    unpack_lines,
    unpack_pieces,
)


@given(st.lists(st.binary(max_size=300), min_size=1, max_size=4))
def test_members_one_after_the_other_unpack_to_all_they_hold(contents: list[bytes]) -> None:
    body = b"".join(gzip.compress(content) for content in contents)
    assert unpack(body, 10_000) == b"".join(contents)
    assert unpack(body + bytes(100), 10_000) == b"".join(contents)


def test_a_large_body_and_a_zlib_body_unpack() -> None:
    content = bytes(range(256)) * 20_000
    assert unpack(gzip.compress(content), len(content)) == content
    assert unpack(zlib.compress(content), len(content)) == content


@pytest.mark.parametrize("size", [65_535, 65_536, 300_000, 3_000_000])
@pytest.mark.parametrize("level", [0, 1, 9])
def test_a_body_of_many_slices_unpacks_as_a_whole_and_is_known_as_cut(
    size: int, level: int
) -> None:
    noise = random.Random(size).randbytes(size)  # which does not become smaller
    content = noise + b"a" * size
    body = gzip.compress(content, level) + gzip.compress(b"end")
    assert unpack(body, len(content) + 3) == content + b"end"
    with pytest.raises(CannotUnpack, match="cut off"):
        unpack(gzip.compress(content, level)[:-9], len(content))


@pytest.mark.parametrize(
    "body", [b"", b"<html>", gzip.compress(b"x" * 99, mtime=0)[:-9], b"\x1f\x8b"]
)
def test_what_is_no_whole_gzip_is_refused(body: bytes) -> None:
    with pytest.raises(CannotUnpack):
        unpack(body, 1000)


def test_a_bomb_is_stopped_before_it_fills_the_memory() -> None:
    body = gzip.compress(bytes(200 << 20), 1)
    tracemalloc.start()
    try:
        with pytest.raises(TooLarge, match="more than 10,485,760"):
            for _ in unpack_pieces(body, 10 << 20):
                pass
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()


def test_a_million_empty_members_are_too_many() -> None:
    with pytest.raises(TooLarge):
        unpack(gzip.compress(b"") * (MOST_MEMBERS + 1), 1000)


@given(st.lists(st.binary(max_size=20).map(lambda b: b.replace(b"\n", b"")), max_size=10))
def test_lines_are_those_of_the_whole(lines: list[bytes]) -> None:
    text = b"\n".join(lines)
    expected = [None if len(line) > 9 else line for line in text.split(b"\n")]
    expected = expected if expected[-1] != b"" else expected[:-1]
    assert list(unpack_lines(gzip.compress(text), 1000, 9)) == expected


def test_a_line_longer_than_a_piece_is_not_kept() -> None:
    body = gzip.compress(b"a\n" + bytes(3 << 20) + b"\nb")
    assert list(unpack_lines(body, 10 << 20, 1000)) == [b"a", None, b"b"]
