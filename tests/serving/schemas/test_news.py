"""Answers about news have the names of the tables, and no field that nobody declared."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from pipelines.contracts.news import NEWS_SENTIMENT, NEWS_SIGNALS, SILVER_NEWS
from serving.schemas.news import NewestNewsSignal, NewsSignal, Story


def test_every_field_of_a_story_is_a_column() -> None:
    columns = {*SILVER_NEWS.column_names, *NEWS_SENTIMENT.column_names}
    assert set(Story.model_fields) <= columns


def test_every_field_of_a_signal_is_a_column_and_no_column_is_missing() -> None:
    assert set(NewsSignal.model_fields) == {*NEWS_SIGNALS.column_names} - {"batch"}
    assert set(NewsSignal.model_fields) <= set(NewestNewsSignal.model_fields)


def test_a_field_may_be_null_where_the_column_may() -> None:
    for name, field in NewsSignal.model_fields.items():
        accepts_null = type(None) in getattr(field.annotation, "__args__", ())
        assert accepts_null == NEWS_SIGNALS.column(name).nullable, name


def test_an_undeclared_field_is_refused() -> None:
    with pytest.raises(ValidationError):
        Story.model_validate({"headline": "x"})
