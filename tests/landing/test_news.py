"""Stories come to silver once, in whatever order their versions arrive."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pyarrow as pa
import pytest

from pipelines.lake import Lake
from pipelines.landing.news import withdraw_news
from pipelines.sources.news import STORY_REJECTS
from tests.landing.news_rows import NOON, Wire, minutes, story_row


@pytest.fixture
def wire(lake: Lake) -> Wire:
    return Wire(lake)


PARTS = ("accepted", "unchanged", "replaced", "quarantined")


def test_a_story_comes_to_silver_and_its_repetition_changes_nothing(wire: Wire) -> None:
    first = wire.land(story_row(1), story_row(2, "Oil falls as stocks build in the Gulf"))
    assert [first.counts[part] for part in PARTS] == [2, 0, 0, 0]
    before = wire.silver()
    again = wire.land(story_row(1), story_row(2, "Oil falls as stocks build in the Gulf"))
    assert [again.counts[part] for part in PARTS] == [0, 2, 0, 0]
    assert wire.silver() == before
    assert len(wire.bronze()) == 2
    row = dict(
        zip(
            ("url", "title", "known_at", "topics", "language"),
            wire.silver("url, title, known_at, topics, language")[0],
            strict=True,
        )
    )
    assert (row["known_at"], row["topics"], row["language"]) == (NOON, ["sp500"], "en")


def test_a_correction_is_counted_and_the_first_title_stays(wire: Wire) -> None:
    wire.land(story_row(1, "Fed holds rates"))
    counts = wire.land(story_row(1, "Fed raises rates"), at=minutes(90))
    assert (counts.replaced, counts.corrections, counts.accepted) == (1, 1, 0)
    columns = "title, known_at, corrections, corrected_title, corrected_at"
    assert wire.silver(columns) == [("Fed holds rates", NOON, 1, "Fed raises rates", minutes(90))]


def test_an_earlier_version_that_arrives_later_takes_its_place(wire: Wire) -> None:
    late = story_row(1, "Fed raises rates", seen_at=minutes(30))
    early = story_row(1, "Fed holds rates", seen_at=minutes(10))
    wire.land(late)
    counts = wire.land(early)
    assert (counts.replaced, counts.accepted) == (1, 0)
    columns = "title, known_at, corrections, corrected_title, corrected_at"
    assert wire.silver(columns) == [
        ("Fed holds rates", minutes(10), 1, "Fed raises rates", minutes(30))
    ]


def test_an_undated_story_is_known_when_it_first_was_received(wire: Wire) -> None:
    for at in (minutes(60), minutes(30), minutes(90)):
        wire.land(story_row(1, published_at=None), at=at)
    assert wire.silver("published_at, known_at") == [(None, minutes(30))]


def test_topics_and_symbols_of_one_text_are_joined(wire: Wire) -> None:
    wire.land(story_row(1, topics=["sp500"], symbols=["SPY"]))
    wire.land(story_row(1, topics=["chips"], symbols=["NVDA", "SPY"]))
    assert wire.silver("topics, symbols") == [(["chips", "sp500"], ["NVDA", "SPY"])]


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"url": "javascript:alert(1)"}, "unsafe_url"),
        ({"url": "java\nscript:alert(1)"}, "unsafe_url"),
        ({"url": None}, "no_url"),
        ({"url": "https://news.example/" + "x" * 3000}, "long_url"),
        ({"title": "<script>alert(1)</script>"}, "no_title"),
        ({"title": "\u202e\u200b ..."}, "no_title"),
        ({"published_at": minutes(60 + 16)}, "future"),
        ({"seen_at": minutes(60 + 16)}, "future"),
        ({"published_at": NOON.replace(year=1989)}, "ancient"),
        ({"published_at": NOON - timedelta(days=366), "seen_at": NOON}, "ancient"),
    ],
)
def test_a_row_that_is_no_story_is_quarantined_once(
    wire: Wire, values: dict[str, object], reason: str
) -> None:
    for _ in range(2):
        counts = wire.land(story_row(1, **values), story_row(2))
        assert counts.reasons == Counter({reason: 1})
        assert sum(counts.counts[part] for part in PARTS) == counts.received == 2
    assert wire.quarantine() == [(reason,)]
    assert [number for (number,) in wire.silver("count(*) OVER ()")] == [1]
    assert len(wire.bronze()) == 2


def test_a_story_dated_ahead_is_taken_when_its_time_has_come(wire: Wire) -> None:
    row = story_row(1, published_at=minutes(120))
    for at in (minutes(60), minutes(121)):
        wire.land(row, at=at)
    assert wire.silver("known_at") == [(minutes(120),)]
    assert wire.land(row, at=minutes(130)).unchanged == 1


def test_rows_that_were_never_read_are_quarantined_and_counted(wire: Wire) -> None:
    reject = {
        "row": 7,
        "reason": "unparsable",
        "detail": "no JSON",
        "original": "{\0" + "x" * 30_000,
    }
    rejects = pa.Table.from_pylist([dict.fromkeys(STORY_REJECTS.names) | reject], STORY_REJECTS)
    for _ in range(2):
        counts = wire.land(story_row(1), rejects=rejects, off_topic=3)
        assert (counts.received, counts.quarantined, counts.off_topic) == (2, 1, 3)
    [(original, row, interval)] = wire.quarantine('original, row, "interval"')
    assert (len(original), row, interval) == (20_000, 7, None)


def test_a_near_equal_title_within_a_day_is_a_duplicate_of_the_earliest(wire: Wire) -> None:
    title = "Stocks rally as the Federal Reserve signals patience"
    counts = wire.land(
        story_row(1, title),
        story_row(2, f"{title}!", seen_at=minutes(5)),
        story_row(3, title.replace("patience", "patiences"), seen_at=minutes(50)),
        story_row(4, "Oil slides on oversupply", seen_at=minutes(51)),
    )
    assert (counts.accepted, counts.duplicates) == (4, 2)
    rows = wire.silver("story, duplicate_of, repeats")
    first = rows[0][0]
    assert [row[1:] for row in rows] == [(None, 2), (first, 0), (first, 0), (None, 0)]


def test_an_earlier_story_that_comes_late_takes_its_duplicates(wire: Wire) -> None:
    title = "Stocks rally as the Federal Reserve signals patience"
    wire.land(story_row(1, title, seen_at=minutes(30)), story_row(2, title, seen_at=minutes(40)))
    before = wire.silver("known_at")
    wire.land(story_row(3, title, seen_at=minutes(0)))
    rows = wire.silver("story, duplicate_of, repeats")
    assert [row[1:] for row in rows] == [(None, 2), (rows[0][0], 0), (rows[0][0], 0)]
    assert wire.silver("known_at")[1:] == before


def test_after_a_day_the_same_title_is_another_story(wire: Wire) -> None:
    day = 24 * 60
    wire.land(
        *(
            story_row(n, "Stock market today", seen_at=minutes(at), published_at=None)
            for n, at in ((1, 0), (2, day), (3, day + 1))
        ),
        at=minutes(2 * day),
    )
    rows = wire.silver("duplicate_of, repeats")
    assert [repeats for _, repeats in rows] == [1, 1, 0]
    assert rows[0][0] is None
    assert rows[1][0] != rows[2][0]


def test_hostile_text_becomes_plain_and_short(wire: Wire) -> None:
    title = "<b>Stocks\u202e</b> &amp; bonds\0 <img src=x onerror=alert(1)>fall" + " very" * 300_000
    wire.land(story_row(1, title, summary="<p>One.</p><p>Two &lt;3</p>", outlet="x" * 9000))
    [(text, summary, outlet)] = wire.silver("title, summary, outlet")
    assert text.startswith("Stocks & bonds\ufffd fall very very")
    assert (len(text), summary, len(outlet)) == (500, "One. Two <3", 200)
    [(raw,)] = wire.bronze("max(length(title))")
    assert raw == 2000


def test_a_withdrawn_batch_leaves_what_the_others_say(wire: Wire) -> None:
    title = "Stocks rally as the Federal Reserve signals patience"
    wire.land(story_row(1, title, seen_at=minutes(10)), story_row(2, title, seen_at=minutes(20)))
    before = wire.silver()
    wire.land(
        story_row(1, "Stocks slump", seen_at=minutes(1)), story_row(3, title, seen_at=minutes(0))
    )
    assert wire.silver() != before
    with wire.lake.write() as writer:
        batch = writer.one("SELECT max(batch) FROM bronze.news WHERE source = ?", [wire.name])
        assert withdraw_news(writer, wire.name, batch) == 2
    assert wire.silver() == before
    assert len(wire.bronze()) == 2
    with wire.lake.write() as writer:
        batch = writer.one("SELECT max(batch) FROM bronze.news WHERE source = ?", [wire.name])
        withdraw_news(writer, wire.name, batch)
    assert wire.silver() == wire.bronze() == []
