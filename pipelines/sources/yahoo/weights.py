"""Weights of an index: Yahoo's top holdings of its fund, or a holdings file that is dropped in.

A file is a CSV as fund companies publish it: a column for the ticker and one for the weight,
in any of the spellings below, and if it has one, a date. Lines before the header are passed
over; so are lines without a ticker (cash). The weights are percent if one has a percent sign
or they add up to more than 1.5, else fractions. Files of only a few small members, whose sum
could be either, should carry the sign. No weight is filled in, scaled or guessed.
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
from pipelines.sources.yahoo.answer import changed, decoded

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


class _Recorded:
    """Stands where yfinance keeps its data door, and hands it the answer that was kept."""

    def __init__(self, data: Any) -> None:
        self._data = data

    def get_raw_json(self, url: str, params: Any = None, timeout: float = 30) -> Any:
        return self._data


def read_top_holdings(answer: Answer) -> pa.Table:
    """The fund's top holdings as yfinance reads them: some of the members, and marked so."""
    import yfinance
    from yfinance.exceptions import YFException
    from yfinance.scrapers.funds import FundsData

    yfinance.config.debug.hide_exceptions = False
    fund = str(answer.asked["fund"])
    data = decoded(answer.body, fund)
    page = data.get("quoteSummary") if isinstance(data, dict) else None
    error = page.get("error") if isinstance(page, dict) else None
    if error:
        words = error.get("description") if isinstance(error, dict) else error
        raise SourceError(
            f"yahoo has no holdings of {fund}: {words}",
            "drop in a holdings CSV and name it in BULLION_HOLDINGS_CSV",
        )
    try:
        top = FundsData(_Recorded(data), fund).top_holdings
        named = zip(top.index, top["Name"], top["Holding Percent"].astype(float), strict=True)
        holdings = [Holding(str(symbol), str(name), weight) for symbol, name, weight in named]
    except (YFException, LookupError, TypeError, ValueError, AttributeError) as wrong:
        raise changed(fund, f"holdings that cannot be read ({wrong!r})") from wrong
    for holding in holdings:
        if not 0 < holding.weight < 1:
            raise changed(fund, f"{holding.symbol} weighs {holding.weight}, not a fraction")
    if not holdings:
        raise changed(fund, "no holdings")
    return _table(holdings, answer.received_at.date(), answer.received_at, partial=True)


def read_holdings_file(answer: Answer) -> pa.Table:
    """The members and weights of a holdings CSV."""
    file = str(answer.asked["file"])
    try:
        lines = answer.body.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise _wrong(file, 1, "is no UTF-8 text") from None
    reader = csv.reader(lines)
    try:
        rows = [(number, [c.strip() for c in row]) for number, row in enumerate(reader, 1)]
    except csv.Error as error:  # such as a cell of more than 131,072 signs
        raise _wrong(file, reader.line_num, f"is not CSV: {error}") from None
    at, ticker, weight, name, when = _header(file, rows[:HEADER_WITHIN])
    held: dict[str, Holding] = {}
    dates: set[date] = set()
    percent = "%" in rows[at][1][weight]
    for number, cells in rows[at + 1 :]:
        if len(cells) <= max(ticker, weight) or cells[ticker] in ("", "-"):
            continue
        symbol = cells[ticker].upper().replace("/", "-")
        if not is_readable(symbol):
            raise _wrong(file, number, f"has the ticker {symbol!r} with signs that cannot be seen")
        if symbol in held:
            raise _wrong(file, number, f"names {symbol} a second time")
        percent |= "%" in cells[weight]
        value = _number(file, number, cells[weight])
        label = blank_hidden(cells[name]) if name is not None and len(cells) > name else ""
        held[symbol] = Holding(symbol, label, value)
        if when is not None and len(cells) > when:
            dates.add(_date(file, number, cells[when]))
    if not held:
        raise _wrong(file, at + 1, "is followed by no holdings")
    if len(dates) > 1:
        raise _wrong(file, at + 2, f"and those after it are of {len(dates)} dates, not of one")
    total = math.fsum(h.weight for h in held.values())
    percent |= total > 1.5
    scale = 100.0 if percent else 1.0
    if not 0 < total / scale <= 1.05:
        raise _wrong(file, at + 2, f"and those after it add up to {total:g}, not to 100 % or less")
    effective = dates.pop() if dates else date.fromisoformat(str(answer.asked["modified"]))
    holdings = [Holding(h.symbol, h.name, h.weight / scale) for h in held.values()]
    return _table(holdings, effective, answer.received_at, partial=total / scale < WHOLE)


def _header(
    file: str, rows: Sequence[tuple[int, list[str]]]
) -> tuple[int, int, int, int | None, int | None]:
    """Where the header is, and the places of ticker, weight, name and date."""
    for at, (_, cells) in enumerate(rows):
        places = {cell.lower(): place for place, cell in reversed(list(enumerate(cells)))}
        found = [
            next((places[word] for word in words if word in places), None)
            for words in (TICKER, WEIGHT, NAME, DATE)
        ]
        if found[0] is not None and found[1] is not None:
            return at, found[0], found[1], found[2], found[3]
    raise _wrong(
        file,
        1,
        f"and the {HEADER_WITHIN} after it are no header with a ticker ({', '.join(TICKER)}) "
        f"and a weight ({', '.join(WEIGHT)})",
    )


def _number(file: str, line: int, text: str) -> float:
    try:
        value = float(text.replace("%", "").replace(",", ""))
    except ValueError:
        raise _wrong(file, line, f"has the weight {text!r}, which is no number") from None
    if not 0 <= value <= 100:
        raise _wrong(file, line, f"has the weight {text!r}, which is not from 0 to 100")
    return value


def _date(file: str, line: int, text: str) -> date:
    for form in DATES:
        try:
            return datetime.strptime(text, form).date()  # noqa: DTZ007 - a date has no zone
        except ValueError:
            continue
    raise _wrong(
        file, line, f"has the date {text!r}; written as 2026-09-01 or 09/01/2026 it is read"
    )


def _wrong(file: str, line: int, what: str) -> SourceError:
    return SourceError(
        f"{file}: line {line} {what}",
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
