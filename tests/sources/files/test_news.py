"""Articles of a folder, in any shape, as stories of a topic."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from pipelines.core.errors import InvalidRequest, SourceError
from pipelines.lake import Lake
from pipelines.lake.export import export_schema
from pipelines.sources.files import Files, news
from pipelines.sources.news import NewsRequest, ParsedNews
from pipelines.sources.sample import Sample
from pipelines.steps import ingest_news
from tests.sources.files.folder import news_folder
from tests.sources.news_requests import at, stories

pytestmark = pytest.mark.usefixtures("markets")
ALWAYS = NewsRequest("markets", at("1900-01-01"), datetime.now(UTC), datetime.now(UTC))
EXAMPLE = Path(__file__).resolve().parents[3] / "include" / "sample"


def read(files: Files, request: NewsRequest = ALWAYS) -> list[ParsedNews]:
    return [files.parse_news(answer) for answer in files.fetch_news(request)]


def parse_file(
    tmp_path: Path, body: Any, name: str = "a.csv", request: NewsRequest = ALWAYS, **entry: Any
) -> ParsedNews:
    """The only file of a folder, read by a mapping with these keys."""
    text = body if isinstance(body, str | bytes) else json.dumps(body)
    (parsed,) = read(news_folder(tmp_path, {name: text}, {"files": "a.*", **entry}), request)
    return parsed


def rejects_of(parsed: ParsedNews) -> list[tuple[int, str]]:
    return [(row["row"], row["reason"]) for row in parsed.rejects.to_pylist()]


def test_usual_columns_need_no_mapping(tmp_path: Path) -> None:
    head = "article_id,Headline,Link,source,published_at,collected_at,language,Tickers\n"
    body = (
        head + "1,stocks rise,https://a.example/1,Wire,2026-09-01T12:00Z,2026-10-01,English,A;B\n"
    )
    parsed = parse_file(tmp_path, body)
    assert parsed.stories.to_pylist() == [
        {
            "url": "https://a.example/1",
            "title": "stocks rise",
            "summary": None,
            "outlet": "Wire",
            "language": "English",
            "published_at": at("2026-09-01T12:00"),
            "seen_at": None,  # when it was collected says nothing of when it was known
            "symbols": ["A", "B"],
            "topics": ["markets"],
            "row": 2,
        }
    ]


def test_a_mapping_names_columns_lists_and_times(tmp_path: Path) -> None:
    entry = {
        "columns": {
            "title": ["Head", "Kurz"],
            "url": "Ort",
            "published_at": ["Tag", "Uhr"],
            "symbols": "S",
        },
        "time_format": "%d.%m.%Y %H:%M",
        "timezone": "Europe/Berlin",
        "separator": " ",
        "topic": "markets",
        "csv": {"delimiter": ";"},
    }
    body = "Head;Kurz;Ort;Tag;Uhr;S\n;Hausse;https://a.example;01.09.2026;14:00;DAX SAP\n"
    (row,) = parse_file(tmp_path, body, **entry).stories.to_pylist()
    assert (row["title"], row["symbols"]) == ("Hausse", ["DAX", "SAP"])
    assert row["published_at"] == at("2026-09-01T12:00")


def test_objects_of_json_in_a_list(tmp_path: Path) -> None:
    articles = [
        {"title": "stocks", "link": "https://a.example/1", "providerPublishTime": 1788264000,
         "source": {"id": None, "name": "Wire"}, "relatedTickers": ["AAPL", "AAPL"]},
        {"title": "Apple", "meta": {"address": "https://a.example/2"}, "topics": "[markets, x]"},
    ]  # fmt: skip
    entry = {"list": "body.news", "columns": {"url": ["link", "meta.address"]}}
    body = {"body": {"news": articles}}
    first, second = parse_file(tmp_path, body, "a.json", **entry).stories.to_pylist()
    assert (first["outlet"], first["symbols"]) == ("Wire", ["AAPL"])
    assert first["published_at"] == at("2026-09-01T12:00")
    assert (second["url"], second["symbols"]) == ("https://a.example/2", ["AAPL"])


def test_a_row_is_a_story_a_reject_or_off_topic(tmp_path: Path) -> None:
    articles = [
        {"title": "stocks", "url": "https://a.example/1"},
        {"title": "a recipe", "url": "https://a.example/2"},
        {"url": "https://a.example/3"},
        {"title": "stocks", "date": "yesterday"},
        {"title": 7},
        "text",
        {"title": "other", "topics": ["markets"]},
        {"title": "stocks", "symbols": [7]},
    ]
    parsed = parse_file(tmp_path, articles, "a.json")
    assert [row["row"] for row in parsed.stories.to_pylist()] == [1, 7]
    assert rejects_of(parsed) == [
        (3, "no_title"), (4, "bad_time"), (5, "not_text"), (6, "not_an_object"), (8, "not_text"),
    ]  # fmt: skip
    assert parsed.off_topic == 1
    (answer,) = Files(tmp_path).fetch_news(ALWAYS)
    stored = replace(answer, query=json.loads(json.dumps(answer.query)))
    again = Files(tmp_path / "gone").parse_news(stored)
    assert (again.stories.equals(parsed.stories), again.off_topic) == (True, 1)


def test_a_topic_in_the_mapping_takes_every_article(tmp_path: Path) -> None:
    assert parse_file(tmp_path, "title,url\nbread,u\n", topic="markets").stories.num_rows == 1
    assert parse_file(tmp_path, "title,url\nbread,u\n", topic="sp500").off_topic == 1


def test_a_date_alone_is_known_at_the_end_of_its_day(tmp_path: Path) -> None:
    body = "title,url,date,seen_at\nstocks,u,2026-09-01,\nstocks,v,2026-09-01,2026-09-01T09:00Z\n"
    rows = parse_file(tmp_path, body, timezone="UTC").stories.to_pylist()
    assert [row["published_at"] for row in rows] == [at("2026-09-01")] * 2
    assert [row["seen_at"] for row in rows] == [at("2026-09-02"), at("2026-09-01T09:00")]


def test_a_span_has_the_stories_that_became_known_in_it(tmp_path: Path) -> None:
    times = ["2026-09-01T09:59Z", "2026-09-01T10:00Z", "2026-09-01T10:59Z", "2026-09-01T11:00Z",
             "", "2999-01-01T00:00Z", "x"]  # fmt: skip
    body = "title,url,date\n" + "".join(f"stocks,{n},{time}\n" for n, time in enumerate(times))
    start, end = at("2026-09-01T10:00"), at("2026-09-01T11:00")
    parsed = parse_file(tmp_path, body, request=replace(ALWAYS, start=start, end=end))
    # Undated, and dated in the future: known from when they are received, whatever the span.
    assert parsed.stories["url"].to_pylist() == ["1", "2", "4", "5"]
    assert (rejects_of(parsed), parsed.off_topic) == ([(8, "bad_time")], 0)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("head,url\na,b\n", "has no column for title"),
        ("title,text\na,b\n", "has no column for url"),
        ("title,url,date\na,b,2026-09-01 10:00\n", "carry no time zone"),
        ("PK\x03\x04 stocks", "zip or Excel"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path, body: str, words: str) -> None:
    with pytest.raises((SourceError, InvalidRequest), match=words):
        parse_file(tmp_path, body)


def test_the_number_of_articles_and_rejects_is_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(news, "MOST_ARTICLES", 2)
    assert parse_file(tmp_path, "title,url\nstocks,1\nstocks,2\n").stories.num_rows == 2
    with pytest.raises(SourceError, match="more than the 2 articles"):
        parse_file(tmp_path, "title,url\nstocks,1\nstocks,2\nstocks,3\n")
    monkeypatch.setattr(news, "MOST_REJECTS", 1)
    with pytest.raises(SourceError, match="more than 1 rows that are no articles"):
        parse_file(tmp_path, "title,url\n,1\n,2\n")


def test_an_unreadable_file_does_not_stop_the_good_ones(tmp_path: Path) -> None:
    body = gzip.compress(b"title,url\nstocks,1\n")
    files = news_folder(tmp_path, {"a.csv.gz": body}, {"files": "*.csv*"})
    (tmp_path / "b.csv").symlink_to("/etc/hostname")
    answers = files.fetch_news(ALWAYS)
    assert len(stories(files, [next(answers)])) == 1
    with pytest.raises(SourceError, match="leads out of its folder"):
        next(answers)


def test_a_glob_that_fits_no_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match=r"no file in .* fits the globs of its news\.yaml"):
        read(news_folder(tmp_path, {}, {"files": "*"}))  # the mapping itself is no news


def test_the_shipped_example_reads_without_a_reject() -> None:
    (parsed,) = read(Files(EXAMPLE), replace(ALWAYS, topic="sp500"))
    assert (parsed.stories.num_rows, parsed.rejects.num_rows, parsed.off_topic) == (3, 0, 1)


def test_an_exported_silver_comes_back_as_it_was(lake: Lake, tmp_path: Path) -> None:
    start, end = at("2026-09-01T12:00"), at("2026-09-01T15:00")
    ingest_news(lake, Sample(), "sp500", start, end).enforce()
    list(export_schema(lake, tmp_path / "exported", schema="silver"))
    folder = tmp_path / "exported" / "silver"
    files = news_folder(folder, {}, {"files": "news.parquet"})
    report = ingest_news(lake, files, "sp500", None, datetime.now(UTC))
    report.enforce()
    assert report.counts["accepted"] == report.counts["received"] > 100
    columns = "* EXCLUDE (source, batch, received_at, corrections, corrected_title, corrected_at)"
    sample, again = (
        lake.rows(f"SELECT {columns} FROM silver.news WHERE source = ? ORDER BY story", [name])
        for name in ("sample", "files")
    )
    assert again == sample
