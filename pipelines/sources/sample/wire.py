"""A made-up newswire that knows what the sample's market will do next.

A slot of half a minute has a story or none, more often in New York's hours and seldom on weekends:
1,300 to 1,450 on a weekday, some 280 on a day of a weekend. A story's id is its slot, so that any
range gives the same stories.

The stories of an hour speak of the hourly bar that opens next: each is positive, negative or
neutral with chances that follow the planted mean m of that bar, which is
`strength` * u + sqrt(1 - strength²) * e. Here u is the shock that the market factor will have in
that bar, which no bar before it predicts, and e is noise: both are of unit variance. Nobody could
write such news. It is made-up data: the sample knows its future, and so a forecast can be tested
on what news are worth.

While the market is open they also report, as most of a real wire does, what the bar in progress has
done so far. Once that bar has closed its own return says so too, and a forecast can take it out.
One that reads news of the hour that it forecasts sees in it the very thing that it forecasts.

sample_noise has the same wire with a strength of 0, and its reports are of no market: its tones
come and go as much, and mean nothing.

Dirt (BULLION_SAMPLE_DIRT=1) adds what real wires do: the same story at another outlet under a
slightly other title, stories that the source has hours late, corrections, other languages, and
hostile text.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow as pa

from pipelines.core.calendar import UTC_TYPE, utc
from pipelines.core.instants import to_numpy
from pipelines.sources.news import STORIES
from pipelines.sources.sample.headlines import (
    HOSTILE,
    OUTLETS,
    build_foreign,
    build_off_topic,
    build_title,
    correct_title,
    vary_title,
)
from pipelines.sources.sample.skeleton import (
    MOST_SLOTS,
    SLOT,
    Market,
    generator,
    grid,
    market_shocks,
    stream,
)

STORY_SECONDS = 30
STORY_SLOTS = 24 * 3600 // STORY_SECONDS  # of a day
NUMBERS = 8  # random ones of a slot; STORY_SLOTS * NUMBERS is a multiple of four, as Philox draws
STRENGTH = 0.3  # correlation of the planted mean with the market's next shock
TONES = 0.4  # share of the positive and of the negative stories in a quiet hour
SWING = 0.9  # how far the planted mean moves these, and what is reported
REPORTED = 1.0  # what a bar has done by its close, beside the planted mean
OFF_TOPIC = 0.06  # share of the stories
LATEST = timedelta(hours=12)  # that a story comes late
# Shares of the stories, where the sample plays dirty.
DIRT = {"duplicate": 0.06, "late": 0.03, "correction": 0.03, "foreign": 0.04, "hostile": 0.01}
# Chance of a slot, by the hour of the day (UTC) on a weekday.
HOURS = np.repeat([0.20, 0.35, 0.55, 0.75, 0.40, 0.20], [6, 5, 2, 8, 2, 1])
WEEKEND = 0.2  # of that
FIRST_DAY = np.datetime64("2015-01-01", "D")
SECOND = np.timedelta64(1, "s")

Row = dict[str, Any]  # of STORIES


@dataclass(frozen=True)
class Wire:
    """The newswire of one market: how much it knows, and whether it is dirty."""

    market: Market
    strength: float = STRENGTH
    dirty: bool = False

    def rows(self, start: datetime, end: datetime, as_of: datetime) -> pa.Table:
        """Return the rows (STORIES) that the source had from start to end, by `as_of`."""
        first = max(utc(start) - LATEST, utc("2015-01-01")) if self.dirty else utc(start)
        low, high = (
            int((to_numpy(at).astype("datetime64[D]") - FIRST_DAY).astype(int))
            for at in (first - timedelta(hours=1), end)
        )
        rows = [row for day in range(max(low, 0), high + 1) for row in self._day_rows(day)]
        begin, stop, limit = to_numpy(start), to_numpy(end), to_numpy(as_of)
        stories = [
            row for row in rows if begin <= row["seen_at"] < stop and row["seen_at"] <= limit
        ]
        stories.sort(key=lambda row: (row["seen_at"], row["url"] or ""))
        columns = {
            name: pa.array([row.get(name) for row in stories], STORIES.field(name).type)
            for name in ("url", "title", "summary", "outlet", "language")
        }
        for name in ("published_at", "seen_at"):
            times = np.array([row[name] for row in stories], "datetime64[us]")
            columns[name] = pa.array(times).cast(UTC_TYPE)
        for name in ("symbols", "topics"):
            columns[name] = pa.nulls(len(stories), STORIES.field(name).type)
        columns["row"] = pa.array(np.arange(1, len(stories) + 1))
        return pa.table([columns[name] for name in STORIES.names], schema=STORIES)

    def _day_rows(self, day: int) -> list[Row]:
        """Return what is told of the stories of one day, whenever the source has it."""
        key = stream(self.market.seed, "wire")
        draws = np.random.Philox(key=key, counter=day * (STORY_SLOTS * NUMBERS // 4))
        raw = draws.random_raw(STORY_SLOTS * NUMBERS).reshape(STORY_SLOTS, NUMBERS)
        number = (raw >> np.uint64(11)).astype(np.int64)
        uniform = number / 2.0**53
        date = FIRST_DAY + day
        share = HOURS[np.arange(STORY_SLOTS) * STORY_SECONDS // 3600]
        share = share * (1.0 if np.is_busday(date) else WEEKEND)
        slots = np.flatnonzero(uniform[:, 0] < share)
        midnight = date.astype("datetime64[us]")
        published_at = (
            midnight + (slots * STORY_SECONDS + number[slots, 1] % STORY_SECONDS) * SECOND
        )
        seen_at = published_at + (number[slots, 2] % 60) * SECOND
        tones = self._tones(seen_at, uniform[slots, 3])
        rows: list[Row] = []
        for place, slot in enumerate(slots):
            rows += self._story_rows(
                day * STORY_SLOTS + int(slot), published_at[place], seen_at[place],
                int(tones[place]), number[slot], uniform[slot],
            )  # fmt: skip
        return rows

    def _tones(self, seen_at: np.ndarray, uniform: np.ndarray) -> np.ndarray:
        """Return the tone of each story: of the next bar, and of what the bar in progress did."""
        after = np.searchsorted(slot_opens(), seen_at)  # the first bar that opens then or later
        opened, closes = slot_opens()[after - 1], slot_closes()[after - 1]
        progress = (seen_at - opened) / (closes - opened)
        progress[progress > 1] = 0  # the market is closed
        so_far = progress * reported_shocks(self.market)[after - 1]
        means = planted_means(self.market, self.strength)[after]
        swing = SWING * np.tanh(means + REPORTED * so_far)
        is_positive = uniform < TONES * (1 + swing)
        is_negative = uniform > 1 - TONES * (1 - swing)
        tones: np.ndarray = is_positive.astype(int) - is_negative.astype(int)
        return tones

    def _story_rows(
        self, identity: int, published_at: np.datetime64, seen_at: np.datetime64, tone: int,
        number: np.ndarray, uniform: np.ndarray,
    ) -> Iterator[Row]:  # fmt: skip
        first, second, third = (int(n) for n in number[4:7])
        if uniform[7] < OFF_TOPIC:
            title, summary = build_off_topic(third, first % 89 + 2)
        else:
            size = first // 1000 % 350 + 5 if tone else first // 1000 % 9000 + 1000
            title, summary = build_title(tone, third, first // 10**8, second // 10**4, size)
        row = _build_row(identity, second, title, summary, published_at, seen_at)
        if not self.dirty:
            yield row
            return
        fault = _choose_fault(identity, self.market.seed)
        delay = (third // 64 % 170 + 10) * 60 * SECOND
        if fault == "late":
            row["seen_at"] = seen_at + delay * 4
        elif fault == "foreign":
            row["title"], code, name = build_foreign(tone, third, first % 900 + 10)
            row["language"] = (None, code, name)[second % 3]
        elif fault == "hostile":
            row |= _spoil(title, third)
        yield row
        if fault == "duplicate":
            again = _build_row(
                identity, second + 1, vary_title(title, third), summary, published_at, seen_at
            )
            yield again | {"seen_at": seen_at + delay}
        elif fault == "correction":
            yield row | {"title": correct_title(title), "seen_at": seen_at + delay}


def _build_row(
    identity: int, outlet: int, title: str, summary: str, published_at: np.datetime64,
    seen_at: np.datetime64,
) -> Row:  # fmt: skip
    name = OUTLETS[outlet % len(OUTLETS)]
    host = name.lower().replace(" ", "")
    day = str(published_at)[:10].replace("-", "/")
    return {
        "url": f"https://www.{host}.example/{day}/{identity:x}",
        "title": title,
        "summary": summary,
        "outlet": name,
        "language": "en",
        "published_at": published_at,
        "seen_at": seen_at,
    }


def _choose_fault(identity: int, seed: int) -> str:
    """Return the fault of a story, by its number alone; empty for most."""
    share = (stream(seed, "fault", str(identity)) >> 75) / 2.0**53
    for name, dose in DIRT.items():
        if share < dose:
            return name
        share -= dose
    return ""


def _spoil(title: str, kind: int) -> Row:
    """Return what a hostile row says: markup, controls, a script's address, a long title."""
    kind %= len(HOSTILE) + 3
    if kind < len(HOSTILE):
        return {"title": HOSTILE[kind].format(title=title)}
    others: tuple[Row, ...] = (
        {"url": "javascript:alert(1)"},
        {"title": " "},
        {"title": title * 500},
    )
    return others[kind - len(HOSTILE)]


@lru_cache(maxsize=1)
def slot_opens() -> np.ndarray:
    """Return the open of each hourly bar since 2015."""
    sessions = grid()
    opens: np.ndarray = sessions.opens[sessions.session_of] + sessions.place * np.timedelta64(
        SLOT, "m"
    )
    return opens


@lru_cache(maxsize=1)
def slot_closes() -> np.ndarray:
    """Return the close of each hourly bar since 2015; a session's last bar may be shorter."""
    closes: np.ndarray = np.minimum(
        slot_opens() + np.timedelta64(SLOT, "m"), grid().closes[grid().session_of]
    )
    return closes


@lru_cache(maxsize=8)
def planted_means(market: Market, strength: float) -> np.ndarray:
    """Return for each hourly bar what the stories before it say of it, in deviations."""
    noise = _draw_noise(market, "mood of the wire")
    strength = strength if market.rank_ic else 0.0
    means: np.ndarray = strength * market_shocks(market) + np.sqrt(1 - strength**2) * noise
    return means


@lru_cache(maxsize=8)
def reported_shocks(market: Market) -> np.ndarray:
    """Return for each hourly bar what the reports in it say that it does, in deviations."""
    return market_shocks(market) if market.rank_ic else _draw_noise(market, "reports of the wire")


def _draw_noise(market: Market, name: str) -> np.ndarray:
    """Draw a number of unit variance for each hourly bar."""
    slots = grid()
    draws = generator(market.seed, name).standard_normal((slots.days, MOST_SLOTS))
    noise: np.ndarray = draws[slots.weekday[slots.session_of], slots.place]
    return noise
