"""Every source of news has what the interface asks for, and its schema fits bronze.news."""

from __future__ import annotations

import inspect

import pyarrow as pa
import pytest

from pipelines.contracts.news import BRONZE_NEWS
from pipelines.sources import source_class, sources_of
from pipelines.sources.news import STORIES, STORY_REJECTS, NewsSource, ParsedNews

TYPES = {
    pa.string(): "VARCHAR", pa.int64(): "BIGINT", pa.timestamp("us", "UTC"): "TIMESTAMPTZ",
    pa.list_(pa.string()): "VARCHAR[]",
}  # fmt: skip


@pytest.mark.parametrize("name", sources_of("news"))
def test_every_source_of_news_has_the_methods_of_the_interface(name: str) -> None:
    kind = source_class(name)
    for flag in ("resumes_news", "whole_news"):
        assert isinstance(getattr(kind, flag), bool)
    for method in ("news_pieces", "fetch_news", "parse_news"):
        declared = inspect.signature(getattr(NewsSource, method)).parameters
        assert list(inspect.signature(getattr(kind, method)).parameters) == list(declared)


def test_a_parsed_column_has_the_type_of_its_column_in_bronze() -> None:
    for field in STORIES:
        assert BRONZE_NEWS.column(field.name).type == TYPES[field.type], field.name


def test_stories_alone_make_an_answer_without_rejects() -> None:
    news = ParsedNews(STORIES.empty_table())
    assert (news.rejects.schema, len(news.rejects), news.off_topic) == (STORY_REJECTS, 0, 0)
