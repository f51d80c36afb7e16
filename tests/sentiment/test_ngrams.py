"""Titles as buckets: the same on every machine, bounded, each once."""

from __future__ import annotations

from zlib import crc32

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipelines.sentiment.ngrams import (
    BUCKETS,
    LONGEST_TITLE,
    PADDING,
    bucket_rows,
    title_buckets,
    tokens_of,
)


def bucket(part: str) -> int:
    return crc32(part.encode()) % BUCKETS


def test_tokens_are_words_numbers_and_marks() -> None:
    assert tokens_of("Maker’s Q2 profit up 12.5%, shares don't!") == [
        "maker's", "q", "#", "profit", "up", "#", "%", "shares", "don't", "!",
    ]  # fmt: skip


def test_a_title_has_its_words_their_runs_and_their_pieces() -> None:
    words = {"up", "^_up", "up_$", "^_up_$"}
    assert title_buckets("Up", pieces=False) == sorted(map(bucket, words))
    pieces = {"c<up", "cup>", "c<up>"}
    assert title_buckets("UP") == sorted(map(bucket, words | pieces))
    assert title_buckets("up up up") == title_buckets("Up  up UP")


def test_no_title_is_read_without_end() -> None:
    assert title_buckets("a" * 5_000_000) == title_buckets("a" * LONGEST_TITLE)


@given(st.text(max_size=60))
def test_buckets_are_in_range_and_stand_once(title: str) -> None:
    buckets = title_buckets(title)
    assert buckets == sorted(set(buckets))
    assert all(0 <= place < BUCKETS for place in buckets)


def test_shorter_rows_are_padded() -> None:
    rows = bucket_rows([[1, 2, 3], [], [7]])
    np.testing.assert_array_equal(rows, [[1, 2, 3], [PADDING] * 3, [7, PADDING, PADDING]])
    assert bucket_rows([]).shape == (0, 0)
