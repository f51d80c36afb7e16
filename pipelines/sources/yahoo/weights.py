"""Weights of an index: Yahoo's top holdings of its fund, or a holdings file of the user.

A file is a CSV as fund companies publish it: a column for the ticker and one for the weight,
in any of the spellings below, and if it has one, a date. Lines before the header are
skipped; so are lines without a ticker (cash). The weights are percent if one has a percent sign
or they add up to more than 1.5, else fractions. Files of only a few small members, whose sum
could be either, should have the sign. No weight is filled in, scaled or guessed.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import pyarrow as pa

from pipelines.core.errors import SourceError
from pipelines.core.text import blank_hidden, is_readable
from pipelines.sources.base import WEIGHTS, Answer
from pipelines.sources.yahoo.answer import decode_json, unknown_form

TICKER = ("holding ticker", "ticker", "symbol", "holding symbol", "ticker symbol")
WEIGHT = ("weight", "weight (%)", "weighting", "% weight", "portfolio weight", "% of net assets")
NAME = ("name", "holding name", "company", "security name", "description")
DATE = ("date", "as of", "as of date", "effective", "effective date")
DATES = ("%Y-%m-%d", "%m/%d/%Y", "%d-%b-%Y", "%b %d, %Y")  # 03/04/2026 is the 4th of March
HEADER_WITHIN = 20  # lines
WHOLE = 0.97  # a file that adds up to less names only some of the members


@dataclass(frozen=True)
class Holding:
    symbol: str
    name: str
    weight: float


class _RecordedData:
    """Takes the place of yfinance's YfData and returns the stored answer."""

    def __init__(self, data: Any) -> None:
        self._data = data

    def get_raw_json(self, url: str, params: Any = None, timeout: float = 30) -> Any:
        return self._data


def read_top_holdings(answer: Answer) -> pa.Table:
    """Parse a fund's top holdings with yfinance: some of the members, marked as partial."""
    import yfinance
    from yfinance.exceptions import YFException
    from yfinance.scrapers.funds import FundsData

    yfinance.config.debug.hide_exceptions = False
    fund = str(answer.asked["fund"])
    data = decode_json(answer.body, fund)
    page = data.get("quoteSummary") if isinstance(data, dict) else None
    error = page.get("error") if isinstance(page, dict) else None
    if error:
        words = error.get("description") if isinstance(error, dict) else error
        raise SourceError(
            f"yahoo has no holdings of {fund}: {words}",
            "drop in a holdings CSV and name it in BULLION_HOLDINGS_CSV",
        )
    try:
        top = FundsData(_RecordedData(data), fund).top_holdings
        rows = zip(top.index, top["Name"], top["Holding Percent"].astype(float), strict=True)
        holdings = [Holding(str(symbol), str(name), weight) for symbol, name, weight in rows]
    except (YFException, LookupError, TypeError, ValueError, AttributeError) as wrong:
        raise unknown_form(fund, f"holdings that cannot be read ({wrong!r})") from wrong
    for holding in holdings:
        if not 0 < holding.weight < 1:
            raise unknown_form(fund, f"{holding.symbol} weighs {holding.weight}, not a fraction")
    if not holdings:
        raise unknown_form(fund, "no holdings")
    return _table(holdings, answer.received_at.date(), answer.received_at, partial=True)


def read_holdings_file(answer: Answer) -> pa.Table:
    """Parse the members and weights of a holdings CSV."""
    file = str(answer.asked["file"])
    try:
        lines = answer.body.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise _file_error(file, 1, "is no UTF-8 text") from None
    reader = csv.reader(lines)
    try:
        rows = [(number, [c.strip() for c in row]) for number, row in enumerate(reader, 1)]
    except csv.Error as error:  # such as a cell of more than 131,072 characters
        raise _file_error(file, reader.line_num, f"is not CSV: {error}") from None
    header, ticker, weight, name, date_place = _find_header(file, rows[:HEADER_WITHIN])
    by_symbol: dict[str, Holding] = {}
    dates: set[date] = set()
    percent = "%" in rows[header][1][weight]
    for number, cells in rows[header + 1 :]:
        if len(cells) <= max(ticker, weight) or cells[ticker] in ("", "-"):
            continue
        symbol = cells[ticker].upper().replace("/", "-")
        if not is_readable(symbol):
            raise _file_error(
                file, number, f"has the ticker {symbol!r} with signs that cannot be seen"
            )
        if symbol in by_symbol:
            raise _file_error(file, number, f"names {symbol} a second time")
        percent |= "%" in cells[weight]
        value = _read_number(file, number, cells[weight])
        label = blank_hidden(cells[name]) if name is not None and len(cells) > name else ""
        by_symbol[symbol] = Holding(symbol, label, value)
        if date_place is not None and len(cells) > date_place:
            dates.add(_read_date(file, number, cells[date_place]))
    if not by_symbol:
        raise _file_error(file, header + 1, "is followed by no holdings")
    if len(dates) > 1:
        raise _file_error(
            file, header + 2, f"and those after it are of {len(dates)} dates, not of one"
        )
    total = math.fsum(h.weight for h in by_symbol.values())
    percent |= total > 1.5
    scale = 100.0 if percent else 1.0
    if not 0 < total / scale <= 1.05:
        raise _file_error(
            file, header + 2, f"and those after it add up to {total:g}, not to 100 % or less"
        )
    effective = dates.pop() if dates else date.fromisoformat(str(answer.asked["modified"]))
    holdings = [Holding(h.symbol, h.name, h.weight / scale) for h in by_symbol.values()]
    return _table(holdings, effective, answer.received_at, partial=total / scale < WHOLE)


def _find_header(
    file: str, rows: Sequence[tuple[int, list[str]]]
) -> tuple[int, int, int, int | None, int | None]:
    """Find the header; return its index and the columns of ticker, weight, name and date."""
    for at, (_, cells) in enumerate(rows):
        places = {cell.lower(): place for place, cell in reversed(list(enumerate(cells)))}
        columns = [
            next((places[word] for word in words if word in places), None)
            for words in (TICKER, WEIGHT, NAME, DATE)
        ]
        if columns[0] is not None and columns[1] is not None:
            return at, columns[0], columns[1], columns[2], columns[3]
    raise _file_error(
        file,
        1,
        f"and the {HEADER_WITHIN} after it are no header with a ticker ({', '.join(TICKER)}) "
        f"and a weight ({', '.join(WEIGHT)})",
    )


def _read_number(file: str, line: int, text: str) -> float:
    try:
        value = float(text.replace("%", "").replace(",", ""))
    except ValueError:
        raise _file_error(file, line, f"has the weight {text!r}, which is no number") from None
    if not 0 <= value <= 100:
        raise _file_error(file, line, f"has the weight {text!r}, which is not from 0 to 100")
    return value


def _read_date(file: str, line: int, text: str) -> date:
    for date_format in DATES:
        try:
            return datetime.strptime(text, date_format).date()  # noqa: DTZ007 - a date has no zone
        except ValueError:
            continue
    raise _file_error(
        file, line, f"has the date {text!r}; written as 2026-09-01 or 09/01/2026 it is read"
    )


def _file_error(file: str, line: int, problem: str) -> SourceError:
    return SourceError(
        f"{file}: line {line} {problem}",
        "expected is a CSV with a header, a ticker and a weight (percent or fraction) a line and "
        "at most one date; mend it, or unset BULLION_HOLDINGS_CSV to ask Yahoo for its top ten",
    )


def _table(
    holdings: Sequence[Holding], effective: date, known_at: datetime, *, partial: bool
) -> pa.Table:
    count = len(holdings)
    columns = {
        "symbol": [h.symbol for h in holdings],
        "name": [h.name for h in holdings],
        "weight": [h.weight for h in holdings],
        "effective": [effective] * count,
        "known_at": [known_at] * count,
        "partial": [partial] * count,
    }
    return pa.table(columns, schema=WEIGHTS)
