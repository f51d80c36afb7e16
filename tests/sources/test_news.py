"""The columns of stories and rejects fit the tables of bronze and the quarantine."""

from __future__ import annotations

import pyarrow as pa

from pipelines.contracts.news import BRONZE_NEWS
from pipelines.sources.news import STORIES, STORY_REJECTS, ParsedNews

TYPES = {
    pa.string(): "VARCHAR",
    pa.int64(): "BIGINT",
    pa.timestamp("us", "UTC"): "TIMESTAMPTZ",
    pa.list_(pa.string()): "VARCHAR[]",
}


def test_a_column_of_a_story_has_the_type_of_its_column_in_bronze() -> None:
    for field in STORIES:
        assert BRONZE_NEWS.column(field.name).type == TYPES[field.type], field.name


def test_stories_alone_make_an_answer_without_rejects() -> None:
    parsed = ParsedNews(STORIES.empty_table())
    assert parsed.rejects.schema == STORY_REJECTS
    assert (len(parsed.rejects), parsed.off_topic) == (0, 0)
