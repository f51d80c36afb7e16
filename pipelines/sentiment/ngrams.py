"""Titles as buckets: the parts of a title, each hashed to one of 65,536 numbers.

The parts are the words, runs of two and three words, and the pieces of three to five letters of
each word with its ends. A number stands for all numbers. The hash is CRC-32, which is the same on
every machine; a change here makes another model of the one that was trained, so the stored answers
of the model's description would differ.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from zlib import crc32

import numpy as np

BUCKETS = 1 << 16
PADDING = BUCKETS  # fills the rows of shorter titles; it weighs nothing
LONGEST_TITLE = 1_000  # characters that are read
LONGEST_WORD = 40  # characters of which pieces are made
WORD_RUNS = (2, 3)
PIECES = (3, 4, 5)
TOKENS = re.compile(r"\d+(?:[.,]\d+)*|[^\W\d_]+(?:['’][^\W\d_]+)*|[%!?$]")
MOST_CACHED = 100_000  # words

_cached_words: dict[str, tuple[int, ...]] = {}


def tokens_of(title: str) -> list[str]:
    """Return the words, numbers (as #) and marks of a title, in their order."""
    tokens = TOKENS.findall(title[:LONGEST_TITLE].lower())
    return ["#" if token[0].isdecimal() else token.replace("’", "'") for token in tokens]


def title_buckets(title: str, *, pieces: bool = True) -> list[int]:
    """Return the buckets of a title, each once, in ascending order."""
    tokens = tokens_of(title)
    buckets: set[int] = set()
    for token in tokens:
        buckets.update(_word_buckets(token) if pieces else (_bucket(token),))
    ends = ["^", *tokens, "$"]
    for length in WORD_RUNS:
        buckets.update(
            _bucket("_".join(ends[place : place + length]))
            for place in range(len(ends) - length + 1)
        )
    return sorted(buckets)


def bucket_rows(titles_buckets: Sequence[Sequence[int]]) -> np.ndarray:
    """Return a row of buckets a title, filled up with PADDING to the longest."""
    lengths = np.array([len(buckets) for buckets in titles_buckets], dtype=np.int64)
    rows = np.full((len(lengths), max(lengths, default=0)), PADDING, dtype=np.int32)
    rows[np.arange(rows.shape[1]) < lengths[:, None]] = np.concatenate(
        [np.empty(0, np.int32), *(np.asarray(b, dtype=np.int32) for b in titles_buckets)]
    )
    return rows


def _bucket(part: str) -> int:
    return crc32(part.encode("utf-8", "surrogatepass")) % BUCKETS


def _word_buckets(word: str) -> tuple[int, ...]:
    """Return the buckets of a word and of its pieces. Most words of a title came before."""
    cached = _cached_words.get(word)
    if cached is None:
        if len(_cached_words) >= MOST_CACHED:
            _cached_words.clear()
        whole = f"<{word[:LONGEST_WORD]}>"
        parts = {word} | {
            f"c{whole[place : place + length]}"
            for length in PIECES
            for place in range(len(whole) - length + 1)
        }
        cached = _cached_words[word] = tuple({_bucket(part) for part in parts})
    return cached
