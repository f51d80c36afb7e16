"""Refresh gold.features_<forecast> from silver, at the cost of what has changed.

What is computed at a time is a chunk: some symbols over some span, with the bars before it that
features look back at. So memory does not grow with the history.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.core.calendar import UTC_TYPE, calendar
from pipelines.core.instants import from_numpy, to_numpy
from pipelines.features import Panel, feature_matrix
from pipelines.features.panel import build_panel
from pipelines.forecasts import Forecast
from pipelines.lake import Lake, View, Writer
from pipelines.lake.companions import align_companions
from pipelines.lake.series import SeriesCalendar, series_calendar
from pipelines.landing.rules import REMOVED_REASONS
from pipelines.steps.data.companions import changed_companions

CHUNK_ROWS = 250_000
MICROSECOND = timedelta(microseconds=1)
FIRST, LAST = (datetime(year, 1, 1, tzinfo=UTC) for year in (1970, 2200))
KEYED = 'source = ? AND "interval" = ?'


@dataclass(frozen=True)
class FeatureRefresh:
    """What a refresh of features did."""

    symbols: int  # whose bars had changed
    read: int  # bars of silver
    written: int  # rows of features
    whole: bool  # everything was computed: a first run, or a changed definition
    snapshot: int

    def summary(self) -> str:
        what = "all of it" if self.whole else "what had changed"
        return (
            f"{what}: {self.symbols} symbols, read {self.read:,} bars, wrote {self.written:,} rows"
        )


def refresh_features(lake: Lake, forecast: Forecast, source: str) -> FeatureRefresh:
    """Compute a forecast's features from the bars that silver has now.

    The bars that changed since the last refresh are widened by the labels' horizon before and the
    features' look-back after, and only these rows are computed and replaced. So are the rows that
    see a changed row of a companion. A symbol that joined the universe since has all its bars
    computed.
    """
    with lake.write(f"features {forecast.name}") as writer:
        state_rows = writer.rows(
            """SELECT definition, followed, symbols FROM meta.feature_state
               WHERE forecast = ? AND source = ?""",
            [forecast.name, source],
        )
        whole = not state_rows or state_rows[0][0] != forecast.table_fingerprint
        followed = 0 if whole else int(state_rows[0][1])
        # A state of an earlier Bullion has no symbols: it followed those of the list.
        symbols = list(forecast.symbols) if whole else state_rows[0][2] or list(forecast.symbols)
        joined = [symbol for symbol in forecast.symbols if symbol not in symbols]
        if whole:
            writer.delete(forecast.table.full_name, "source = ?", [source])
        changed = _changed_bars(writer, forecast, source, followed, joined)
        reached = [] if whole else _reached_bars(writer, forecast, source, followed)
        series = series_calendar(
            writer, source, forecast.interval, forecast.symbols, forecast.schedule.calendar
        )
        read = written = 0
        spans = _group_symbols(_merge_overlapping([*changed, *reached]))
        for chunk in (chunk for span in spans for chunk in _cut_into_chunks(span)):
            bars, low, high = _read_bars(writer, forecast, source, chunk)
            rows = _compute_rows(writer, series, forecast, source, bars, low, high)
            writer.replace(
                forecast.table.full_name,
                rows,
                "source = ? AND symbol IN (SELECT unnest(?)) AND ts BETWEEN ? AND ?",
                [source, list(chunk.symbols), low, high],
            )
            read, written = read + bars.num_rows, written + rows.num_rows
        if changed or whole or sorted(symbols) != sorted(forecast.symbols):
            new_state = pa.table(
                {
                    "forecast": [forecast.name],
                    "source": [source],
                    "definition": [forecast.table_fingerprint],
                    "followed": [writer.snapshot],
                    "symbols": [list(forecast.symbols)],
                }
            )
            where = "forecast = ? AND source = ?"
            writer.replace("meta.feature_state", new_state, where, [forecast.name, source])
        symbols_changed = len({symbol for span in spans for symbol in span.symbols})
        return FeatureRefresh(symbols_changed, read, written, whole, writer.batch)


@dataclass(frozen=True)
class _Span:
    """Symbols with the first and last of their bars whose rows must be computed anew."""

    symbols: tuple[str, ...]
    first: datetime
    last: datetime
    before: int  # bars before the first whose rows depend on it: the labels' horizon
    after: int  # bars after the last whose rows look back at it
    bars: int  # of one symbol, at the least

    def overlaps(self, other: _Span) -> bool:
        return self.first <= other.last and other.first <= self.last

    def join(self, other: _Span) -> _Span:
        return _Span(
            self.symbols,
            min(self.first, other.first),
            max(self.last, other.last),
            max(self.before, other.before),
            max(self.after, other.after),
            max(self.bars, other.bars),
        )


def _changed_bars(
    writer: Writer, forecast: Forecast, source: str, followed: int, joined: list[str]
) -> list[_Span]:
    """Find the span of each symbol's changed bars; of those that joined since, of all bars.

    A bar that was removed from silver is found by its row in quarantine.
    """
    # By the batch alone, old files are not even opened.
    fresh = "(batch > ? OR symbol IN (SELECT unnest(?)))" if joined else "batch > ?"
    reasons = ", ".join(f"'{reason}'" for reason in REMOVED_REASONS)
    rows = writer.rows(
        f"""SELECT symbol, min(ts), max(ts), count(*) FROM (
                SELECT symbol, ts FROM silver.bars WHERE {KEYED} AND {fresh}
                UNION ALL
                SELECT symbol, ts FROM silver.quarantine
                WHERE {KEYED} AND batch > ? AND reason IN ({reasons}))
            WHERE symbol IN (SELECT unnest(?)) GROUP BY symbol ORDER BY symbol""",
        [
            *(source, forecast.interval, followed, *([joined] if joined else [])),
            *(source, forecast.interval, followed),
            list(forecast.symbols),
        ],
    )
    horizon, ahead = forecast.horizon, max(forecast.look_back, forecast.label_look_back)
    return [_Span((symbol,), first, last, horizon, ahead, n) for symbol, first, last, n in rows]


def _reached_bars(writer: Writer, forecast: Forecast, source: str, followed: int) -> list[_Span]:
    """Find the bars of each symbol that see a changed row of a companion."""
    spans = []
    for change in changed_companions(writer, forecast, source, followed):
        rows = writer.rows(
            f"""SELECT symbol, min(ts), max(ts), count(*) FROM silver.bars
                WHERE {KEYED} AND symbol IN (SELECT unnest(?))
                AND closes_at >= ? AND closes_at < ? GROUP BY symbol ORDER BY symbol""",
            [source, forecast.interval, list(forecast.symbols), change.first, change.before],
        )
        spans += [_Span((row[0],), row[1], row[2], 0, change.look_back, row[3]) for row in rows]
    return spans


def _merge_overlapping(spans: Sequence[_Span]) -> list[_Span]:
    """Join the spans of one symbol that overlap; those that do not stay apart."""
    merged: list[_Span] = []
    for span in sorted(spans, key=lambda span: (span.symbols, span.first)):
        if merged and merged[-1].symbols == span.symbols and merged[-1].overlaps(span):
            merged[-1] = merged[-1].join(span)
        else:
            merged.append(span)
    return merged


def _group_symbols(spans: Sequence[_Span]) -> list[_Span]:
    """Group symbols that changed over the same span: mostly all of them, over one bar."""
    groups: dict[_Span, list[_Span]] = {}
    for span in spans:
        groups.setdefault(replace(span, symbols=(), bars=0), []).append(span)
    return [
        replace(
            key,
            symbols=tuple(span.symbols[0] for span in members),
            bars=max(span.bars for span in members),
        )
        for key, members in groups.items()
    ]


def _cut_into_chunks(span: _Span) -> Iterator[_Span]:
    """Cut a span into chunks of at most about CHUNK_ROWS bars: by symbols, then by time."""
    symbols_at_once = max(1, CHUNK_ROWS // max(span.bars, 1))
    pieces = math.ceil(span.bars / CHUNK_ROWS)
    for place in range(0, len(span.symbols), symbols_at_once):
        part = replace(span, symbols=span.symbols[place : place + symbols_at_once])
        if pieces <= 1:
            yield part
            continue
        step = (span.last - span.first) / pieces
        edges = [*(span.first + n * step for n in range(pieces)), span.last + MICROSECOND]
        for first, end in pairwise(edges):
            yield replace(
                part,
                first=first,
                last=end - MICROSECOND,
                before=part.before if first == edges[0] else 0,
                after=part.after if end == edges[-1] else 0,
            )


def _read_bars(
    view: View, forecast: Forecast, source: str, span: _Span
) -> tuple[pa.Table, datetime, datetime]:
    """Read the bars that the changed rows depend on, and find the first and last of these rows.

    Bars are counted as silver has them, symbol by symbol; the calendar only says where to look,
    and where a symbol has too few there all its history is read.
    """
    needed = forecast.horizon + max(forecast.look_back, forecast.label_look_back)
    per_day = 1.0 if forecast.bar.minutes is None else max(1.0, 390 / forecast.bar.minutes)
    days = timedelta(days=10 + int(4 * needed / per_day))
    low, high = span.first - days, span.last + days
    surrounding = _read_surrounding(view, forecast, source, span, low, high)
    newest = high > datetime.now(UTC)  # nothing opens later
    if surrounding.fewest_before < needed or (surrounding.fewest_after < needed and not newest):
        low = low if surrounding.fewest_before >= needed else FIRST
        high = high if newest or surrounding.fewest_after >= needed else LAST
        surrounding = _read_surrounding(view, forecast, source, span, low, high)
    return (
        surrounding.bars,
        surrounding.start_before(span.before),
        surrounding.end_after(span.after),
    )


@dataclass(frozen=True, eq=False)
class _SurroundingBars:
    """The bars before, in and after a span, in order of symbol and ts."""

    span: _Span
    bars: pa.Table
    ts: np.ndarray
    starts: np.ndarray  # index of each symbol's first row
    before: np.ndarray  # how many of each symbol's bars lie before the span
    after: np.ndarray

    @property
    def fewest_before(self) -> int:
        return int(self.before.min()) if self._is_complete else 0

    @property
    def fewest_after(self) -> int:
        return int(self.after.min()) if self._is_complete else 0

    @property
    def _is_complete(self) -> bool:
        """Whether every symbol has a bar here: a symbol's only bar may be the removed one."""
        return len(self.starts) == len(self.span.symbols)

    def start_before(self, bars: int) -> datetime:
        """Where the last `bars` bars before the span begin, of the symbol where it is earliest."""
        rows = self.starts + np.maximum(self.before - bars, 0)
        return min([self.span.first, *map(from_numpy, self.ts[rows])])

    def end_after(self, bars: int) -> datetime:
        """Where the next `bars` bars after the span end, of the symbol where it is latest."""
        ends = np.append(self.starts[1:], len(self.ts))
        rows = ends - 1 - np.maximum(self.after - bars, 0)
        return max([self.span.last, *map(from_numpy, self.ts[rows])])


def _read_surrounding(
    view: View, forecast: Forecast, source: str, span: _Span, low: datetime, high: datetime
) -> _SurroundingBars:
    """Read the bars of the span's symbols that open from `low` to `high`."""
    bars = view.sql(
        f"""SELECT symbol, ts, closes_at, session, {", ".join(forecast.own_columns)}
            FROM silver.bars WHERE {KEYED} AND symbol IN (SELECT unnest(?))
            AND ts BETWEEN ? AND ? ORDER BY symbol, ts""",
        [source, forecast.interval, list(span.symbols), low, high],
    )
    ts = bars["ts"].to_numpy().astype("datetime64[us]")
    codes = bars["symbol"].combine_chunks().dictionary_encode().indices.to_numpy()
    starts = np.flatnonzero(np.diff(codes, prepend=-1))
    before, after = (
        np.add.reduceat(is_there, starts, dtype=np.int64) if len(starts) else np.zeros(0, np.int64)
        for is_there in (ts < to_numpy(span.first), ts > to_numpy(span.last))
    )
    return _SurroundingBars(span, bars, ts, starts, before, after)


def recompute_features(
    view: View,
    forecast: Forecast,
    source: str,
    symbols: Sequence[str],
    first: datetime,
    last: datetime,
) -> pa.Table:
    """Compute the feature rows that open from `first` to `last` again, from what a view has."""
    series = series_calendar(
        view, source, forecast.interval, forecast.symbols, forecast.schedule.calendar
    )
    span = _Span(tuple(symbols), first, last, 0, 0, 0)
    bars, _, _ = _read_bars(view, forecast, source, span)
    return _compute_rows(view, series, forecast, source, bars, first, last)


def _compute_rows(
    view: View,
    series: SeriesCalendar,
    forecast: Forecast,
    source: str,
    bars: pa.Table,
    low: datetime,
    high: datetime,
) -> pa.Table:
    """Compute the feature rows that open from `low` to `high`."""
    closes = bars["closes_at"].to_numpy().astype("datetime64[us]")
    aligned = align_companions(view, forecast.references, source, forecast.interval, closes)
    market = calendar(series.calendar)
    panel = build_panel(bars, market, forecast.bar, series.grid, aligned)
    values = feature_matrix(forecast.features, panel)
    rows = bars.select(["symbol", "ts", "closes_at", "session"])
    rows = rows.append_column("source", pa.repeat(pa.scalar(source), len(panel)))
    rows = rows.append_column("place", pa.array(panel.arrays["place"].astype(np.int16)))
    for column, feature in enumerate(forecast.features):
        rows = rows.append_column(feature.name, pa.array(values[:, column], from_pandas=True))
    for target in forecast.targets:
        outcome = target.label.outcome(panel)
        known_at = _known_at(bars, panel, outcome, target.label.horizon)
        rows = rows.append_column(target.outcome, pa.array(outcome, from_pandas=True))
        rows = rows.append_column(target.known_at, known_at)
    inside = pc.and_(pc.greater_equal(rows["ts"], low), pc.less_equal(rows["ts"], high))
    return rows.filter(inside)


def _known_at(bars: pa.Table, panel: Panel, outcome: np.ndarray, horizon: int) -> pa.Array:
    """Return when the bar that decides on the outcome had closed."""
    closes = bars["closes_at"].to_numpy().astype("datetime64[us]")
    later = np.roll(closes, -horizon)
    return pa.array(later, mask=~np.isfinite(outcome)).cast(UTC_TYPE)
