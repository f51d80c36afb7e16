"""What becomes of a story follows from its versions alone."""

from __future__ import annotations

from itertools import permutations

import pytest

from pipelines.landing.stories import (
    AHEAD,
    MINUTE,
    StoryVersion,
    bound_rows,
    find_known_at,
    identify_story,
    judge_rows,
    settle_story,
)
from pipelines.landing.versions import stamp_rows
from tests.landing.news_rows import NOON, answer_at, parsed, story_row


@pytest.mark.parametrize(
    ("published_at", "seen_at", "known_at"),
    [
        (10, 20, 20),
        (10, None, 10),
        (None, 20, 20),
        (None, None, 100),
        (30, 20, 30),  # seen before it was published: it was not known before that
        (110, None, 100),  # a clock that runs ahead
        (10, 110, 100),
    ],
)
def test_a_story_is_known_once_the_source_had_it(
    published_at: int | None, seen_at: int | None, known_at: int
) -> None:
    assert find_known_at(published_at, seen_at, 100) == known_at


def test_a_story_is_its_address_else_its_outlet_and_title() -> None:
    story = identify_story("https://news.example/1?utm_source=x", "A", "B")
    assert story == identify_story("http://www.news.example/1", None, None)
    assert identify_story(None, "A", "B") != identify_story(None, "B", "A")
    assert identify_story(None, " ", None) is None


def test_labels_of_a_story_are_bounded_and_in_order() -> None:
    labels = ["B", "A\u202e", "A", None, "", "x" * 500, *(f"{n:04}" for n in range(500))]
    rows = bound_rows(
        stamp_rows(parsed(story_row(symbols=labels)).stories, answer_at(NOON, "wire"))
    )
    [symbols] = rows["symbols"].to_pylist()
    assert symbols == sorted(set(symbols))
    assert {"A", "B", "x" * 64} <= set(symbols)
    assert len(symbols) <= 100


def test_versions_settle_alike_in_any_order() -> None:
    def version(known: int, received: int, title: str) -> StoryVersion:
        return StoryVersion(
            "s", "https://news.example", title, None, None, "en", None, known, received,
            (title[:1],), (),
        )  # fmt: skip

    versions = [version(5, 9, "B"), version(5, 8, "A"), version(7, 9, "C"), version(5, 9, "A")]
    settled = {settle_story(order) for order in permutations(versions)}
    [story] = settled
    assert (story.first.title, story.first.received_at, story.corrections) == ("A", 8, 2)
    assert (story.corrected_title, story.corrected_at) == ("B", 9)
    assert story.symbols == ("A",)


def test_a_correction_that_came_twice_was_known_when_it_first_came() -> None:
    def version(received: int, title: str) -> StoryVersion:
        return StoryVersion(
            "s", "https://news.example", title, None, None, "en", None, 5, received, (), ()
        )

    first, early, late = version(5, "A"), version(8, "B"), version(9, "B")
    assert settle_story([first, early]) == settle_story([first, late, early])
    assert settle_story([late, first, early]).corrected_at == 8
    back_and_forth = [first, version(6, "C"), version(7, "B"), version(9, "C")]
    assert settle_story(back_and_forth).corrected_title == "B"


def test_a_clock_may_run_a_little_ahead() -> None:
    for minutes, is_story in ((15, True), (15.1, False)):
        at = NOON.timestamp() + minutes * MINUTE / 10**6
        published = NOON.fromtimestamp(at, NOON.tzinfo)
        rows = stamp_rows(
            parsed(story_row(published_at=published)).stories, answer_at(NOON, "wire")
        )
        [judgement] = judge_rows(bound_rows(rows))
        assert isinstance(judgement, StoryVersion) == is_story
    assert AHEAD == 15 * MINUTE
