"""From the cells of a file to its bars, its splits and dividends, and the rows that are neither.

1. Find the columns: those of the mapping, else those of the usual names.
2. One query casts all cells; what cannot be cast marks its row. A plain and clean file needs none.
3. Local times become UTC, and ends of bars become their opens.
4. Every row of the asked symbols and range is a bar or a reject.
5. A second query, only if there are rejects, fetches what stood in their rows.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.core.calendar import UTC_TYPE, Interval
from pipelines.core.errors import SourceError
from pipelines.core.instants import to_numpy
from pipelines.core.text import is_readable
from pipelines.sources.base import ACTIONS, BARS, REJECTS, Parsed
from pipelines.sources.files import times
from pipelines.sources.files.columns import columns_of, place_of
from pipelines.sources.files.limits import MOST_REJECTS
from pipelines.sources.files.mapping import COLUMNS, NULLS, Series
from pipelines.sources.files.quick import values_in
from pipelines.sources.files.read import Cells, cells

SEEN = 2000  # times looked at to find how they are written
PRICES = ("open", "high", "low", "close")
VALUES = (*PRICES, "volume", "bid", "ask")
NUMBERS = (*VALUES, "split", "dividend")
USUAL = {
    "ts": ("ts", "datetime", "timestamp", "datetimeutc", "date", "time"),
    "volume": ("volume", "vol"),
    "split": ("split", "splits", "stocksplit", "stocksplits"),
    "dividend": ("dividend", "dividends"),
}


@dataclass(frozen=True)
class BarSelection:
    """The bars of a file that were asked for, by symbol and time."""

    symbols: tuple[str, ...]  # none: all of them
    start: datetime
    end: datetime

    def holds(self, ts: np.ndarray) -> np.ndarray:
        return np.asarray((ts >= to_numpy(self.start)) & (ts < to_numpy(self.end)))


def bars_of(path: str, body: bytes, series: Series, asked: BarSelection) -> Parsed:
    """Read the bars of one file."""
    symbol, interval = series.of_file(path)
    with cells(path, body, series.csv) as table:
        places = columns_of(table, series.columns, USUAL, COLUMNS, ("ts", *PRICES))
        if series.symbol.column:
            places["symbol"] = [place_of(table, series.symbol.column, "symbol.column")]
        read = _Sql(table, series, places)
        # The clock behind an offset names days alone: those of daily bars, and of actions.
        clocked = not interval.intraday or not places.keys().isdisjoint(("split", "dividend"))
        if not clocked and (quick := read.quick()) is not None:
            parsed = _parsed(read, quick, None, symbol, interval, asked)
            if parsed is not None:
                return parsed
        values = read.values()
        parsed = _parsed(read, values, read.times, symbol, interval, asked)
        assert parsed is not None
        return parsed


def _parsed(
    read: _Sql,
    values: pa.Table,
    how: times.Times | None,
    symbol: str,
    interval: Interval,
    asked: BarSelection,
) -> Parsed | None:
    """The bars of a file, and its rejects. Values read the quick way come without how their
    times are written, and give None where a row is rejected: only SQL knows what stood there."""
    table, series, places, path = read.table, read.series, read.places, read.table.path
    names = _names(values["symbol"]) if "symbol" in places else pa.repeat(symbol, len(values))
    calendar = _calendar(path, series, names)
    clock, ts, wrong = _times(path, values, how, series, interval, calendar)

    wanted = np.isnat(ts) | asked.holds(ts)
    nameless = _mask(names.is_null())
    if asked.symbols:
        wanted &= _mask(pc.is_in(names, pa.array(asked.symbols))) | nameless
    bad = np.isnat(ts) | nameless
    if how is None and (wanted & bad).any():
        return None
    if how is not None:
        bad |= read.bad(values)
    rejects = read.rejects(np.flatnonzero(wanted & bad), names, ts, wrong)
    acted = wanted & ~nameless & ~np.isnat(clock)
    bars = pa.table(
        [
            names,
            pa.array(ts).cast(UTC_TYPE),
            *(values[v] if v in places else pa.nulls(len(ts), pa.float64()) for v in VALUES),
            table.rows,
        ],
        schema=BARS,
    )
    return Parsed(
        interval=interval,
        bars=bars.filter(pa.array(wanted & ~bad)) if (bad | ~wanted).any() else bars,
        actions=_actions(values, names, clock, acted, series, asked),
        rejects=pa.concat_tables([rejects, _broken(table, symbol)]),
        calendar=calendar,
        grid=series.grid,
        split_adjusted=series.split_adjusted,
    )


class _Sql:
    """The two queries over the cells of a file."""

    def __init__(self, table: Cells, series: Series, places: Mapping[str, list[int]]) -> None:
        self.table, self.series, self.places = table, series, places
        self.columns = {ours: [f"c{n}" for n in at] for ours, at in places.items()}
        self.numbers = [v for v in NUMBERS if v in places]

    @cached_property
    def times(self) -> times.Times:
        """How the times of the file are written."""
        table, types = self.table, self.table.types
        seen = f"SELECT concat_ws(' ', {', '.join(self.columns['ts'])}) AS ts FROM raw"
        found = table.query(f"SELECT ts FROM ({seen}) WHERE ts <> '' LIMIT {SEEN}")
        return times.times_of(
            table.path,
            self.series.time_format,
            self.columns["ts"],
            [types[n] for n in self.places["ts"]] if types else [],
            found["ts"].to_pylist(),
        )

    def quick(self) -> pa.Table | None:
        """What `values` gives, where the file is so plain that it needs no query."""
        lines, shape, at = self.table.lines, self.series.csv, self.places
        usual = shape.decimal == "." and shape.null_values == NULLS
        if lines is None or self.series.time_format or not usual or len(at["ts"]) > 1:
            return None
        numbers = {v: at[v][0] for v in self.numbers}
        return values_in(lines, at["ts"][0], numbers, at["symbol"][0] if "symbol" in at else None)

    def values(self) -> pa.Table:
        """Every cell that is wanted as its type; null where it cannot be cast."""
        made = [
            f"{self.times.wall} AS wall",
            f"{self.times.instant} AS instant",
            f"{self.times.other_wall} AS other_wall",
            *(f"{self._number(v)} AS {_name(v)}" for v in self.numbers),
        ]
        if "symbol" in self.columns:
            made.append(f"nullif(trim({self._text('symbol')}), '') AS symbol")
        return self.table.query(f"SELECT {', '.join(made)} FROM raw", per_row=True)

    def bad(self, values: pa.Table) -> np.ndarray:
        """Where a cell with something in it is no number. BarSelection only if anything is null."""
        suspects = [v for v in self.numbers if values[v].null_count]
        if not suspects:
            return np.zeros(len(values), bool)
        bad = " OR ".join(self._bad(v) for v in suspects)
        return _mask(self.table.query(f"SELECT {bad} AS bad FROM raw", per_row=True)["bad"])

    def rejects(
        self, lost: np.ndarray, names: pa.Array, ts: np.ndarray, wrong: np.ndarray
    ) -> pa.Table:
        """The rows at the places `lost`, with what is wrong and what stood there."""
        if len(lost) == 0:
            return REJECTS.empty_table()
        more = len(lost) - MOST_REJECTS
        if more > 0:  # the last of them stands for those that are not kept
            lost = np.append(lost[:MOST_REJECTS], lost[-1])
        told = [
            f"CASE WHEN {self._bad(v)} THEN {_literal(v + ' is ')} || left({self._text(v)}, 60) END"
            for v in self.numbers
        ]
        named = f"trim({self._text('symbol')})" if "symbol" in self.columns else "''"
        time = f"left(concat_ws(' ', {', '.join(self.columns['ts'])}), 60)"
        original = ", ".join(
            f"{_literal(name or f'column {n + 1}')}, c{n}"
            for n, name in enumerate(self.table.names)
        )
        self.table.register(pa.table({"place": lost}), "lost")
        found = self.table.query(
            f"SELECT {time} AS time, concat_ws('; ', {', '.join(told)}) AS detail, "
            f"left(coalesce({named}, ''), 60) AS named, "
            f"CAST(json_object({original}) AS VARCHAR) AS original "
            "FROM (SELECT *, row_number() OVER () - 1 AS place FROM raw) "
            "JOIN lost USING (place) ORDER BY place"
        )
        symbols = names.take(pa.array(lost))
        reasons, details = [], []
        columns = (symbols, *(found[c] for c in ("time", "detail", "named")))
        rows = zip(ts[lost], wrong[lost], *(c.to_pylist() for c in columns), strict=True)
        for at, why, symbol, shown, detail, named in rows:
            reasons.append(why or "unparsable")
            parts = [f"ts is {shown}"] if np.isnat(at) else []
            parts += [detail] if detail else []
            if symbol is None:
                parts.append(
                    f"symbol is {named}, which has signs not to be seen" if named else "no symbol"
                )
            details.append(_escaped("; ".join(parts)))
        if more > 0:
            details[-1] = f"the last of {more:,} more rows that are no bars: {details[-1]}"
        return pa.table(
            [
                symbols,
                pa.array(ts[lost]).cast(UTC_TYPE),
                self.table.rows[lost],
                reasons,
                details,
                found["original"],
            ],
            schema=REJECTS,
        )

    def _text(self, ours: str) -> str:
        column = self.columns[ours][0]
        return f"CAST({column} AS VARCHAR)" if self.table.types else column

    def _number(self, ours: str) -> str:
        text, shape = self._text(ours), self.series.csv
        if shape.decimal == ",":
            text = f"replace({text}, ',', '.')"
        number = f"TRY_CAST({self.columns[ours][0] if self.table.types else text} AS DOUBLE)"
        if shape.null_values == NULLS:  # none of these is a number, so that the cast sees to them
            return number
        return f"CASE WHEN NOT {self._null(ours)} THEN {number} END"

    def _null(self, ours: str) -> str:
        # Not IN (...): a long one becomes a join, and a join forgets the order of the rows.
        listed = ", ".join(_literal(v) for v in self.series.csv.null_values)
        return f"list_contains([{listed}], lower(trim({self._text(ours)})))"

    def _bad(self, ours: str) -> str:
        text = self._text(ours)
        return (
            f"CASE WHEN {self._number(ours)} IS NULL THEN {text} IS NOT NULL "
            f"AND trim({text}) <> '' AND NOT {self._null(ours)} ELSE false END"
        )


def _times(
    path: str,
    values: pa.Table,
    how: times.Times | None,
    series: Series,
    interval: Interval,
    calendar: str,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The local clock of each row, the open of its bar in UTC, and why there is none if so."""
    wall, instant = (times.sane(values[c].to_numpy()) for c in ("wall", "instant"))
    clock = wall  # read the quick way it is not looked at
    if how is not None:
        if how.other_wall != times.NONE:
            wall = times.one_reading(path, wall, times.sane(values["other_wall"].to_numpy()))
        clock = times.clock_of(wall, instant, how.zone, series.timezone)
    wrong = np.full(len(clock), "", dtype=object)
    if not interval.intraday:
        return clock, clock.astype("datetime64[D]").astype("datetime64[us]"), wrong
    ts, twice, never = times.localized(path, wall, instant, series.timezone)
    wrong[twice], wrong[never] = "ambiguous_time", "nonexistent_time"
    if series.label == "close":
        ts = times.opens_of(ts, interval, calendar, series.grid)
    return clock, ts, wrong


def _calendar(path: str, series: Series, names: pa.Array) -> str:
    """The one calendar of a file."""
    if len(series.calendar) == 1 and "default" in series.calendar:
        return series.calendar["default"]
    used = {series.calendar_of(n, path): n for n in pc.unique(names).to_pylist() if n is not None}
    if len(used) > 1:
        one, other = sorted(used.items())[:2]
        raise SourceError(
            f"{path} holds symbols of more than one calendar: {one[1]} of {one[0]} and "
            f"{other[1]} of {other[0]}",
            "write a file for each exchange",
        )
    return next(iter(used), "XNYS")


def _actions(
    values: pa.Table,
    names: pa.Array,
    clock: np.ndarray,
    acted: np.ndarray,
    series: Series,
    asked: BarSelection,
) -> pa.Table:
    """The splits and dividends in columns of the file, and the splits that the mapping declares."""
    found = [ACTIONS.empty_table()]
    for kind, nothing in (("split", (0.0, 1.0)), ("dividend", (0.0,))):
        if kind not in values.column_names:
            continue
        told = values[kind].to_numpy()
        at = np.flatnonzero(acted & np.isfinite(told) & ~np.isin(told, nothing))
        days = clock[at].astype("datetime64[D]")
        columns = [names.take(pa.array(at)), days, pa.repeat(kind, len(at)), told[at]]
        found.append(pa.table(columns, schema=ACTIONS))
    if series.splits:
        held = set(pc.unique(names).to_pylist())
        rows = [
            {
                "symbol": s.symbol,
                "date": date.fromisoformat(s.date),
                "kind": "split",
                "value": s.ratio,
            }
            for s in series.splits
            if s.symbol in (held & set(asked.symbols) if asked.symbols else held)
            and asked.holds(np.array([s.date], "datetime64[us]"))[0]
        ]
        found.append(pa.Table.from_pylist(rows, ACTIONS))
    return pa.concat_tables(found)


def _names(symbols: pa.ChunkedArray) -> pa.ChunkedArray:
    """The symbols of the rows, none where one has signs that cannot be seen, such as a NUL: no
    query would find it, and DuckLake's own break at it."""
    hidden = [s for s in pc.unique(symbols).to_pylist() if s is not None and not is_readable(s)]
    if not hidden:
        return symbols
    return pc.if_else(pc.is_in(symbols, pa.array(hidden)), pa.scalar(None, pa.string()), symbols)


def _escaped(text: str) -> str:
    """A text in which every sign can be seen."""
    if text.isprintable():
        return text
    return "".join(s if s.isprintable() else s.encode("unicode_escape").decode() for s in text)


def _broken(table: Cells, symbol: str) -> pa.Table:
    rows = [
        {
            "symbol": symbol or None,
            "row": row,
            "reason": "unparsable",
            "detail": why,
            "original": json.dumps({"line": line}),
        }
        for row, why, line in table.broken
    ]
    return pa.Table.from_pylist(rows, REJECTS)


def _mask(flags: pa.Array) -> np.ndarray:
    return np.asarray(flags.to_numpy(zero_copy_only=False), bool)


def _name(column: str) -> str:
    return f'"{column}"'


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
