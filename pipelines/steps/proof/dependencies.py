"""What a published row depends on: which bars, weights and news, and which answers brought them.

The tables of bronze are used as an index of the answers, and for nothing else: what a row is made
of is parsed from the answers again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

import numpy as np
import pyarrow as pa

from pipelines.contracts.tables import quoted
from pipelines.core.calendar import utc
from pipelines.core.instants import to_numpy
from pipelines.core.universes import universe
from pipelines.features.inputs import BARS
from pipelines.forecasts import Forecast
from pipelines.lake import View
from pipelines.landing.grid import reach_of
from pipelines.landing.near_titles import WINDOW
from pipelines.landing.rules import PRICE_NAMES, WITHDRAWN
from pipelines.sentiment.windows import EVERY, LENGTH
from pipelines.steps.proof.answers import StoredAnswer, list_answers

QUARTER = timedelta(days=100)  # weights that are this much older than those used are not read
KEYED = 'source = ? AND "interval" = ?'
# Stories so long before the first window decide on which of its stories repeat others.
WARM_UP = LENGTH + EVERY + timedelta(microseconds=WINDOW) + timedelta(days=1)
Ends = tuple[datetime, datetime]
# Relation of spans of time; its parameters are two lists, of the first and the last times.
WITHIN = "(SELECT unnest(?::TIMESTAMPTZ[]) AS since, unnest(?::TIMESTAMPTZ[]) AS until)"


@dataclass(frozen=True)
class Span:
    """The rows that one published row, or several of a forecast, were made of."""

    forecast: Forecast
    source: str
    symbols: tuple[str, ...]  # whose own bars
    bars_of: tuple[str, ...]  # these and the companions
    first: datetime  # the open of the first bar that features look back at
    landed_from: datetime  # the bars from here on decide on which of those are trusted
    known_by: datetime  # nothing later counts
    indexes: tuple[str, ...]  # whose weights combine members
    weights_from: date
    bar_ends: tuple[Ends, ...]  # between which bars are landed, and before which they open
    news_ends: tuple[Ends, ...]  # the same of stories

    @property
    def news_source(self) -> str | None:
        return self.forecast.news_source(self.source)

    @property
    def oldest(self) -> timedelta:
        """How old what features read beside their bars may be."""
        return max((r.oldest for r in self.forecast.references), default=timedelta())


@dataclass(frozen=True)
class NewsWindows:
    """Windows of news that one commit wrote."""

    batch: int
    topic: str
    first_end: datetime
    last_end: datetime
    computed_at: datetime


def find_span(
    view: View,
    forecast: Forecast,
    source: str,
    symbols: Sequence[str],
    first_ts: datetime,
    last_ts: datetime,
    known_by: datetime,
    universes: Sequence[str] = (),
    weights_effective: date | None = None,
) -> Span:
    """Find what the rows of some bars are made of, from the first to the last of these."""
    bars_before = max(forecast.look_back, forecast.label_look_back)
    first = view.one(
        f"""SELECT min(ts) FROM (
                SELECT ts FROM silver.bars
                WHERE {KEYED} AND symbol IN (SELECT unnest(?)) AND ts <= ?
                QUALIFY row_number() OVER (PARTITION BY symbol ORDER BY ts DESC) <= ?)""",
        [source, forecast.interval, list(symbols), first_ts, bars_before + 1],
    )
    first = min(utc(first), first_ts) if first else first_ts
    beside = {r.subject for r in forecast.references if r.dataset == BARS}
    oldest = max((r.oldest for r in forecast.references), default=timedelta())
    members = [universe(name) for name in universes]
    landed_from = first - oldest - reach_of(forecast.bar)
    stories_from = first - oldest - WARM_UP
    return Span(
        forecast,
        source,
        tuple(symbols),
        tuple(sorted({*symbols, *beside})),
        first - oldest,
        landed_from,
        known_by,
        tuple(sorted({m.index for m in members if not m.stands_alone})),
        (weights_effective or first_ts.date()) - QUARTER,
        ((landed_from, known_by),),
        ((stories_from, known_by + timedelta(microseconds=1)),),  # a window has its end's stories
    )


def join_spans(spans: Sequence[Span]) -> Span:
    """Join what several rows of one forecast were made of; what lies between them stays out."""
    return replace(
        spans[0],
        symbols=tuple(sorted({name for span in spans for name in span.symbols})),
        bars_of=tuple(sorted({name for span in spans for name in span.bars_of})),
        first=min(span.first for span in spans),
        landed_from=min(span.landed_from for span in spans),
        known_by=max(span.known_by for span in spans),
        indexes=tuple(sorted({name for span in spans for name in span.indexes})),
        weights_from=min(span.weights_from for span in spans),
        bar_ends=_merge([ends for span in spans for ends in span.bar_ends]),
        news_ends=_merge([ends for span in spans for ends in span.news_ends]),
    )


def _merge(spans: Sequence[Ends]) -> tuple[Ends, ...]:
    """Merge the spans of time that overlap."""
    merged: list[Ends] = []
    for low, high in sorted(spans):
        if merged and low <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(high, merged[-1][1]))
        else:
            merged.append((low, high))
    return tuple(merged)


def mark_within(times: np.ndarray, spans: Sequence[Ends]) -> np.ndarray:
    """Mark the times that lie in one of some spans, which do not overlap and come in order."""
    lows, highs = (np.array([to_numpy(ends[n]) for ends in spans]) for n in (0, 1))
    place = np.searchsorted(lows, times, side="right") - 1
    inside: np.ndarray = (place >= 0) & (times < highs[np.maximum(place, 0)])
    return inside


def list_bar_answers(view: View, span: Span, before: int) -> list[StoredAnswer]:
    """List the answers that brought versions of these bars, or their splits, before a commit."""
    batches = {
        batch
        for (batch,) in view.rows(
            f"""SELECT DISTINCT batch FROM bronze.bars
                JOIN {WITHIN} ON ts >= since AND ts < until
                WHERE {KEYED} AND symbol IN (SELECT unnest(?)) AND ts >= ? AND ts < ?
                UNION SELECT DISTINCT batch FROM bronze.actions
                WHERE source = ? AND kind = 'split' AND symbol IN (SELECT unnest(?))""",
            [*_bar_values(span), span.source, list(span.bars_of)],
        )
    }
    # What was withdrawn since is in no batch of bronze any more; its answers still are.
    withdrawn = view.rows(
        f"""SELECT DISTINCT received_at FROM silver.quarantine
            JOIN {WITHIN} ON ts >= since AND ts < until
            WHERE {KEYED} AND symbol IN (SELECT unnest(?)) AND ts >= ? AND ts < ?
            AND reason = '{WITHDRAWN}' AND batch >= ?""",
        [*_bar_values(span), before],
    )
    answers = list_answers(
        view, span.source, "bars", sorted(batches), [received for (received,) in withdrawn]
    )
    wanted = set(span.bars_of)
    return [
        answer
        for answer in answers
        if answer.batch < before and (answer.symbols is None or answer.symbols & wanted)
    ]


def _bar_values(span: Span) -> list[object]:
    """Return the values of a query of bars: the spans, and what is true of all of them."""
    return [
        *_lists(span.bar_ends), span.source, span.forecast.interval, list(span.bars_of),
        span.landed_from, span.known_by,
    ]  # fmt: skip


def _lists(spans: Sequence[Ends]) -> list[object]:
    return [[low for low, _ in spans], [high for _, high in spans]]


def read_withdrawn(view: View, span: Span, before: int) -> pa.Table:
    """Read the versions of these bars that had been withdrawn before a commit, and by which."""
    values = ", ".join(f"(original->>'{name}')::DOUBLE AS {quoted(name)}" for name in PRICE_NAMES)
    return view.sql(
        f"""SELECT symbol, ts, {values}, batch FROM silver.quarantine
            WHERE {KEYED} AND symbol IN (SELECT unnest(?)) AND ts >= ? AND ts < ?
            AND reason = '{WITHDRAWN}' AND batch < ?""",
        [*_bar_values(span)[2:], before],
    )


def list_weight_answers(view: View, span: Span, before: int) -> list[StoredAnswer]:
    """List the answers that brought the weights of the indexes."""
    batches = view.rows(
        """SELECT DISTINCT batch FROM bronze.weights WHERE source = ?
           AND "index" IN (SELECT unnest(?)) AND effective >= ?::DATE AND batch < ?""",
        [span.source, list(span.indexes), span.weights_from, before],
    )
    return list_answers(view, span.source, "weights", [batch for (batch,) in batches])


def list_news_answers(view: View, span: Span, before: int) -> list[StoredAnswer]:
    """List the answers that brought the stories of the windows that features read."""
    if span.news_source is None:
        return []
    batches = view.rows(
        f"""SELECT DISTINCT batch FROM bronze.news
            JOIN {WITHIN} ON coalesce(seen_at, published_at, received_at) BETWEEN since AND until
            WHERE source = ? AND batch < ?""",
        [*_lists(span.news_ends), span.news_source, before],
    )
    answers = list_answers(view, span.news_source, "news", [batch for (batch,) in batches])
    topics = tuple(f"{topic} news " for topic in span.forecast.topics)
    return [a for a in answers if a.piece.startswith(topics) or " news " not in a.piece]


def list_news_windows(view: View, span: Span, before: int) -> list[NewsWindows]:
    """List by commit the windows of news that features read."""
    if span.news_source is None:
        return []
    rows = view.rows(
        f"""SELECT batch, topic, min(window_end), max(window_end), computed_at
            FROM gold.news_signals
            JOIN {WITHIN} ON window_end > since AND window_end <= until AND known_at <= until
            WHERE source = ? AND topic IN (SELECT unnest(?)) AND batch < ?
            GROUP BY since, batch, topic, computed_at ORDER BY batch, topic, computed_at, since""",
        [
            [low + WARM_UP for low, _ in span.news_ends],
            [high for _, high in span.news_ends],
            span.news_source,
            list(span.forecast.topics),
            before,
        ],
    )
    return [NewsWindows(row[0], row[1], utc(row[2]), utc(row[3]), utc(row[4])) for row in rows]
