"""The routes of news answer what the tables say, page by page, and poll cheaply."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from pipelines.lake import Lake
from pipelines.steps.lake import open_lake
from serving.schemas.news import NewestNewsSignal, NewsSignals, RecentStories
from tests import empty_lake
from tests.serving.scored_api import (
    NEWS_END,
    NEWS_STALE_AT,
    SOURCE,
    TOPIC,
    api_at,
    at,
    own_settings,
    problem,
)


@pytest.fixture(scope="module")
def scored_lake(scored_folder: Path) -> Iterator[Lake]:
    """The lake that the API reads."""
    with open_lake(empty_lake.at(scored_folder), read_only=True) as lake:
        yield lake


RECENT, SIGNALS = "/news/recent", f"/news/signals?topic={TOPIC}"
NEWEST = f"/news/signals/newest?topic={TOPIC}"


def test_stories_are_those_of_silver_with_their_sentiment(
    api: TestClient, scored_lake: Lake
) -> None:
    answer = RecentStories.model_validate_json(api.get(RECENT).text)
    rows = scored_lake.sql(
        """SELECT n.story, n.title, n.known_at, s.sentiment, s.sentiment_model,
                  s.sentiment_version, s.asked_model
           FROM silver.news n JOIN gold.news_sentiment s USING (source, story)
           WHERE n.duplicate_of IS NULL ORDER BY n.known_at DESC, n.story DESC"""
    ).to_pylist()
    assert len(answer.rows) == len(rows) > 10
    for row, expected in zip(answer.rows, rows, strict=True):
        assert {name: getattr(row, name) for name in expected} == expected
    assert answer.sample
    assert answer.data_source == SOURCE


def test_stories_of_a_topic_a_symbol_and_since_an_instant(
    api: TestClient,
) -> None:
    everything = api.get(RECENT).json()["rows"]
    assert api.get(RECENT, params={"topic": TOPIC}).json()["rows"] == [
        row for row in everything if TOPIC in row["topics"]
    ]
    assert api.get(RECENT, params={"symbol": "no such"}).json()["rows"] == []
    since = everything[5]["known_at"]
    newer = api.get(RECENT, params={"since": since}).json()["rows"]
    assert newer == [row for row in everything if row["known_at"] >= since]


@pytest.mark.parametrize("path", [f"{RECENT}?", f"{SIGNALS}&"])
def test_pages_join_to_the_whole(api: TestClient, path: str) -> None:
    whole = api.get(path).json()["rows"]
    rows: list[Any] = []
    cursor = ""
    while True:
        page = api.get(f"{path}limit=3{cursor}").json()
        rows += page["rows"]
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"
    assert rows == whole
    assert len(whole) > 6


def test_signals_are_those_of_gold(api: TestClient, scored_lake: Lake) -> None:
    answer = NewsSignals.model_validate_json(api.get(SIGNALS).text)
    rows = scored_lake.sql(
        "SELECT * EXCLUDE (batch) FROM gold.news_signals ORDER BY window_end DESC"
    ).to_pylist()
    assert [row.model_dump() for row in answer.rows] == [
        {name: row[name] for name in type(answer.rows[0]).model_fields} for row in rows
    ]


def test_the_newest_signal_says_its_age_and_when_it_is_late(api: TestClient) -> None:
    newest = NewestNewsSignal.model_validate_json(api.get(NEWEST).text)
    assert (newest.window_end, newest.stale, newest.age_seconds) == (NEWS_END, False, 900)
    assert newest.stale_at == NEWS_STALE_AT
    with at(api, NEWS_STALE_AT.timestamp()):
        late = api.get(NEWEST).json()
    assert late["stale"]
    assert late["notices"][0].startswith("stale: the window after")


@pytest.mark.parametrize("path", [RECENT, SIGNALS, NEWEST, "/signals/history?live=false"])
def test_what_has_not_changed_is_not_sent_again(api: TestClient, path: str) -> None:
    first = api.get(path)
    tag = first.headers["etag"]
    again = api.get(path, headers={"If-None-Match": tag})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    assert api.get(path, headers={"If-None-Match": 'W/"other"'}).status_code == 200


def test_each_form_and_each_page_has_a_tag_of_its_own(api: TestClient) -> None:
    tags = {
        api.get(path, headers={"Accept": accept}).headers["etag"]
        for path in (RECENT, f"{RECENT}?limit=3")
        for accept in ("application/json", "text/csv")
    }
    assert len(tags) == 4


def test_csv_has_the_same_rows_and_no_formulas(api: TestClient) -> None:
    rows = api.get(RECENT).json()["rows"]
    text = api.get(RECENT, headers={"Accept": "text/csv"}).text
    lines = list(csv.DictReader(io.StringIO(text)))
    assert [line["story"] for line in lines] == [row["story"] for row in rows]
    assert all(line["title"][:1] not in "=+-@" for line in lines)
    assert lines[0]["topics"] == f'["{TOPIC}"]'


@pytest.mark.parametrize(
    ("path", "field"),
    [
        (f"{RECENT}?topic=sp501", "topic"),
        ("/news/signals", "topic"),
        ("/news/signals/newest?topic=sp501", "topic"),
        (f"{RECENT}?since=yesterday", "since"),
        (f"{RECENT}?limit=0", "limit"),
        (f"{RECENT}?headline=x", "headline"),
    ],
)
def test_what_cannot_be_asked_is_refused_with_the_field(
    api: TestClient, path: str, field: str
) -> None:
    answer = api.get(path)
    assert answer.status_code == 422
    assert problem(answer).field == field


def test_a_cursor_of_another_table_is_refused(api: TestClient) -> None:
    cursor = api.get("/models/decisions?limit=1").headers.get("X-Next-Cursor") or "WyJ4Il0"
    assert api.get(f"{RECENT}?cursor={cursor}").status_code == 422


def test_news_want_the_key_that_reads_want(scored_folder: Path) -> None:
    with own_settings({}), api_at(scored_folder, keys="secret") as client:
        for path in (RECENT, SIGNALS, NEWEST):
            assert client.get(path).status_code == 401
            assert client.get(path, headers={"X-API-Key": "secret"}).status_code == 200
