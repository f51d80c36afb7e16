"""Read the weights of a universe's members from a file: a table of your own, or a fund's holdings.

A weight counts as known from the midnight (UTC) after its effective date, unless the mapping or a
column says otherwise: a file seldom tells when it was published, and an earlier time would be
look-ahead.

A fund holds more than the members of its index: cash, futures, a share that has just left. Such
rows are returned with the others, whatever they weigh, and whoever lands the weights leaves them
out and counts them. A member must weigh something that can be read.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pyarrow as pa

from pipelines.core.calendar import utc
from pipelines.core.errors import InvalidRequest, SourceError
from pipelines.core.text import blank_hidden, is_readable
from pipelines.core.universes import universe
from pipelines.sources.base import WEIGHTS
from pipelines.sources.files.columns import columns_of
from pipelines.sources.files.fund_table import FundTable, date_in_name, find_table, read_date
from pipelines.sources.files.mapping import WEIGHT_COLUMNS, WeightFiles
from pipelines.sources.files.read import Cells, cells

USUAL = {
    "symbol": ("symbol", "holdingticker", "ticker", "constituentsymbol", "holdingsymbol",
               "tickersymbol"),
    "name": ("name", "holdingname", "company", "securityname", "description"),
    "weight": ("weight", "weighting", "weights", "portfolioweight", "ofnetassets"),
    "effective": ("effective", "date", "asof", "asofdate", "effectivedate"),
    "known_at": ("knownat",),
}  # fmt: skip
MOST_WEIGHTS = 3_000_000  # of 500 members on each session of 23 years
WHOLE = 0.97  # below this sum some members are missing
ABOVE = 1.05  # above it these are no fractions; whoever publishes weights rounds them
PERCENT_ABOVE = 1.5  # a sum above it is one of percent, where nothing else says so
FRACTION_HINT = (
    "if they are percent, set 'unit: percent' in the mapping; else look for lines that are doubled"
)


@dataclass(frozen=True)
class _Row:
    """One line: a member of the universe, or a stranger."""

    line: int
    symbol: str
    name: str | None
    weight: float  # as written; NaN where a stranger has none
    effective: date | None
    known_at: datetime | None
    is_member: bool
    has_sign: bool  # of percent


def weights_in(
    path: str, body: bytes, entry: WeightFiles, as_of: datetime, otherwise: date | None = None
) -> pa.Table:
    """Return the weights of a file that were known at `as_of`. One bad line refuses the file.

    They are of the date `otherwise` where neither the file nor the mapping says one.
    """
    names = {**USUAL, **entry.columns}
    fund = find_table(path, body, entry.csv, names, ("symbol", "weight"))
    members = {_key(symbol): symbol for symbol in universe(entry.universe).symbols}
    with cells(path, fund.body, fund.csv) as table:
        fallback = _date_of_file(path, entry, fund) or otherwise
        needed = ("symbol", "weight") if fallback else ("symbol", "weight", "effective")
        places = columns_of(table, entry.columns, USUAL, WEIGHT_COLUMNS, needed)
        has_sign = "%" in table.names[places["weight"][0]]
        rows = [
            _read_row(path, line, values, entry, fallback, members)
            for line, values in _lines(path, table, places)
        ]
    sums = _sums(rows)
    is_percent = entry.unit == "percent" or (
        not entry.unit
        and (has_sign or any(r.has_sign for r in rows) or max(sums.values()) > PERCENT_ABOVE)
    )
    scale = 100.0 if is_percent else 1.0
    _check_sums(path, rows, sums, scale, is_percent=is_percent)
    whole_days = {day for day, total in sums.items() if total / scale >= WHOLE}
    records = [
        {
            "symbol": row.symbol,
            "name": row.name,
            "weight": None if math.isnan(row.weight) else row.weight / scale,
            "effective": row.effective,
            "known_at": row.known_at,
            "partial": row.effective not in whole_days,
        }
        for row in rows
        if row.known_at is None or row.known_at <= utc(as_of)
    ]
    return pa.Table.from_pylist(records, WEIGHTS)


def _date_of_file(path: str, entry: WeightFiles, fund: FundTable) -> date | None:
    """Return the date of rows that have none of their own."""
    if entry.effective:
        try:
            return read_date(entry.effective, entry.date_format)
        except ValueError as error:
            raise SourceError(f"{path}: effective of its mapping: {error}", "mend it") from None
    return fund.as_of or date_in_name(path)


def _lines(
    path: str, table: Cells, places: Mapping[str, list[int]]
) -> list[tuple[int, dict[str, Any]]]:
    """Return the cells of each line, by column."""
    expressions = ", ".join(f"trim(CAST(c{at[0]} AS VARCHAR)) AS {o}" for o, at in places.items())
    if len(table.rows) > MOST_WEIGHTS:
        raise SourceError(
            f"{path} has {len(table.rows):,} weights, more than the {MOST_WEIGHTS:,} that are read",
            "cut it into several files",
        )
    records = table.query(f"SELECT {expressions} FROM raw", per_row=True).to_pylist()
    if broken := table.broken.list():
        line, why, _ = broken[0]
        raise SourceError(f"{path}, line {line}: {why}", "mend that line")
    lines = [
        (int(line), values)
        for line, values in zip(table.rows, records, strict=True)
        if any(values.values())
    ]
    if not lines:
        raise SourceError(
            f"{path}: no line of holdings follows its header", "download or write it again"
        )
    return lines


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


def _sums(rows: Sequence[_Row]) -> dict[date | None, float]:
    weights: dict[date | None, list[float]] = defaultdict(list)
    for row in rows:
        weights[row.effective].append(0.0 if math.isnan(row.weight) else row.weight)
    return {day: math.fsum(values) for day, values in weights.items()}


def _check_sums(
    path: str,
    rows: Sequence[_Row],
    sums: Mapping[date | None, float],
    scale: float,
    *,
    is_percent: bool,
) -> None:
    """Refuse a member that stands twice, and weights that add up to more than all."""
    lines: dict[tuple[str, date | None], int] = {}
    for row in rows:
        key = (row.symbol, row.effective)
        if row.is_member and key in lines:
            raise SourceError(
                f"{path} has more than one weight of {row.symbol} on {row.effective}: in the lines "
                f"{lines[key]} and {row.line}",
                "keep one line for each member and date",
            )
        lines[key] = row.line
    for day, total in sums.items():
        if total / scale <= ABOVE:
            continue
        of_day = [row.line for row in rows if row.effective == day]
        amount = f"{total / scale:,.0%}".replace("%", " %")
        written = f"{total:,.4g}" if total < 10_000 else f"{total:,.0f}"
        raise SourceError(
            f"{path}, lines {min(of_day)} to {max(of_day)}: the weights of {day} add up to "
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
