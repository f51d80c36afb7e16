"""Windows of news: which stories count, what they say together, and that none is from later."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.sentiment.windows import (
    EVERY,
    LENGTH,
    NewsRule,
    Stories,
    summarize_windows,
    window_ends,
    windows_of,
)
from tests.laws import law

NOON = datetime(2026, 9, 1, 12, tzinfo=UTC)
GLAD, SAD, FLAT = (0.8, 0.1, 0.1), (0.1, 0.7, 0.2), (0.1, 0.1, 0.8)


def build_stories(
    *minutes: float,
    probabilities: tuple[tuple[float, float, float], ...] | None = None,
    outlets: tuple[str, ...] | None = None,
    dated: tuple[bool, ...] | None = None,
) -> Stories:
    """Build stories that became known so many minutes before noon."""
    count = len(minutes)
    known = [
        np.datetime64((NOON - timedelta(minutes=m)).replace(tzinfo=None), "us") for m in minutes
    ]
    return Stories(
        np.array(known, "datetime64[us]"),
        np.array(probabilities or [GLAD] * count).reshape(-1, 3),
        np.array(outlets or [f"outlet {n}" for n in range(count)], object),
        np.array(dated or [True] * count, bool),
    )


def test_a_window_ends_every_quarter_of_an_hour() -> None:
    ends = window_ends(NOON, NOON + timedelta(hours=1))
    assert ends == [NOON + number * EVERY for number in (1, 2, 3, 4)]
    assert window_ends(NOON, NOON) == []
    assert window_ends(NOON - timedelta(seconds=1), NOON) == [NOON]


@law(200)
@given(st.integers(0, 10**10))
def test_a_story_counts_in_the_four_windows_open_when_it_became_known(microseconds: int) -> None:
    known_at = NOON + timedelta(microseconds=microseconds)
    ends = windows_of(known_at)
    assert len(ends) == LENGTH // EVERY
    assert all(end - LENGTH < known_at <= end for end in ends)
    stories = Stories(
        np.array([np.datetime64(known_at.replace(tzinfo=None), "us")]),
        np.array([GLAD]), np.array(["a"], object), np.array([True]),
    )  # fmt: skip
    around = window_ends(known_at - 2 * LENGTH, known_at + 2 * LENGTH)
    counts = summarize_windows(stories, around)["article_count"].to_pylist()
    assert [end for end, count in zip(around, counts, strict=True) if count] == ends


def test_what_the_stories_of_a_window_say_together() -> None:
    stories = build_stories(
        59, 30, 20, 10,
        probabilities=(GLAD, GLAD, SAD, FLAT), outlets=("a", "a", "b", ""),
        dated=(True, True, True, False),
    )  # fmt: skip
    (row,) = summarize_windows(stories, [NOON]).to_pylist()
    average = (0.7 + 0.7 - 0.6 + 0.0) / 4
    assert row["article_count"] == 4
    assert row["avg_sentiment"] == pytest.approx(average)
    assert row["signal_strength"] == pytest.approx(average * 2 / 4)
    assert row["trading_signal"] == 1
    assert row["quality_score"] == pytest.approx((4 / 9 + 3 / 4 + 3 / 4) / 3)
    assert (row["positive"], row["negative"], row["neutral"]) == pytest.approx((0.45, 0.25, 0.3))
    assert row["newest_age_seconds"] == 600


def test_a_window_without_stories_says_so() -> None:
    (row,) = summarize_windows(build_stories(61), [NOON]).to_pylist()
    assert (row["article_count"], row["avg_sentiment"], row["trading_signal"]) == (0, 0, 0)
    assert row["positive"] is row["newest_age_seconds"] is None


@pytest.mark.parametrize(
    ("count", "probabilities", "signal"),
    [(3, GLAD, 1), (3, SAD, -1), (2, GLAD, 0), (3, FLAT, 0), (3, (0.4, 0.26, 0.34), 0)],
)
def test_few_stories_and_weak_ones_say_nothing(
    count: int, probabilities: tuple[float, float, float], signal: int
) -> None:
    stories = build_stories(*range(count, 0, -1), probabilities=(probabilities,) * count)
    (row,) = summarize_windows(stories, [NOON]).to_pylist()
    assert row["trading_signal"] == signal
    (strict,) = summarize_windows(stories, [NOON], NewsRule(threshold=0.9)).to_pylist()
    assert strict["trading_signal"] == 0


@law(60)
@given(st.lists(st.integers(-200, 200), max_size=40), st.integers(0, 1000), st.integers(1, 12))
def test_nothing_known_later_and_nothing_read_beside_it_changes_a_window(
    minutes: list[int], seed: int, place: int
) -> None:
    """Each window alone, of the stories known by its end alone, is what all windows give."""
    random = np.random.default_rng(seed)
    probabilities = random.dirichlet([1, 1, 1], len(minutes))
    ordered = sorted(minutes, reverse=True)
    stories = build_stories(*ordered, probabilities=tuple(map(tuple, probabilities)))
    ends = window_ends(NOON - timedelta(hours=4), NOON + timedelta(hours=4))
    whole = summarize_windows(stories, ends).to_pylist()
    end = ends[place * 2]
    known = stories.known_at <= np.datetime64(end.replace(tzinfo=None), "us")
    earlier = Stories(
        *(
            part[known]
            for part in (stories.known_at, stories.probabilities, stories.outlet, stories.is_dated)
        )
    )
    assert summarize_windows(earlier, [end]).to_pylist() == [whole[place * 2]]


def test_stories_out_of_order_are_refused() -> None:
    with pytest.raises(ValueError, match="order"):
        build_stories(10, 20)
