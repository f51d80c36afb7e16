"""The two queries over the cells of a piece of a file: its values, and what its rejects were."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa

from pipelines.core.calendar import UTC_TYPE
from pipelines.sources.base import REJECTS
from pipelines.sources.files import times
from pipelines.sources.files.mapping import NULLS, Series
from pipelines.sources.files.quick import values_in
from pipelines.sources.files.read import Cells

PRICES = ("open", "high", "low", "close")
VALUES = (*PRICES, "volume", "bid", "ask")
NUMBERS = (*VALUES, "split", "dividend")


class BarQueries:
    """The two queries over the cells of a piece of a file."""

    def __init__(self, table: Cells, series: Series, places: Mapping[str, list[int]]) -> None:
        self.table, self.series, self.places = table, series, places
        self.columns = {name: [f"c{n}" for n in numbers] for name, numbers in places.items()}
        self.numbers = [v for v in NUMBERS if v in places]

    def sample_times(self, count: int) -> list[str]:
        """Return the first times that are not empty, as they are written."""
        texts = f"SELECT concat_ws(' ', {', '.join(self.columns['ts'])}) AS ts FROM raw"
        samples = self.table.query(f"SELECT ts FROM ({texts}) WHERE ts <> '' LIMIT {count}")
        written: list[str] = samples["ts"].to_pylist()
        return written

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

    def values(self, reading: times.Times) -> pa.Table:
        """Return every needed cell as its type; null where it cannot be cast."""
        expressions = [
            f"{reading.wall} AS wall",
            f"{reading.instant} AS instant",
            f"{reading.other_wall} AS other_wall",
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
        return mask_of(self.table.query(f"SELECT {bad} AS bad FROM raw", per_row=True)["bad"])

    def rejects(
        self, lost: np.ndarray, names: pa.Array, ts: np.ndarray, time_faults: np.ndarray
    ) -> pa.Table:
        """Return the rows at the positions `lost` as rejects, with reasons and original values."""
        if len(lost) == 0:
            return REJECTS.empty_table()
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


def _escaped(text: str) -> str:
    """Escape the characters of a text that cannot be seen."""
    if text.isprintable():
        return text
    return "".join(s if s.isprintable() else s.encode("unicode_escape").decode() for s in text)


def mask_of(flags: pa.Array) -> np.ndarray:
    return np.asarray(flags.to_numpy(zero_copy_only=False), bool)


def _name(column: str) -> str:
    return f'"{column}"'


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
