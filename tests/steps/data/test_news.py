"""News of a topic come to silver piece by piece; what fails is said, and stops nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import ClassVar

import pytest

from pipelines.core.errors import CheckFailed, InvalidRequest, SourceError, SourceUnavailable
from pipelines.lake import Lake
from pipelines.sources.base import Answer
from pipelines.sources.news import NewsRequest, ParsedNews
from pipelines.sources.sample import Sample, SampleNoise
from pipelines.steps import ingest_news
from tests.commands import Bullion
from tests.landing.news_rows import parsed, story_row

START = datetime(2026, 9, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


class HourlyWire:
    """A source of one story an hour, some of whose hours fail."""

    name: ClassVar[str] = "hourly"
    is_sample: ClassVar[bool] = True
    datasets: ClassVar[tuple[str, ...]] = ("news",)
    resumes_news: ClassVar[bool] = True
    whole_news: ClassVar[bool] = False

    def __init__(self, failing: dict[int, Exception] | None = None, **values: object) -> None:
        self.failing, self.values = failing or {}, values
        self.requested: list[int] = []

    def news_pieces(self, request: NewsRequest) -> Iterator[NewsRequest]:
        start = request.start
        while start < request.end:
            yield replace(request, start=start, end=min(start + HOUR, request.end))
            start += HOUR

    def fetch_news(self, request: NewsRequest) -> Iterator[Answer]:
        hour = (request.start - START) // HOUR
        self.requested.append(hour)
        if hour in self.failing:
            raise self.failing[hour]
        yield Answer(
            self.name, "news", {"hour": hour}, b"{}", "application/json", datetime.now(UTC)
        )

    def parse_news(self, answer: Answer) -> ParsedNews:
        hour = int(answer.query["hour"])
        if hour < 0:
            raise SourceError("the answer is no JSON")
        return parsed(story_row(hour, seen_at=START + hour * HOUR, **self.values), off_topic=2)


def test_each_piece_is_a_commit_with_its_record(lake: Lake) -> None:
    report = ingest_news(lake, HourlyWire(), "sp500", START, START + 3 * HOUR, run="test")
    report.enforce()
    assert (report.counts["accepted"], report.counts["off_topic"]) == (3, 6)
    runs = lake.rows(
        "SELECT step, about, status, counts, interval_start FROM gold.runs ORDER BY finished_at"
    )
    assert [run[:3] for run in runs] == [("ingest_news", "sp500", "ok")] * 3
    assert [json.loads(run[3])["accepted"] for run in runs] == [1, 1, 1]
    assert [run[4] for run in runs] == [START + n * HOUR for n in range(3)]
    assert lake.rows("SELECT count(*), count(DISTINCT batch) FROM bronze.answers") == [(3, 3)]
    assert "3 accepted" in report.summary()


def test_pieces_that_an_earlier_run_brought_are_not_requested_again(lake: Lake) -> None:
    ingest_news(lake, HourlyWire({1: SourceError("broken")}), "sp500", START, START + 3 * HOUR)
    wire = HourlyWire()
    report = ingest_news(lake, wire, "sp500", START, START + 3 * HOUR)
    assert (wire.requested, report.resumed) == ([1], 2)
    forced = HourlyWire()
    report = ingest_news(lake, forced, "sp500", START, START + 3 * HOUR, force=True)
    assert (forced.requested, report.counts["unchanged"]) == ([0, 1, 2], 3)


class HalfWire(HourlyWire):
    """A source whose pieces have a second answer, which fails."""

    def fetch_news(self, request: NewsRequest) -> Iterator[Answer]:
        yield from super().fetch_news(request)
        raise SourceError("the second answer is missing")


def test_a_piece_of_which_an_answer_is_missing_is_requested_again(lake: Lake) -> None:
    report = ingest_news(lake, HalfWire(), "sp500", START, START + HOUR)
    assert (report.counts["accepted"], report.status) == (1, "failed")
    wire = HourlyWire()
    report = ingest_news(lake, wire, "sp500", START, START + HOUR)
    assert (wire.requested, report.resumed, report.counts["unchanged"]) == ([0], 0, 1)
    wire = HourlyWire()
    assert ingest_news(lake, wire, "sp500", START, START + HOUR).resumed == 1
    assert wire.requested == []


class RememberingWire(HourlyWire):
    """A source that notes how many answers the lake has when it is to remember some."""

    def __init__(self, lake: Lake, failing: dict[int, Exception]) -> None:
        super().__init__(failing)
        self.lake = lake
        self.remembered: list[tuple[list[int], int]] = []

    def news_committed(self, answers: Sequence[Answer]) -> None:
        [(count,)] = self.lake.rows("SELECT count(*) FROM bronze.answers")
        self.remembered.append(([answer.query["hour"] for answer in answers], count))


def test_a_source_remembers_answers_once_they_are_committed(lake: Lake) -> None:
    wire = RememberingWire(lake, {1: SourceError("broken")})
    ingest_news(lake, wire, "sp500", START, START + 3 * HOUR)
    assert wire.remembered == [([0], 1), ([2], 2)]


def test_a_piece_that_fails_is_said_and_the_others_come(lake: Lake) -> None:
    wire = HourlyWire({1: SourceError("the answer of 13:00 is no JSON")})
    report = ingest_news(lake, wire, "sp500", START, START + 3 * HOUR)
    assert report.counts["accepted"] == 2
    with pytest.raises(SourceError, match="the answer of 13:00 is no JSON"):
        report.enforce()
    [(status, message)] = lake.rows(
        "SELECT status, message FROM gold.runs ORDER BY finished_at DESC LIMIT 1"
    )
    assert (status, message) == ("failed", "the answer of 13:00 is no JSON")


def test_a_source_that_is_down_is_left_alone(lake: Lake) -> None:
    wire = HourlyWire({n: SourceUnavailable(f"down at {n}") for n in range(9)})
    report = ingest_news(lake, wire, "sp500", START, START + 9 * HOUR)
    assert wire.requested == [0, 1, 2]
    assert report.failures[-1] == "6 more pieces were not requested"


def test_news_that_are_all_rejected_fail_the_run(lake: Lake) -> None:
    report = ingest_news(lake, HourlyWire(title=" "), "sp500", START, START + HOUR)
    with pytest.raises(CheckFailed, match="no_title"):
        report.enforce()


def test_a_span_without_news_is_a_run_too(lake: Lake) -> None:
    start = datetime(2014, 1, 1, tzinfo=UTC)
    report = ingest_news(lake, Sample(), "sp500", start, start + HOUR)
    report.enforce()
    assert report.counts["received"] == 0
    assert lake.rows("SELECT status FROM gold.runs") == [("ok",)]


@pytest.mark.parametrize(("hours", "words"), [(0, "before it starts"), (10**5, "after 20")])
def test_a_span_that_cannot_be_is_refused(lake: Lake, hours: int, words: str) -> None:
    start = START + hours * HOUR
    with pytest.raises(InvalidRequest, match=words):
        ingest_news(lake, HourlyWire(), "sp500", start, start + (hours > 0) * HOUR)


def test_a_backfill_in_any_direction_gives_the_same_silver(lake: Lake) -> None:
    day = timedelta(days=1)
    at = START + 3 * day
    for number in (2, 0, 1, 0):
        since = START + number * day
        ingest_news(lake, Sample(), "sp500", since, since + day, as_of=at).enforce()
    ingest_news(lake, Sample(seed=7), "sp500", START, START + 3 * day, as_of=at).enforce()
    columns = "* EXCLUDE (source, batch)"
    rows = lake.rows(f"SELECT {columns} FROM silver.news ORDER BY known_at, story")
    ingest_news(lake, SampleNoise(), "sp500", START, START + 3 * day, as_of=at).enforce()
    noise = lake.rows(
        "SELECT story, known_at FROM silver.news WHERE source = 'sample_noise' ORDER BY ALL"
    )
    assert len(rows) > 3000
    assert {story for story, _ in noise} == {row[0] for row in rows}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--dataset", "news"), "no topic was named"),
        (("--dataset", "news", "--topic", "sp50"), "did you mean sp500?"),
        (("--dataset", "newz", "--topic", "sp500"), "sources of bars: sample"),
        (("--dataset", "weights"), "run bullion weights"),
        (("--dataset", "news", "--source", "yahoo", "--topic", "sp500"), "yahoo has no news"),
        (("--dataset", "news", "--topic", "sp500", "--symbols", "AAPL"), "news have no --symbols"),
        (("--topic", "sp500", "--universe", "qqq"), "bars have no topic"),
    ],
)
def test_what_cannot_be_asked_for_is_refused_in_words(
    bullion: Bullion, arguments: tuple[str, ...], words: str
) -> None:
    code, _, err = bullion("ingest", *arguments)
    assert code == 2
    assert words in " ".join(err.split())


def test_the_command_brings_news(bullion: Bullion) -> None:
    arguments = ("--start", "2026-09-01T12:00+00:00", "--end", "2026-09-01T13:00+00:00")
    code, out, _ = bullion("ingest", "--dataset", "news", "--topic", "sp500", *arguments)
    assert code == 0
    assert "sample news of sp500" in out
    assert "0 quarantined" in out
