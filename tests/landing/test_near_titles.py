"""Repetitions are found as a plain comparison of all pairs finds them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rapidfuzz import fuzz

from pipelines.landing import near_titles
from pipelines.landing.near_titles import WINDOW, block_keys, find_repeats, normalize_title

TITLES = (
    "Stocks rally as Federal Reserve signals patience", "Oil slides on oversupply in the Gulf",
    "Sensex holds 7650 levels in narrow trading", "Sensex holds 7600 levels in narrow trading",
    "株式市場は大幅に上昇した", "!!!", "Up",
)  # fmt: skip
ENDINGS = ("", ".", " - report", "s")
HOUR = WINDOW // 24


def compare_all(known_at: list[int], titles: list[str]) -> list[int]:
    """Return the earliest near-equal title within a day before each, by comparing all pairs."""
    texts = [normalize_title(title) for title in titles]
    numbers = [[w for w in text.split() if w.isdecimal()] for text in texts]
    repeats = []
    for later, text in enumerate(texts):
        near = [
            earlier
            for earlier in range(later)
            if known_at[later] - known_at[earlier] <= WINDOW
            and text
            and numbers[earlier] == numbers[later]
            and fuzz.ratio(texts[earlier], text) >= near_titles.RATIO
        ]
        repeats.append(near[0] if near else -1)
    return repeats


@given(
    st.lists(
        st.tuples(st.integers(0, 80), st.sampled_from(TITLES), st.sampled_from(ENDINGS)),
        max_size=30,
    ),
    st.integers(0, 2**32),
    st.sampled_from([1, 7, near_titles.PAIRS]),
)
def test_blocks_find_what_all_pairs_find(
    stories: list[tuple[int, str, str]], seed: int, pairs: int
) -> None:
    stories.sort(key=lambda story: story[0])
    known_at = [hour * HOUR for hour, _, _ in stories]
    titles = [title + ending for _, title, ending in stories]
    judged = np.random.default_rng(seed).random(len(titles)) < 0.6
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(near_titles, "PAIRS", pairs)
        repeats = find_repeats(np.array(known_at, np.int64), titles, judged)
    expected = np.where(judged, compare_all(known_at, titles), -1)
    assert repeats.tolist() == expected.tolist()


def test_another_number_is_another_story() -> None:
    titles = ["Oil gains 1.02 per cent on demand", "Oil gains 1.36 per cent on demand"]
    assert find_repeats(np.array([0, 1]), titles, np.ones(2, bool)).tolist() == [-1, -1]


def test_a_title_of_any_script_has_a_key() -> None:
    for title in ("Up", "7650", "株式市場", "S P 500"):
        assert block_keys(normalize_title(title))
