"""Turn the cells of a file into bars, splits, dividends and rejects, one piece after the other.

1. Find the columns: those of the mapping, else those with the usual names.
2. Find what only the whole file tells: how its times are written, and its calendar. Most files
   tell it in their first lines; the others are read twice.
3. One query casts all cells of a piece; a cell that cannot be cast marks its row. A clean piece
   needs none.
4. Local times become UTC, and closes of bars become their opens.
5. Every row of the requested symbols and range is a bar or a reject.
6. If there are rejects, a second query fetches the original values of their rows.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import IO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.core.calendar import UTC_TYPE, Interval
from pipelines.core.errors import SourceError
from pipelines.core.instants import to_numpy
from pipelines.core.stored_bars import StoredBars
from pipelines.core.text import is_readable
from pipelines.sources.base import ACTIONS, BARS, REJECTS, Parsed
from pipelines.sources.files import times
from pipelines.sources.files.bar_queries import PRICES, VALUES, BarQueries, mask_of
from pipelines.sources.files.columns import columns_of, place_of
from pipelines.sources.files.limits import MOST_REJECTS
from pipelines.sources.files.lines import BrokenLines
from pipelines.sources.files.mapping import COLUMNS, Series
from pipelines.sources.files.pieces import PIECE_BYTES
from pipelines.sources.files.read import TableFile, open_table

TIME_SAMPLES = 2000  # times that are sampled to find their format
USUAL = {
    "ts": ("ts", "datetime", "timestamp", "datetimeutc", "date", "time"),
    "volume": ("volume", "vol"),
    "split": ("split", "splits", "stocksplit", "stocksplits"),
    "dividend": ("dividend", "dividends"),
}


@dataclass(frozen=True)
class BarSelection:
    """The requested bars of a file, by symbol and time."""

    symbols: tuple[str, ...]  # empty: all of them
    start: datetime
    end: datetime

    def holds(self, ts: np.ndarray) -> np.ndarray:
        return np.asarray((ts >= to_numpy(self.start)) & (ts < to_numpy(self.end)))


def bars_of(
    path: str,
    content: bytes | IO[bytes],
    series: Series,
    selection: BarSelection,
    piece_bytes: int = PIECE_BYTES,
) -> Parsed:
    """Read the bars of one file."""
    symbol, interval = series.of_file(path)
    file = io.BytesIO(content) if isinstance(content, bytes) else content
    with open_table(path, file, series.csv, piece_bytes) as table:
        places = columns_of(table, series.columns, USUAL, COLUMNS, ("ts", *PRICES))
        if series.symbol.column:
            places["symbol"] = [place_of(table, series.symbol.column, "symbol.column")]
        return _BarReader(table, series, places, symbol, interval, selection).read()


@dataclass(frozen=True)
class _Loaded:
    """The cells of a piece, and what they say. `reading` is None if they were read quickly."""

    sql: BarQueries
    values: pa.Table
    reading: times.Times | None


class _BarReader:
    """Reads a file piece by piece, and gathers what the pieces hold."""

    def __init__(
        self,
        table: TableFile,
        series: Series,
        places: Mapping[str, list[int]],
        symbol: str,
        interval: Interval,
        selection: BarSelection,
    ) -> None:
        self.table, self.series, self.places = table, series, places
        self.path, self.symbol, self.interval = table.path, symbol, interval
        self.selection = selection
        # The local clock of an instant is needed only for dates: of daily bars and of actions.
        self.needs_clock = not interval.intraday or not places.keys().isdisjoint(
            ("split", "dividend")
        )
        self.reading: times.Times | None = None  # of the whole file, once it was needed
        self.day_order = times.DayOrder()
        self.calendar = series.calendar["default"] if set(series.calendar) == {"default"} else ""
        self.names: dict[str, None] = {}  # the symbols, in the order of the file
        self.broken = BrokenLines()
        self.bars = StoredBars()
        self.actions: dict[str, list[pa.Table]] = {"split": [], "dividend": []}
        self.rejects: list[pa.Table] = []
        self.stored_rejects = self.more_rejects = 0
        self.last_reject: pa.Table | None = None  # stands for all above MOST_REJECTS

    def read(self) -> Parsed:
        if self.table.is_single:
            for piece in self._load(self.broken):
                self._survey(piece)
                self._settle()
                self._add(piece)
        else:
            self._find_reading(self._queries(BrokenLines()))
            if not self.calendar or self._has_two_orders:
                for piece in self._load(BrokenLines()):
                    self._survey(piece)
                self._settle()
            for piece in self._load(self.broken):
                self._survey(piece)
                self._add(piece)
        return self._finish()

    @property
    def _has_two_orders(self) -> bool:
        return self.reading is not None and self.reading.other_wall != times.NONE

    def _load(self, broken: BrokenLines) -> Iterator[_Loaded]:
        """Yield the cells of each piece."""
        for sql in self._queries(broken):
            # In a file of several pieces not one of them alone can tell how times are written.
            may_be_quick = self.reading is None or self.reading.is_iso
            values = sql.quick() if may_be_quick and not self.needs_clock else None
            yield self._query(sql) if values is None else _Loaded(sql, values, None)

    def _queries(self, broken: BrokenLines) -> Iterator[BarQueries]:
        for cells in self.table.pieces(broken):
            yield BarQueries(cells, self.series, self.places)

    def _query(self, sql: BarQueries) -> _Loaded:
        if self.reading is None:
            self._find_reading([sql])
            assert self.reading is not None
        return _Loaded(sql, sql.values(self.reading), self.reading)

    def _find_reading(self, queries: Iterable[BarQueries]) -> None:
        """Find how times are written, from the first of the file."""
        samples: list[str] = []
        types: list[pa.DataType] = []
        for sql in queries:
            samples += sql.sample_times(TIME_SAMPLES - len(samples))
            types = sql.table.types
            if len(samples) >= TIME_SAMPLES:
                break
        columns = [f"c{n}" for n in self.places["ts"]]
        of_columns = [types[n] for n in self.places["ts"]] if types else []
        self.reading = times.times_of(
            self.path, self.series.time_format, columns, of_columns, samples
        )

    def _survey(self, piece: _Loaded) -> None:
        """Note what only the whole file tells: its symbols, and the order of day and month."""
        names = self._names_of(piece.values)
        self.names.update(dict.fromkeys(n for n in pc.unique(names).to_pylist() if n is not None))
        if piece.reading is not None and piece.reading.other_wall != times.NONE:
            self.day_order.add(
                *(times.drop_impossible(piece.values[c].to_numpy()) for c in ("wall", "other_wall"))
            )

    def _settle(self) -> None:
        """Decide what the survey was for."""
        self.calendar = self.calendar or _calendar(self.path, self.series, self.names)
        if self._has_two_orders:
            self.day_order.settle(self.path)

    def _add(self, piece: _Loaded) -> None:
        """Take the bars, actions and rejects of a piece."""
        sql, values, reading = piece.sql, piece.values, piece.reading
        names = self._names_of(values)
        clock, ts, reasons = self._times(values, reading)
        selected = np.isnat(ts) | self.selection.holds(ts)
        nameless = mask_of(names.is_null())
        if self.selection.symbols:
            selected &= mask_of(pc.is_in(names, pa.array(self.selection.symbols))) | nameless
        unreadable = np.isnat(ts) | nameless
        if reading is None and (selected & unreadable).any():
            self._add(self._query(sql))  # only SQL can fetch the original values of a reject
            return
        if reading is not None:
            unreadable |= sql.find_unreadable(values)
        self._add_rejects(sql, np.flatnonzero(selected & unreadable), names, ts, reasons)
        bars = pa.table(
            [
                names,
                pa.array(ts).cast(UTC_TYPE),
                *(
                    values[v] if v in self.places else pa.nulls(len(ts), pa.float64())
                    for v in VALUES
                ),
                sql.table.rows,
            ],
            schema=BARS,
        )
        is_whole = not (unreadable | ~selected).any()
        self.bars.add(bars if is_whole else bars.filter(pa.array(selected & ~unreadable)))
        self._add_actions(values, names, clock, selected & ~nameless & ~np.isnat(clock))

    def _names_of(self, values: pa.Table) -> pa.Array | pa.ChunkedArray:
        if "symbol" in self.places:
            return _readable_names(values["symbol"])
        return pa.repeat(self.symbol, len(values))

    def _times(
        self, values: pa.Table, reading: times.Times | None
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return each row's local clock time, its bar's open in UTC, and a reason if it has none.

        A file's times are read in one order of day and month.
        """
        series = self.series
        wall, instant = (times.drop_impossible(values[c].to_numpy()) for c in ("wall", "instant"))
        clock = wall  # not used when read the quick way
        if reading is not None:
            if reading.other_wall != times.NONE and self.day_order.day_first:
                wall = times.drop_impossible(values["other_wall"].to_numpy())
            clock = times.clock_of(wall, instant, reading.zone, series.timezone)
        reasons = np.full(len(clock), "", dtype=object)
        if not self.interval.intraday:
            return clock, clock.astype("datetime64[D]").astype("datetime64[us]"), reasons
        ts, ambiguous, nonexistent = times.localize(self.path, wall, instant, series.timezone)
        reasons[ambiguous], reasons[nonexistent] = "ambiguous_time", "nonexistent_time"
        if series.label == "close":
            ts = times.opens_of(ts, self.interval, self.calendar, series.grid)
        return clock, ts, reasons

    def _add_rejects(
        self,
        sql: BarQueries,
        lost: np.ndarray,
        names: pa.Array | pa.ChunkedArray,
        ts: np.ndarray,
        reasons: np.ndarray,
    ) -> None:
        """Take the rejects at the positions `lost`, while they are not too many for one file."""
        room = max(0, MOST_REJECTS - self.stored_rejects)
        more = len(lost) - room
        taken = lost[:room] if more > 0 else lost
        if len(taken):
            self.rejects.append(sql.rejects(taken, names, ts, reasons))
            self.stored_rejects += len(taken)
        if more > 0:
            self.more_rejects += more
            self.last_reject = sql.rejects(lost[-1:], names, ts, reasons)

    def _add_actions(
        self,
        values: pa.Table,
        names: pa.Array | pa.ChunkedArray,
        clock: np.ndarray,
        dated: np.ndarray,
    ) -> None:
        """Take the splits and dividends of the file's columns."""
        for kind, no_action in (("split", (0.0, 1.0)), ("dividend", (0.0,))):
            if kind not in values.column_names:
                continue
            amounts = values[kind].to_numpy()
            rows = np.flatnonzero(dated & np.isfinite(amounts) & ~np.isin(amounts, no_action))
            days = clock[rows].astype("datetime64[D]")
            columns = [names.take(pa.array(rows)), days, pa.repeat(kind, len(rows)), amounts[rows]]
            self.actions[kind].append(pa.table(columns, schema=ACTIONS))

    def _finish(self) -> Parsed:
        series, last = self.series, self.last_reject
        if last is not None:
            note = f"the last of {self.more_rejects:,} more rows that are no bars: "
            place = REJECTS.get_field_index("detail")
            detail = pa.array([note + last["detail"][0].as_py()])
            self.rejects.append(last.set_column(place, REJECTS.field(place), detail))
        actions = [*self.actions["split"], *self.actions["dividend"], self._mapped_splits()]
        self.bars.finish()
        return Parsed(
            interval=self.interval,
            bars=self.bars.table(),
            actions=pa.concat_tables(actions),
            rejects=pa.concat_tables(
                [REJECTS.empty_table(), *self.rejects, _broken_rejects(self.broken, self.symbol)]
            ),
            calendar=self.calendar or _calendar(self.path, series, self.names),
            grid=series.grid,
            split_adjusted=series.split_adjusted,
            missing_bars=series.missing_bars,
            stored_bars=None if self.bars.in_memory else self.bars,
        )

    def _mapped_splits(self) -> pa.Table:
        """Return the splits of the mapping that concern the file."""
        symbols, selection = set(self.names), self.selection
        splits = [
            {
                "symbol": s.symbol,
                "date": date.fromisoformat(s.date),
                "kind": "split",
                "value": s.ratio,
            }
            for s in self.series.splits
            if s.symbol in (symbols & set(selection.symbols) if selection.symbols else symbols)
            and selection.holds(np.array([s.date], "datetime64[us]"))[0]
        ]
        return pa.Table.from_pylist(splits, ACTIONS)


def _calendar(path: str, series: Series, names: Mapping[str, None]) -> str:
    """Return the one calendar of all symbols of a file."""
    names_by_calendar = {series.calendar_of(name, path): name for name in names}
    if len(names_by_calendar) > 1:
        first, second = sorted(names_by_calendar.items())[:2]
        raise SourceError(
            f"{path} holds symbols of more than one calendar: {first[1]} of {first[0]} and "
            f"{second[1]} of {second[0]}",
            "write a file for each exchange",
        )
    return next(iter(names_by_calendar), "XNYS")


def _readable_names(symbols: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return the symbols, null where one has characters that cannot be seen.

    No query would find a symbol with a NUL, and DuckLake's own queries fail on it.
    """
    hidden = [s for s in pc.unique(symbols).to_pylist() if s is not None and not is_readable(s)]
    if not hidden:
        return symbols
    return pc.if_else(pc.is_in(symbols, pa.array(hidden)), pa.scalar(None, pa.string()), symbols)


def _broken_rejects(broken: BrokenLines, symbol: str) -> pa.Table:
    rows = [
        {
            "symbol": symbol or None,
            "row": row,
            "reason": "unparsable",
            "detail": why,
            "original": json.dumps({"line": line}),
        }
        for row, why, line in broken.list()
    ]
    return pa.Table.from_pylist(rows, REJECTS)
