"""News signals: windows follow stories, what was live stays, and the order of runs is no matter."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.core.errors import InvalidRequest
from pipelines.lake import Lake
from pipelines.sentiment.windows import EVERY, window_ends, windows_of
from pipelines.steps.data.news_signals import FIGURES, NewsSignalsReport, refresh_news_signals
from tests import empty_lake
from tests.laws import law
from tests.steps.data.news_stories import (
    FLAT,
    GLAD,
    MODEL,
    NOON,
    SAD,
    SOURCE,
    TOPIC,
    GivenModel,
    minutes,
    story,
    write_stories,
)

DAY = timedelta(days=1)
LATER = NOON + 30 * DAY  # the time of a backfill
START, END = NOON - minutes(120), NOON + minutes(120)


def refresh(
    lake: Lake,
    start: datetime = START,
    end: datetime = END,
    now: datetime = LATER,
    model: GivenModel = MODEL,
) -> NewsSignalsReport:
    return refresh_news_signals(lake, SOURCE, TOPIC, start, end, model=model, now=now)


def signals(lake: Lake, columns: str = ", ".join(FIGURES)) -> list[tuple[Any, ...]]:
    return lake.rows(f"SELECT window_end, known_at, {columns} FROM gold.news_signals ORDER BY ALL")


def counts(lake: Lake) -> dict[datetime, int]:
    """Return how many stories each window has, by its end; of several versions the newest."""
    rows = signals(lake, "article_count")
    return {end: count for end, _, count in rows}


def test_a_story_counts_in_its_windows_and_no_other(lake: Lake) -> None:
    write_stories(lake, story("a", NOON + minutes(5)))
    report = refresh(lake)
    assert report.counts == {
        "added": 16, "replaced": 0, "restated": 0, "unchanged": 0, "unscored": 0
    }  # fmt: skip
    with_story = {end for end, count in counts(lake).items() if count}
    assert with_story == set(windows_of(NOON + minutes(5)))
    assert set(counts(lake)) == set(window_ends(NOON - minutes(120), NOON + minutes(120)))


def test_a_second_run_writes_nothing(lake: Lake) -> None:
    write_stories(lake, story("a", NOON))
    refresh(lake)
    before = signals(lake)
    snapshot = lake.rows("SELECT max(batch) FROM gold.news_signals")
    assert refresh(lake).counts["added"] == 0
    assert signals(lake) == before
    assert lake.rows("SELECT max(batch) FROM gold.news_signals") == snapshot


def test_windows_that_have_not_ended_are_not_written(lake: Lake) -> None:
    write_stories(lake, story("a", NOON))
    refresh(lake, now=NOON + minutes(20))
    assert max(counts(lake)) == NOON + minutes(15)


def test_duplicates_other_topics_and_other_sources_do_not_count(lake: Lake) -> None:
    write_stories(
        lake,
        story("a", NOON),
        story("b", NOON, duplicate_of="a"),
        story("c", NOON, topics=["other"]),
    )
    refresh(lake)
    assert set(counts(lake).values()) == {0, 1}


def test_what_was_live_stays_and_what_it_would_say_now_stands_beside_it(lake: Lake) -> None:
    write_stories(lake, story("a", NOON - minutes(10)))
    refresh(lake, end=NOON, now=NOON + minutes(1))
    before = signals(lake, "article_count, live")
    late = NOON + minutes(90)
    write_stories(lake, story("b", NOON - minutes(5), received_at=late), probabilities=SAD)
    report = refresh(lake, end=NOON, now=late + minutes(1))
    assert (report.restated, report.replaced) == (1, 0)  # noon was live, the windows before not
    after = signals(lake, "article_count, live")
    assert set(before) <= set(after)
    (added,) = set(after) - set(before)
    assert added == (NOON, late + minutes(1), 2, False)
    assert refresh(lake, end=NOON, now=late + minutes(2)).restated == 0


def test_rows_that_were_not_live_are_computed_again_in_place(lake: Lake) -> None:
    write_stories(lake, story("a", NOON - minutes(10)))
    refresh(lake)
    write_stories(lake, story("b", NOON - minutes(5)), probabilities=SAD)
    report = refresh(lake)
    assert (report.restated, report.replaced) == (0, 4)
    assert all(end == known_at for end, known_at, *_ in signals(lake))
    assert counts(lake)[NOON] == 2


def test_a_story_that_turns_out_to_be_older_moves_to_its_windows(lake: Lake) -> None:
    write_stories(lake, story("a", NOON + minutes(100)))
    refresh(lake)
    write_stories(lake, story("a", NOON - minutes(100)))
    refresh(lake)
    with_story = {end for end, count in counts(lake).items() if count}
    assert with_story == set(windows_of(NOON - minutes(100)))


def test_a_story_scored_later_counts_from_then_on(lake: Lake) -> None:
    write_stories(lake, story("a", NOON), probabilities=None)
    report = refresh(lake)
    assert report.unscored == 1
    assert "1 stories have no sentiment" in report.summary()
    assert not any(counts(lake).values())
    write_stories(lake, story("a", NOON), probabilities=GLAD)
    assert refresh(lake).unscored == 0
    assert sum(counts(lake).values()) == 4


def test_another_model_speaks_only_for_what_is_computed_anew(lake: Lake) -> None:
    write_stories(lake, story("a", NOON))
    refresh(lake)
    other = GivenModel("b" * 64)
    assert refresh(lake, model=other).counts["replaced"] == 0
    write_stories(lake, story("b", NOON + minutes(110)), model=other, probabilities=FLAT)
    refresh(lake, model=other)
    models = {(end, sha) for end, _, sha in signals(lake, "sentiment_sha256")}
    assert {sha for end, sha in models if end == NOON} == {MODEL.sha256}
    assert {sha for end, sha in models if end == NOON + minutes(120)} == {other.sha256}


@pytest.mark.parametrize(("start", "end"), [(NOON, NOON), (NOON, NOON - DAY)])
def test_a_range_the_wrong_way_round_is_refused(lake: Lake, start: datetime, end: datetime) -> None:
    with pytest.raises(InvalidRequest, match="range"):
        refresh(lake, start, end)


def test_a_run_is_recorded(lake: Lake) -> None:
    write_stories(lake, story("a", NOON))
    refresh(lake)
    assert lake.rows("SELECT step, about, status FROM gold.runs") == [("news_signals", TOPIC, "ok")]


def new_lake(folder: str) -> Lake:
    return empty_lake.create_lake(empty_lake.at(Path(folder)))


@law(4)
@given(
    st.lists(st.tuples(st.integers(-179, 360), st.sampled_from([GLAD, SAD, FLAT])), max_size=12),
    st.permutations(range(3)),
    st.integers(0, 2),
)
def test_forwards_backwards_and_twice_give_the_same(
    stories: list[tuple[int, tuple[float, float, float]]], order: list[int], repeated: int
) -> None:
    """Stories arrive three hours at a time, in any order, and their windows follow."""
    edges = [NOON + minutes(180 * (number - 1)) for number in range(4)]
    spans = list(pairwise(edges))

    def run(which: list[int]) -> list[tuple[Any, ...]]:
        with TemporaryDirectory() as folder, new_lake(folder) as lake:
            for number in which:
                start, end = spans[number]
                known_at = [NOON + minutes(minute) for minute, _ in stories]
                places = [place for place, at in enumerate(known_at) if start < at <= end]
                if places:
                    rows = [story(f"story {place:02}", known_at[place]) for place in places]
                    write_stories(lake, *rows, probabilities=[stories[n][1] for n in places])
                refresh(lake, start, end)
            return signals(lake)

    expected = run([0, 1, 2])
    assert len(expected) == (edges[-1] - edges[0]) // EVERY
    assert run([*order, repeated]) == expected
