"""The made-up wire: the same stories in any range, a planted tone, and dirt where it is asked."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest

from pipelines.core.calendar import utc
from pipelines.lake import Lake
from pipelines.sources.news import NewsRequest
from pipelines.sources.sample import Sample, SampleNoise
from pipelines.sources.sample.dirt import Dirt
from pipelines.sources.sample.oracle import oracle_news, oracle_score
from pipelines.sources.sample.skeleton import Market
from pipelines.sources.sample.wire import (
    Wire,
    planted_means,
    reported_shocks,
    slot_closes,
    slot_opens,
)
from pipelines.steps import ingest_news

START, END = utc("2026-09-01"), utc("2026-09-04")
POSITIVE = ("rallies", "surges", "jumps", "climbs", "gains", "soars", "advances", "rebounds")
NEGATIVE = ("tumbles", "slumps", "plunges", "slides", "drops", "sinks", "retreats", "falls")


def read_tones(rows: pa.Table) -> np.ndarray:
    """Return the tone of each title, by its verb."""
    words = [set(title.split()) for title in rows["title"].to_pylist()]
    return np.array([bool(w & {*POSITIVE}) - bool(w & {*NEGATIVE}) for w in words], float)


@pytest.mark.parametrize("dirty", [False, True])
def test_any_range_has_the_same_stories(dirty: bool) -> None:
    wire = Wire(Market(), dirty=dirty)
    whole = wire.rows(START, END, END).drop_columns("row").to_pylist()
    cuts = [START, utc("2026-09-02T00:07:11+00:00"), utc("2026-09-02T18:00+00:00"), END]
    parts = []
    for start, end in pairwise(cuts):
        parts += wire.rows(start, end, END).drop_columns("row").to_pylist()
    assert parts == whole
    early = wire.rows(START, END, cuts[1])["seen_at"].to_pylist()
    assert max(early) <= cuts[1]


def test_a_weekday_has_a_thousand_stories_most_in_the_hours_of_new_york() -> None:
    rows = Wire(Market()).rows(utc("2026-09-07"), utc("2026-09-14"), utc("2027-01-01"))
    days = Counter(at.date().isoweekday() for at in rows["published_at"].to_pylist())
    assert all(1_200 < days[day] < 1_500 for day in range(1, 6)), days
    assert all(200 < days[day] < 400 for day in (6, 7)), days
    hours = Counter(at.hour for at in rows["published_at"].to_pylist())
    assert min(hours[hour] for hour in range(13, 20)) > 2 * max(hours[hour] for hour in range(5))
    urls = rows["url"].to_pylist()
    assert len(set(urls)) == len(urls)


def test_the_stories_of_an_hour_speak_of_the_next_bar_and_report_on_the_one_in_progress() -> None:
    start, end = utc("2026-01-01"), utc("2026-07-01")
    rows = Wire(Market()).rows(start, end, end)
    seen_at = np.asarray(rows["seen_at"].cast(pa.int64())).astype("datetime64[us]")
    after = np.searchsorted(slot_opens(), seen_at)
    tones = read_tones(rows)
    slots = np.unique(after)
    mean_tone = np.array([tones[after == slot].mean() for slot in slots])
    in_session = slot_closes()[slots - 1] == slot_opens()[slots]
    next_bar = planted_means(Market(), 0.3)[slots]
    in_progress = reported_shocks(Market())[slots - 1]
    both = np.stack([next_bar, in_progress, np.ones(len(slots))], axis=1)
    explained = both @ np.linalg.lstsq(both[in_session], mean_tone[in_session], rcond=None)[0]
    assert np.corrcoef(mean_tone[in_session], explained[in_session])[0, 1] > 0.9
    assert np.corrcoef(mean_tone[in_session], in_progress[in_session])[0, 1] > 0.3
    assert np.corrcoef(mean_tone[~in_session], next_bar[~in_session])[0, 1] > 0.9
    assert abs(np.corrcoef(mean_tone[~in_session], in_progress[~in_session])[0, 1]) < 0.3


@pytest.mark.parametrize("symbol", ["SPY", "ES", "QQQ"])
def test_the_oracle_of_news_says_what_bars_do_not(symbol: str) -> None:
    start, end = utc("2016-01-01"), utc("2026-01-01")
    news, bars = (oracle(Market(), symbol, start, end) for oracle in (oracle_news, oracle_score))
    assert 0.24 < np.corrcoef(news.score, news.outcome)[0, 1] < 0.32
    assert abs(np.corrcoef(news.score, bars.score)[0, 1]) < 0.03
    both = np.corrcoef(news.score + bars.score, news.outcome)[0, 1]
    assert both > np.corrcoef(bars.score, bars.outcome)[0, 1] + 0.08
    slope = np.polyfit(news.score, news.outcome - bars.score, 1)[0]
    assert 0.85 < slope < 1.15


def test_noise_has_the_same_headlines_without_meaning() -> None:
    start, end = utc("2018-01-01"), utc("2026-01-01")
    assert not oracle_news(Market(rank_ic=0), "SPY", start, end).score.any()
    outcome = oracle_score(Market(), "SPY", start, end)
    after = np.searchsorted(slot_opens(), outcome.ts) + 1
    for of in (planted_means(Market(rank_ic=0), 0.3), reported_shocks(Market(rank_ic=0))):
        assert abs(np.corrcoef(of[after], outcome.outcome)[0, 1]) < 0.03
    wires = [Wire(Market(rank_ic=ic)).rows(START, END, END) for ic in (0.2, 0)]
    assert wires[0]["url"].to_pylist() == wires[1]["url"].to_pylist()


def test_a_dirty_wire_shows_every_fault_and_all_of_it_is_accounted_for(lake: Lake) -> None:
    source = Sample(dirt=Dirt())
    report = ingest_news(lake, source, "sp500", START, END, as_of=END)
    counts = report.counts
    parts = ("accepted", "unchanged", "replaced", "quarantined")
    assert counts["received"] == sum(counts[part] for part in parts)
    assert set(report.landed.reasons) == {"unsafe_url", "no_title"}
    assert counts["duplicates"] > 100
    assert counts["corrections"] > 50
    languages = {code for (code,) in lake.rows("SELECT DISTINCT language FROM silver.news")}
    assert {"en", "de", "fr", "es", "pl", "id"} == languages
    [(late, markup, longest)] = lake.rows(
        """SELECT count(*) FILTER (known_at > published_at + INTERVAL 10 MINUTE),
                  count(*) FILTER (regexp_matches(title, '<[a-z]|[\\x{202e}\\x{1b}]')),
                  max(length(title)) FROM silver.news"""
    )
    assert (late > 100, markup, longest) == (True, 0, 500)


def test_an_answer_gives_the_same_stories_again() -> None:
    request = NewsRequest("sp500", START, END, END)
    [answer] = SampleNoise().fetch_news(request)
    news = SampleNoise().parse_news(answer)
    assert news.stories.equals(SampleNoise(seed=1).parse_news(answer).stories)
    assert 0 < news.off_topic < 0.1 * news.stories.num_rows
    week = timedelta(days=7)  # a Monday's midnight parts two pieces, and none is after `as_of`
    pieces = list(Sample().news_pieces(NewsRequest("sp500", START - week, END + week, END)))
    assert [piece.end for piece in pieces] == [utc("2026-08-31"), END]
