"""What a published row depends on: which bars, weights and news, and which answers brought them.

The tables of bronze are used as an index of the answers, and for nothing else: what a row is made
of is parsed from the answers again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import pyarrow as pa

from pipelines.core.calendar import utc
from pipelines.core.universes import universe
from pipelines.features.inputs import BARS
from pipelines.forecasts import Forecast
from pipelines.lake import View
from pipelines.landing.grid import reach_of
from pipelines.landing.near_titles import WINDOW
from pipelines.landing.rules import WITHDRAWN
from pipelines.sentiment.windows import EVERY, LENGTH
from pipelines.steps.proof.answers import StoredAnswer, list_answers

QUARTER = timedelta(days=100)  # weights that are this much older than those used are not read
KEYED = 'source = ? AND "interval" = ?'
MARGIN = timedelta(days=1)


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
    weights_from: datetime

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
    weights_effective: datetime | None = None,
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
    return Span(
        forecast,
        source,
        tuple(symbols),
        tuple(sorted({*symbols, *beside})),
        first - oldest,
        first - oldest - reach_of(forecast.bar),
        known_by,
        tuple(sorted({m.index for m in members if not m.stands_alone})),
        (weights_effective or first_ts) - QUARTER,
    )


def list_bar_answers(view: View, span: Span, before: int) -> list[StoredAnswer]:
    """List the answers that brought versions of these bars, or their splits, before a commit."""
    key = [span.source, span.forecast.interval, list(span.bars_of)]
    ends = [span.landed_from, span.known_by]
    batches = {
        batch
        for (batch,) in view.rows(
            f"""SELECT DISTINCT batch FROM bronze.bars
                WHERE {KEYED} AND symbol IN (SELECT unnest(?)) AND ts >= ? AND ts < ?
                UNION SELECT DISTINCT batch FROM bronze.actions
                WHERE source = ? AND kind = 'split' AND symbol IN (SELECT unnest(?))""",
            [*key, *ends, span.source, list(span.bars_of)],
        )
    }
    # What was withdrawn since is in no batch of bronze any more; its answers still are.
    withdrawn = view.rows(
        f"""SELECT DISTINCT received_at FROM silver.quarantine
            WHERE {KEYED} AND symbol IN (SELECT unnest(?)) AND ts >= ? AND ts < ?
            AND reason = '{WITHDRAWN}' AND batch >= ?""",
        [*key, *ends, before],
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


def read_withdrawn(view: View, span: Span, before: int) -> pa.Table:
    """Read the versions of these bars that had been withdrawn before a commit."""
    return view.sql(
        f"""SELECT symbol, ts, row, received_at FROM silver.quarantine
            WHERE {KEYED} AND symbol IN (SELECT unnest(?)) AND ts >= ? AND ts < ?
            AND reason = '{WITHDRAWN}' AND batch < ?""",
        [
            span.source, span.forecast.interval, list(span.bars_of), span.landed_from,
            span.known_by, before,
        ],
    )  # fmt: skip


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
        """SELECT DISTINCT batch FROM bronze.news WHERE source = ? AND batch < ?
           AND coalesce(seen_at, published_at, received_at) BETWEEN ? AND ?""",
        [span.news_source, before, stories_from(span), span.known_by],
    )
    answers = list_answers(view, span.news_source, "news", [batch for (batch,) in batches])
    topics = tuple(f"{topic} news " for topic in span.forecast.topics)
    return [a for a in answers if a.piece.startswith(topics) or " news " not in a.piece]


def stories_from(span: Span) -> datetime:
    """Return from when on stories count: as those before repeat them, some time before windows."""
    return span.first - LENGTH - EVERY - timedelta(microseconds=int(WINDOW)) - MARGIN


def list_news_windows(view: View, span: Span, before: int) -> list[NewsWindows]:
    """List by commit the windows of news that features read."""
    if span.news_source is None:
        return []
    rows = view.rows(
        """SELECT batch, topic, min(window_end), max(window_end), computed_at
           FROM gold.news_signals WHERE source = ? AND topic IN (SELECT unnest(?))
           AND window_end > ? AND window_end <= ? AND known_at <= ? AND batch < ?
           GROUP BY batch, topic, computed_at ORDER BY batch, topic, computed_at""",
        [
            span.news_source, list(span.forecast.topics), span.first, span.known_by,
            span.known_by, before,
        ],
    )  # fmt: skip
    return [NewsWindows(row[0], row[1], utc(row[2]), utc(row[3]), utc(row[4])) for row in rows]
