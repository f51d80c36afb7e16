"""Read the weights of a universe's members from a file: a table of your own, or a fund's holdings.

A weight counts as known from the midnight (UTC) after its effective date, unless the mapping or a
column says otherwise: a file seldom tells when it was published, and an earlier time would be
look-ahead.

A fund holds more than the members of its index: cash, futures, a share that has just left. Such
rows are returned with the others, whatever they weigh, and whoever lands the weights leaves them
out and counts them. A member must weigh something that can be read.
"""

from __future__ import annotations

import io
import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import IO, Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.core.calendar import UTC_TYPE, utc
from pipelines.core.errors import InvalidRequest, SourceError
from pipelines.core.text import blank_hidden, is_readable
from pipelines.core.universes import universe
from pipelines.sources.base import WEIGHTS
from pipelines.sources.files.columns import columns_of
from pipelines.sources.files.fund_table import FundTable, date_in_name, find_table, read_date
from pipelines.sources.files.lines import BrokenLines
from pipelines.sources.files.mapping import WEIGHT_COLUMNS, WeightFiles
from pipelines.sources.files.read import TableFile, open_table

USUAL = {
    "symbol": ("symbol", "holdingticker", "ticker", "constituentsymbol", "holdingsymbol",
               "tickersymbol"),
    "name": ("name", "holdingname", "company", "securityname", "description"),
    "weight": ("weight", "weighting", "weights", "portfolioweight", "ofnetassets"),
    "effective": ("effective", "date", "asof", "asofdate", "effectivedate"),
    "known_at": ("knownat",),
}  # fmt: skip
MOST_WEIGHTS = 3_000_000  # of 500 members on each session of 23 years
LINES = 10_000  # whose cells are Python objects at a time
WHOLE = 0.97  # below this sum some members are missing
ABOVE = 1.05  # above it these are no fractions; whoever publishes weights rounds them
PERCENT_ABOVE = 1.5  # a sum above it is one of percent, where nothing else says so
FRACTION_HINT = (
    "if they are percent, set 'unit: percent' in the mapping; else look for lines that are doubled"
)


class _Row(NamedTuple):
    """One line: a member of the universe, or a stranger."""

    line: int
    symbol: str
    name: str | None
    weight: float  # as written; NaN where a stranger has none
    effective: date | None
    known_at: datetime | None
    is_member: bool
    has_sign: bool  # of percent


ROWS = pa.schema(
    [
        ("line", pa.int64()),
        *(WEIGHTS.field(name) for name in ("symbol", "name", "weight", "effective", "known_at")),
        ("is_member", pa.bool_()),
        ("has_sign", pa.bool_()),
    ]
)


def weights_in(
    path: str,
    content: bytes | IO[bytes],
    entry: WeightFiles,
    as_of: datetime,
    otherwise: date | None = None,
) -> pa.Table:
    """Return the weights of a file that were known at `as_of`. One bad line refuses the file.

    They are of the date `otherwise` where neither the file nor the mapping says one.
    """
    names = {**USUAL, **entry.columns}
    file = io.BytesIO(content) if isinstance(content, bytes) else content
    with (
        find_table(path, file, entry.csv, names, ("symbol", "weight")) as fund,
        open_table(path, fund.file, fund.csv) as table,
    ):
        fallback = _date_of_file(path, entry, fund) or otherwise
        needed = ("symbol", "weight") if fallback else ("symbol", "weight", "effective")
        places = columns_of(table, entry.columns, USUAL, WEIGHT_COLUMNS, needed)
        has_sign = "%" in table.names[places["weight"][0]]
        rows = _read_rows(table, places, entry, fallback)
    days, day_of_row = _days_of(rows)
    sums = _sums(rows, days, day_of_row)
    is_percent = entry.unit == "percent" or (
        not entry.unit
        and (has_sign or pc.any(rows["has_sign"]).as_py() or max(sums) > PERCENT_ABOVE)
    )
    scale = 100.0 if is_percent else 1.0
    _check_sums(path, rows, days, day_of_row, sums, scale, is_percent=is_percent)
    is_partial = np.array([total / scale < WHOLE for total in sums])[day_of_row]
    weights = pc.divide(rows["weight"], scale)
    weights = pc.if_else(pc.is_nan(weights), pa.scalar(None, pa.float64()), weights)
    columns = [
        *(weights if name == "weight" else rows[name] for name in WEIGHTS.names[:-1]),
        pa.array(is_partial),
    ]
    known = pc.fill_null(pc.less_equal(rows["known_at"], pa.scalar(utc(as_of), UTC_TYPE)), True)
    table = pa.table(columns, schema=WEIGHTS)
    return table if pc.all(known).as_py() else table.filter(known)


def _date_of_file(path: str, entry: WeightFiles, fund: FundTable) -> date | None:
    """Return the date of rows that have none of their own."""
    if entry.effective:
        try:
            return read_date(entry.effective, entry.date_format)
        except ValueError as error:
            raise SourceError(f"{path}: effective of its mapping: {error}", "mend it") from None
    return fund.as_of or date_in_name(path)


def _read_rows(
    table: TableFile, places: Mapping[str, list[int]], entry: WeightFiles, fallback: date | None
) -> pa.Table:
    """Read the rows (ROWS) of all lines that are not empty, a few at a time."""
    path, broken = table.path, BrokenLines()
    members = {_key(symbol): symbol for symbol in universe(entry.universe).symbols}
    parts, count = [ROWS.empty_table()], 0
    for numbered in _numbered_lines(table, places, broken):
        count += len(numbered)
        if count > MOST_WEIGHTS:
            raise SourceError(
                f"{path} has more than the {MOST_WEIGHTS:,} weights that are read",
                "cut it into several files",
            )
        rows = [
            _read_row(path, line, values, entry, fallback, members)
            for line, values in numbered
            if any(values.values())
        ]
        if rows:
            columns = [
                pa.array(column, f.type)
                for column, f in zip(zip(*rows, strict=True), ROWS, strict=True)
            ]
            parts.append(pa.table(columns, schema=ROWS))
    _check_broken(path, broken)
    if len(parts) == 1:
        raise SourceError(
            f"{path}: no line of holdings follows its header", "download or write it again"
        )
    return pa.concat_tables(parts)


def _numbered_lines(
    table: TableFile, places: Mapping[str, list[int]], broken: BrokenLines
) -> Iterator[list[tuple[int, dict[str, Any]]]]:
    """Yield numbers and cells of the lines, by column, as many as are read at a time."""
    expressions = ", ".join(f"trim(CAST(c{at[0]} AS VARCHAR)) AS {o}" for o, at in places.items())
    for piece in table.pieces(broken):
        lines = piece.query(f"SELECT {expressions} FROM raw", per_row=True)
        _check_broken(table.path, broken)
        for start in range(0, len(lines), LINES):
            numbers = piece.rows[start : start + LINES].tolist()
            yield list(zip(numbers, lines.slice(start, LINES).to_pylist(), strict=True))


def _check_broken(path: str, broken: BrokenLines) -> None:
    if lines := broken.list():
        number, why, _ = lines[0]
        raise SourceError(f"{path}, line {number}: {why}", "mend that line")


def _read_row(
    path: str,
    line: int,
    values: dict[str, Any],
    entry: WeightFiles,
    fallback: date | None,
    members: Mapping[str, str],
) -> _Row:
    symbol, name = values["symbol"] or "", values.get("name") or ""
    name = blank_hidden(name)
    if _is_empty(symbol, entry):
        symbol = name  # cash has no ticker
    if not symbol:
        raise SourceError(f"{path}, line {line} has no symbol and no name", "mend that line")
    if not is_readable(symbol):
        raise SourceError(
            f"{path}, line {line}: the symbol {symbol!r} has signs that cannot be seen",
            "mend that line",
        )
    member = members.get(_key(symbol)) if values["symbol"] else None
    try:
        weight = _read_weight(values["weight"] or "", entry)
        written = values.get("effective") or ""
        is_dated = not _is_empty(written, entry)
        effective = read_date(written, entry.date_format) if is_dated else fallback
        known_at = _known_at(values.get("known_at") or entry.known_at, effective, entry)
    except (ValueError, OverflowError, InvalidRequest) as error:
        raise SourceError(
            f"{path}, line {line}: {error}",
            "weights are numbers, dates 2026-09-01, 20260901 or 09/01/2026 (the mapping's "
            "date_format can say another); mend that line",
        ) from None
    if member and (math.isnan(weight) or effective is None):
        missing = "weight" if math.isnan(weight) else "date"
        raise SourceError(f"{path}, line {line}: {symbol} has no {missing}", "mend that line")
    if member and weight < 0:
        raise SourceError(
            f"{path}, line {line}: {symbol} weighs {values['weight']}, and a member of an index "
            "weighs no less than nothing",
            "mend that line, or take it out",
        )
    has_sign = "%" in (values["weight"] or "")
    return _Row(
        line, member or symbol, name or None, weight, effective, known_at, member is not None,
        has_sign,
    )  # fmt: skip


def _read_weight(text: str, entry: WeightFiles) -> float:
    """Read a weight; NaN where there is none."""
    if _is_empty(text, entry):
        return math.nan
    number = text.replace("%", "").strip()
    comma = entry.csv.decimal == ","
    number = number.replace(".", "").replace(",", ".") if comma else number.replace(",", "")
    try:
        weight = float(number)
    except ValueError:
        raise ValueError(f"the weight {text!r} is no number") from None
    if not math.isfinite(weight):
        raise ValueError(f"the weight {text!r} is no number")
    return weight


def _known_at(written: str, effective: date | None, entry: WeightFiles) -> datetime | None:
    if written:
        return utc(written)
    if effective is None:
        return None
    return datetime.combine(effective + timedelta(days=entry.known_after_days), time(), UTC)


def _days_of(rows: pa.Table) -> tuple[list[date | None], np.ndarray]:
    """Return the dates of the rows, and the place of each row's among them."""
    days = rows["effective"].combine_chunks().dictionary_encode("encode")
    return days.dictionary.to_pylist(), days.indices.to_numpy()


def _sums(rows: pa.Table, days: Sequence[date | None], day_of_row: np.ndarray) -> list[float]:
    """Return the sum of the weights of each date."""
    weights = np.nan_to_num(rows["weight"].to_numpy())[np.argsort(day_of_row, kind="stable")]
    ends = np.cumsum(np.bincount(day_of_row, minlength=len(days)))
    return [math.fsum(part) for part in np.split(weights, ends[:-1])]


def _find_repeated(rows: pa.Table, day_of_row: np.ndarray) -> np.ndarray | None:
    """Return the places of the first two rows of one member and date, or None."""
    symbols = rows["symbol"].combine_chunks().dictionary_encode()
    keys = day_of_row.astype(np.int64) * len(symbols.dictionary) + symbols.indices.to_numpy()
    members = np.flatnonzero(rows["is_member"].to_numpy())
    order = members[np.argsort(keys[members], kind="stable")]
    again = np.flatnonzero(np.diff(keys[order]) == 0)
    if not len(again):
        return None
    place = again[np.argmin(order[again])]
    return order[place : place + 2]


def _check_sums(
    path: str,
    rows: pa.Table,
    days: Sequence[date | None],
    day_of_row: np.ndarray,
    sums: Sequence[float],
    scale: float,
    *,
    is_percent: bool,
) -> None:
    """Refuse a member that stands twice, and weights that add up to more than all."""
    lines = rows["line"].to_numpy()
    repeated = _find_repeated(rows, day_of_row)
    if repeated is not None:
        first, second = lines[repeated]
        symbol, day = rows["symbol"][repeated[0]], days[day_of_row[repeated[0]]]
        raise SourceError(
            f"{path} has more than one weight of {symbol} on {day}: in the lines {first} and "
            f"{second}",
            "keep one line for each member and date",
        )
    for number, (day, total) in enumerate(zip(days, sums, strict=True)):
        if total / scale <= ABOVE:
            continue
        of_day = lines[day_of_row == number]
        amount = f"{total / scale:,.0%}".replace("%", " %")
        written = f"{total:,.4g}" if total < 10_000 else f"{total:,.0f}"
        raise SourceError(
            f"{path}, lines {of_day.min()} to {of_day.max()}: the weights of {day} add up to "
            f"{written}, which is {amount} and not 100 % or less",
            "look for lines that are doubled, or a column that is not the weight in percent"
            if is_percent
            else FRACTION_HINT,
        )


def _is_empty(text: str, entry: WeightFiles) -> bool:
    return text.lower() in entry.csv.null_values


def _key(symbol: str) -> str:
    """Return a symbol without signs: BRK.B, BRK/B and BRKB are one."""
    return "".join(char for char in symbol.upper() if char.isalnum())
