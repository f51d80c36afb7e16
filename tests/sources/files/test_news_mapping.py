"""What news.yaml may say, and what is refused with the key that is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from pipelines.core.errors import InvalidRequest, NothingToDo
from pipelines.sources.files.news_mapping import load_news, news_files_of


def write(tmp_path: Path, content: Any) -> Path:
    (tmp_path / "news.yaml").write_text(yaml.safe_dump(content))
    return tmp_path


def test_an_entry_survives_json_and_back(tmp_path: Path) -> None:
    entry = {
        "files": ["*.csv", "!old.csv"],
        "columns": {"title": "Head", "published_at": ["Day", "Clock"]},
        "timezone": "UTC",
        "topic": "sp500",
        "csv": {"delimiter": ";"},
    }
    (news,) = load_news(write(tmp_path, {"news": [entry]}))
    assert news.columns == {"title": ("Head",), "published_at": ("Day", "Clock")}
    assert news_files_of(news.to_dict(), "here") == news


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({}, "lists no news"),
        ([], "is not 'key: value' lines"),
        ({"series": []}, "series"),
        ({"news": "x"}, "is not a list"),
        ({"news": [{"topic": "sp500"}]}, "has no files"),
        ({"news": [{"files": "*", "columns": {"headline": "x"}}]}, "headline"),
        ({"news": [{"files": "*", "columns": {"title": []}}]}, "names no column"),
        ({"news": [{"files": "*", "timezone": "Mars/Dome"}]}, "is not known"),
        ({"news": [{"files": "*", "list": ["a"]}]}, "is not text"),
        ({"news": [{"files": "*", "topic": "sp50"}]}, "sp50"),
        ({"news": [{"files": "*", "csv": {"skip": -1}}]}, "is not a number of lines"),
    ],
)
def test_what_cannot_be_used_is_named(tmp_path: Path, content: Any, words: str) -> None:
    with pytest.raises(InvalidRequest, match=words):
        load_news(write(tmp_path, content))


def test_a_folder_without_a_mapping_is_told_where_an_example_is(tmp_path: Path) -> None:
    with pytest.raises(NothingToDo, match=r"has no news\.yaml") as caught:
        load_news(tmp_path)
    assert "include/sample/news.yaml" in caught.value.hint
    with pytest.raises(InvalidRequest):
        load_news(tmp_path / "nowhere")
