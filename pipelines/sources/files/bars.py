"""Turn the cells of a file into bars, splits, dividends and rejects.

1. Find the columns: those of the mapping, else those with the usual names.
2. One query casts all cells; a cell that cannot be cast marks its row. A clean file needs none.
3. Local times become UTC, and closes of bars become their opens.
4. Every row of the requested symbols and range is a bar or a reject.
5. If there are rejects, a second query fetches the original values of their rows.
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

TIME_SAMPLES = 2000  # times that are sampled to find their format
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
    """The requested bars of a file, by symbol and time."""

    symbols: tuple[str, ...]  # empty: all of them
    start: datetime
    end: datetime

    def holds(self, ts: np.ndarray) -> np.ndarray:
        return np.asarray((ts >= to_numpy(self.start)) & (ts < to_numpy(self.end)))


def bars_of(path: str, body: bytes, series: Series, selection: BarSelection) -> Parsed:
    """Read the bars of one file."""
    symbol, interval = series.of_file(path)
    with cells(path, body, series.csv) as table:
        places = columns_of(table, series.columns, USUAL, COLUMNS, ("ts", *PRICES))
        if series.symbol.column:
            places["symbol"] = [place_of(table, series.symbol.column, "symbol.column")]
        sql = _BarQueries(table, series, places)
        # The local clock of an instant is needed only for dates: of daily bars and of actions.
        needs_clock = not interval.intraday or not places.keys().isdisjoint(("split", "dividend"))
        if not needs_clock and (quick_values := sql.quick()) is not None:
            parsed = _build_parsed(sql, quick_values, None, symbol, interval, selection)
            if parsed is not None:
                return parsed
        values = sql.values()
        parsed = _build_parsed(sql, values, sql.times, symbol, interval, selection)
        assert parsed is not None
        return parsed


def _build_parsed(
    sql: _BarQueries,
    values: pa.Table,
    reading: times.Times | None,
    symbol: str,
    interval: Interval,
    selection: BarSelection,
) -> Parsed | None:
    """Build the bars and rejects of a file.

    Values read the quick way come without `reading`. Then the result is None if any row is
    rejected: only SQL can fetch its original values.
    """
    table, series, places, path = sql.table, sql.series, sql.places, sql.table.path
    names = (
        _readable_names(values["symbol"]) if "symbol" in places else pa.repeat(symbol, len(values))
    )
    calendar = _calendar(path, series, names)
    clock, ts, reasons = _times(path, values, reading, series, interval, calendar)

    selected = np.isnat(ts) | selection.holds(ts)
    nameless = _mask(names.is_null())
    if selection.symbols:
        selected &= _mask(pc.is_in(names, pa.array(selection.symbols))) | nameless
    unreadable = np.isnat(ts) | nameless
    if reading is None and (selected & unreadable).any():
        return None
    if reading is not None:
        unreadable |= sql.find_unreadable(values)
    rejects = sql.rejects(np.flatnonzero(selected & unreadable), names, ts, reasons)
    dated = selected & ~nameless & ~np.isnat(clock)
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
        bars=bars.filter(pa.array(selected & ~unreadable))
        if (unreadable | ~selected).any()
        else bars,
        actions=_actions(values, names, clock, dated, series, selection),
        rejects=pa.concat_tables([rejects, _broken_rejects(table, symbol)]),
        calendar=calendar,
        grid=series.grid,
        split_adjusted=series.split_adjusted,
        missing_bars=series.missing_bars,
    )


class _BarQueries:
    """The two queries over the cells of a file."""

    def __init__(self, table: Cells, series: Series, places: Mapping[str, list[int]]) -> None:
        self.table, self.series, self.places = table, series, places
        self.columns = {name: [f"c{n}" for n in numbers] for name, numbers in places.items()}
        self.numbers = [v for v in NUMBERS if v in places]

    @cached_property
    def times(self) -> times.Times:
        """SQL that reads the times of the file."""
        table, types = self.table, self.table.types
        texts = f"SELECT concat_ws(' ', {', '.join(self.columns['ts'])}) AS ts FROM raw"
        samples = table.query(f"SELECT ts FROM ({texts}) WHERE ts <> '' LIMIT {TIME_SAMPLES}")
        return times.times_of(
            table.path,
            self.series.time_format,
            self.columns["ts"],
            [types[n] for n in self.places["ts"]] if types else [],
            samples["ts"].to_pylist(),
        )

    def quick(self) -> pa.Table | None:
        """Return the same as `values` without a query, or None if the file is not simple enough."""
        lines, shape, places = self.table.lines, self.series.csv, self.places
        usual = shape.decimal == "." and shape.null_values == NULLS
        if lines is None or self.series.time_format or not usual or len(places["ts"]) > 1:
            return None
        numbers = {v: places[v][0] for v in self.numbers}
        return values_in(
            lines, places["ts"][0], numbers, places["symbol"][0] if "symbol" in places else None
        )

    def values(self) -> pa.Table:
        """Return every needed cell as its type; null where it cannot be cast."""
        expressions = [
            f"{self.times.wall} AS wall",
            f"{self.times.instant} AS instant",
            f"{self.times.other_wall} AS other_wall",
            *(f"{self._number(v)} AS {_name(v)}" for v in self.numbers),
        ]
        if "symbol" in self.columns:
            expressions.append(f"nullif(trim({self._text('symbol')}), '') AS symbol")
        return self.table.query(f"SELECT {', '.join(expressions)} FROM raw", per_row=True)

    def find_unreadable(self, values: pa.Table) -> np.ndarray:
        """Return where a cell has text but no number. Queries only if there are nulls at all."""
        suspects = [v for v in self.numbers if values[v].null_count]
        if not suspects:
            return np.zeros(len(values), bool)
        bad = " OR ".join(self._bad(v) for v in suspects)
        return _mask(self.table.query(f"SELECT {bad} AS bad FROM raw", per_row=True)["bad"])

    def rejects(
        self, lost: np.ndarray, names: pa.Array, ts: np.ndarray, time_faults: np.ndarray
    ) -> pa.Table:
        """Return the rows at the positions `lost` as rejects, with reasons and original values."""
        if len(lost) == 0:
            return REJECTS.empty_table()
        excess = len(lost) - MOST_REJECTS
        if excess > 0:  # the last one stands for all that are not stored
            lost = np.append(lost[:MOST_REJECTS], lost[-1])
        faults = [
            f"CASE WHEN {self._bad(v)} THEN {_literal(v + ' is ')} || left({self._text(v)}, 60) END"
            for v in self.numbers
        ]
        name_sql = f"trim({self._text('symbol')})" if "symbol" in self.columns else "''"
        time = f"left(concat_ws(' ', {', '.join(self.columns['ts'])}), 60)"
        original = ", ".join(
            f"{_literal(name or f'column {n + 1}')}, c{n}"
            for n, name in enumerate(self.table.names)
        )
        self.table.register(pa.table({"place": lost}), "lost")
        originals = self.table.query(
            f"SELECT {time} AS time, concat_ws('; ', {', '.join(faults)}) AS detail, "
            f"left(coalesce({name_sql}, ''), 60) AS named, "
            f"CAST(json_object({original}) AS VARCHAR) AS original "
            "FROM (SELECT *, row_number() OVER () - 1 AS place FROM raw) "
            "JOIN lost USING (place) ORDER BY place"
        )
        symbols = names.take(pa.array(lost))
        reasons, details = [], []
        columns = (symbols, *(originals[c] for c in ("time", "detail", "named")))
        lost_rows = zip(ts[lost], time_faults[lost], *(c.to_pylist() for c in columns), strict=True)
        for instant, reason, symbol, time_text, detail, name in lost_rows:
            reasons.append(reason or "unparsable")
            parts = [f"ts is {time_text}"] if np.isnat(instant) else []
            parts += [detail] if detail else []
            if symbol is None:
                parts.append(
                    f"symbol is {name}, which has signs not to be seen" if name else "no symbol"
                )
            details.append(_escaped("; ".join(parts)))
        if excess > 0:
            details[-1] = f"the last of {excess:,} more rows that are no bars: {details[-1]}"
        return pa.table(
            [
                symbols,
                pa.array(ts[lost]).cast(UTC_TYPE),
                self.table.rows[lost],
                reasons,
                details,
                originals["original"],
            ],
            schema=REJECTS,
        )

    def _text(self, name: str) -> str:
        column = self.columns[name][0]
        return f"CAST({column} AS VARCHAR)" if self.table.types else column

    def _number(self, name: str) -> str:
        text, shape = self._text(name), self.series.csv
        if shape.decimal == ",":
            text = f"replace({text}, ',', '.')"
        number = f"TRY_CAST({self.columns[name][0] if self.table.types else text} AS DOUBLE)"
        if shape.null_values == NULLS:  # none of these is a number, so the cast makes them null
            return number
        return f"CASE WHEN NOT {self._null(name)} THEN {number} END"

    def _null(self, name: str) -> str:
        # Not IN (...): a long list becomes a join, and a join does not keep the order of rows.
        nulls = ", ".join(_literal(v) for v in self.series.csv.null_values)
        return f"list_contains([{nulls}], lower(trim({self._text(name)})))"

    def _bad(self, name: str) -> str:
        text = self._text(name)
        return (
            f"CASE WHEN {self._number(name)} IS NULL THEN {text} IS NOT NULL "
            f"AND trim({text}) <> '' AND NOT {self._null(name)} ELSE false END"
        )


def _times(
    path: str,
    values: pa.Table,
    reading: times.Times | None,
    series: Series,
    interval: Interval,
    calendar: str,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return each row's local clock time, its bar's open in UTC, and a reason if it has none."""
    wall, instant = (times.drop_impossible(values[c].to_numpy()) for c in ("wall", "instant"))
    clock = wall  # not used when read the quick way
    if reading is not None:
        if reading.other_wall != times.NONE:
            wall = times.choose_day_order(
                path, wall, times.drop_impossible(values["other_wall"].to_numpy())
            )
        clock = times.clock_of(wall, instant, reading.zone, series.timezone)
    reasons = np.full(len(clock), "", dtype=object)
    if not interval.intraday:
        return clock, clock.astype("datetime64[D]").astype("datetime64[us]"), reasons
    ts, ambiguous, nonexistent = times.localize(path, wall, instant, series.timezone)
    reasons[ambiguous], reasons[nonexistent] = "ambiguous_time", "nonexistent_time"
    if series.label == "close":
        ts = times.opens_of(ts, interval, calendar, series.grid)
    return clock, ts, reasons


def _calendar(path: str, series: Series, names: pa.Array) -> str:
    """Return the one calendar of all symbols of a file."""
    if len(series.calendar) == 1 and "default" in series.calendar:
        return series.calendar["default"]
    names_by_calendar = {
        series.calendar_of(n, path): n for n in pc.unique(names).to_pylist() if n is not None
    }
    if len(names_by_calendar) > 1:
        first, second = sorted(names_by_calendar.items())[:2]
        raise SourceError(
            f"{path} holds symbols of more than one calendar: {first[1]} of {first[0]} and "
            f"{second[1]} of {second[0]}",
            "write a file for each exchange",
        )
    return next(iter(names_by_calendar), "XNYS")


def _actions(
    values: pa.Table,
    names: pa.Array,
    clock: np.ndarray,
    dated: np.ndarray,
    series: Series,
    selection: BarSelection,
) -> pa.Table:
    """Return splits and dividends of the file's columns, and the splits of the mapping."""
    tables = [ACTIONS.empty_table()]
    for kind, no_action in (("split", (0.0, 1.0)), ("dividend", (0.0,))):
        if kind not in values.column_names:
            continue
        amounts = values[kind].to_numpy()
        rows = np.flatnonzero(dated & np.isfinite(amounts) & ~np.isin(amounts, no_action))
        days = clock[rows].astype("datetime64[D]")
        columns = [names.take(pa.array(rows)), days, pa.repeat(kind, len(rows)), amounts[rows]]
        tables.append(pa.table(columns, schema=ACTIONS))
    if series.splits:
        symbols = set(pc.unique(names).to_pylist())
        splits = [
            {
                "symbol": s.symbol,
                "date": date.fromisoformat(s.date),
                "kind": "split",
                "value": s.ratio,
            }
            for s in series.splits
            if s.symbol in (symbols & set(selection.symbols) if selection.symbols else symbols)
            and selection.holds(np.array([s.date], "datetime64[us]"))[0]
        ]
        tables.append(pa.Table.from_pylist(splits, ACTIONS))
    return pa.concat_tables(tables)


def _readable_names(symbols: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return the symbols, null where one has characters that cannot be seen.

    No query would find a symbol with a NUL, and DuckLake's own queries fail on it.
    """
    hidden = [s for s in pc.unique(symbols).to_pylist() if s is not None and not is_readable(s)]
    if not hidden:
        return symbols
    return pc.if_else(pc.is_in(symbols, pa.array(hidden)), pa.scalar(None, pa.string()), symbols)


def _escaped(text: str) -> str:
    """Escape the characters of a text that cannot be seen."""
    if text.isprintable():
        return text
    return "".join(s if s.isprintable() else s.encode("unicode_escape").decode() for s in text)


def _broken_rejects(table: Cells, symbol: str) -> pa.Table:
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
