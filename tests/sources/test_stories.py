"""Rows of a provider become stories, or rejects with a reason."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.core.topics import Topic
from pipelines.sources.news import STORIES, STORY_REJECTS
from pipelines.sources.stories import (
    NotAStory,
    StoryRows,
    all_phrases,
    instant_of_seconds,
    instant_of_text,
    phrases_of,
    text_of,
    topic_of,
)

anything = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text() | st.integers() | st.just("\ud800"),
    lambda values: st.lists(values) | st.dictionaries(st.text(), values),
    max_leaves=5,
)
NAMES = ("url", "title", "summary", "outlet", "language", "published_at")


def read(row: Any) -> dict[str, Any]:
    return {
        **{name: row.get(name) for name in NAMES[:-1]},
        "published_at": instant_of_text(row.get("published_at"), "published_at"),
        "seen_at": instant_of_seconds(row.get("seen_at"), "seen_at"),
        "topics": ["t", "t"],
    }


@given(st.lists(st.dictionaries(st.sampled_from([*NAMES, "seen_at"]), anything) | anything))
def test_any_row_is_a_story_or_a_reject(originals: list[Any]) -> None:
    rows = StoryRows()
    for number, original in enumerate(originals):
        rows.add(number, original, read)
    parsed = rows.parsed()
    assert parsed.stories.schema == STORIES
    assert parsed.rejects.schema == STORY_REJECTS
    numbers = parsed.stories["row"].to_pylist() + parsed.rejects["row"].to_pylist()
    assert sorted(numbers) == list(range(len(originals)))
    for story in parsed.stories.to_pylist():
        assert story["title"]
        assert story["topics"] == ["t"]


def test_a_row_left_out_is_counted() -> None:
    rows = StoryRows()
    rows.add(1, {}, lambda _: None)
    assert rows.parsed().off_topic == 1


def test_a_large_reject_is_cut() -> None:
    rows = StoryRows()
    rows.add(1, {"title": 1, "summary": "x" * (1 << 20)}, read)
    (reject,) = rows.parsed().rejects.to_pylist()
    assert len(reject["original"]) == 4000
    assert (reject["reason"], reject["detail"]) == ("not_text", "title is a number, not text")


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("20230918T031500Z", datetime(2023, 9, 18, 3, 15, tzinfo=UTC)),
        ("20230918T0315", datetime(2023, 9, 18, 3, 15, tzinfo=UTC)),
        ("20230918031501", datetime(2023, 9, 18, 3, 15, 1, tzinfo=UTC)),
        ("2023-09-18T05:15:00+02:00", datetime(2023, 9, 18, 3, 15, tzinfo=UTC)),
        ("2023-09-18T03:15:00", datetime(2023, 9, 18, 3, 15, tzinfo=UTC)),
        (" ", None),
        (None, None),
    ],
)
def test_a_time_in_text_is_utc(text: str | None, instant: datetime | None) -> None:
    assert instant_of_text(text, "x") == instant


@pytest.mark.parametrize("text", ["soon", "20231399T000000Z", "0001-01-01T00:00+14:00", "٢٠٢٣"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(NotAStory, match="no time") as caught:
        instant_of_text(text, "date")
    assert caught.value.reason == "bad_time"


def test_seconds_since_1970() -> None:
    assert instant_of_seconds(1_700_000_000, "x") == datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)
    assert instant_of_seconds(0, "x") is None
    for value in (True, "1", 1e30, float("nan"), 10**5000, []):
        with pytest.raises(NotAStory, match="no time"):
            instant_of_seconds(value, "x")


def test_halves_of_characters_are_replaced_and_pairs_are_joined() -> None:
    assert text_of(json.loads('"a\\ud83d\\ude00b"'), "x") == "a\U0001f600b"
    assert text_of("a\ud800b\ude00", "x") == "a\ufffdb\ufffd"


def test_a_topic_goes_through_json_unchanged() -> None:
    topic = Topic("t", "", ("a", "b"), {"X": ("b", "c")})
    again = topic_of(json.loads(json.dumps(phrases_of(topic))))
    assert (again.name, again.terms, again.symbols) == ("t", ("a", "b"), {"X": ("b", "c")})
    assert all_phrases(topic) == ("a", "b", "c")
