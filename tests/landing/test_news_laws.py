"""Laws of silver.news: whatever the order of arrival and its grouping, and however often."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.lake import Lake
from pipelines.landing.news import land_news
from pipelines.sources.base import Answer
from pipelines.sources.news import ParsedNews
from tests.landing.news_rows import NOON, Wire, answer_at, minutes, parsed, story_row

PARTS = ("accepted", "unchanged", "replaced", "quarantined")
TITLES = (
    "Stocks rally as Federal Reserve signals patience",
    "Stocks rally as the Federal Reserve signals patience",
    "Stocks slump as Federal Reserve signals nothing",
    "<p></p>",
)
# A handful of addresses and titles, over three days: versions and repetitions meet.
ROWS = st.builds(
    story_row,
    st.integers(1, 5),
    st.sampled_from(TITLES),
    seen_at=st.one_of(st.none(), st.integers(0, 70).map(lambda n: minutes(60 * n))),
    published_at=st.one_of(st.none(), st.integers(0, 72).map(lambda n: minutes(60 * n))),
    topics=st.sampled_from([["sp500"], ["chips"], None]),
    url=st.integers(1, 5).map(lambda n: f"https://news.example/{n}"),
)
RECEIVED = st.integers(0, 80).map(lambda n: minutes(60 * n))
ARRIVALS = st.lists(st.tuples(RECEIVED, ROWS), min_size=1, max_size=14)
LAWS = settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])


def land_groups(wire: Wire, groups: list[list[tuple[Any, dict[str, Any]]]]) -> None:
    """Land rows group by group, each group in a commit of its own."""
    for group in groups:
        pieces: list[tuple[Answer, ParsedNews]] = [
            (answer_at(received, wire.name), parsed(row)) for received, row in group
        ]
        with wire.lake.write() as writer:
            counts, verdicts = land_news(writer, wire.name, pieces)
        assert all(verdict.passed for verdict in verdicts)
        assert sum(counts.counts[part] for part in PARTS) == counts.received == len(group)


@LAWS
@given(ARRIVALS, st.randoms(use_true_random=False), st.integers(1, 6))
def test_any_order_and_grouping_of_arrival_give_the_same_silver(
    lake: Lake, arrivals: list[tuple[Any, dict[str, Any]]], random: Any, size: int
) -> None:
    whole, parts = Wire(lake), Wire(lake)
    land_groups(whole, [arrivals])
    shuffled = random.sample(arrivals, len(arrivals))
    land_groups(parts, [shuffled[at : at + size] for at in range(0, len(shuffled), size)])
    assert parts.silver() == whole.silver()
    assert set(parts.quarantine("reason, ts, original")) == set(
        whole.quarantine("reason, ts, original")
    )


@LAWS
@given(ARRIVALS)
def test_a_replay_changes_nothing(lake: Lake, arrivals: list[tuple[Any, dict[str, Any]]]) -> None:
    wire = Wire(lake)
    land_groups(wire, [arrivals])
    before = wire.silver("*"), wire.bronze("count(*)"), wire.quarantine("*")
    for received, row in arrivals:
        counts = wire.land(row, at=received)
        assert counts.accepted == counts.replaced == 0
    assert (wire.silver("*"), wire.bronze("count(*)"), wire.quarantine("*")) == before


@LAWS
@given(ARRIVALS, RECEIVED, ROWS)
def test_a_later_story_changes_no_time_of_the_others(
    lake: Lake, arrivals: list[tuple[Any, dict[str, Any]]], received: Any, row: dict[str, Any]
) -> None:
    wire = Wire(lake)
    land_groups(wire, [arrivals])
    before = dict(wire.silver("url, (known_at, title)"))
    later = max(at for at, _ in arrivals) + timedelta(hours=1)
    wire.land(row | {"seen_at": later}, at=max(received, later))
    after = dict(wire.silver("url, (known_at, title)"))
    assert {url: after[url] for url in before} == before
    assert min((known for known, _ in after.values()), default=NOON) >= NOON
