"""Weights of an index: Yahoo's top holdings of its fund, as of now, not filled in or scaled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa

from pipelines.core.errors import SourceError
from pipelines.sources.base import WEIGHTS, Answer
from pipelines.sources.yahoo.answer import decode_json, unknown_form


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
    fund = str(answer.query["fund"])
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
    return _table(holdings, answer.received_at)


def _table(holdings: Sequence[Holding], known_at: datetime) -> pa.Table:
    count = len(holdings)
    columns = {
        "symbol": [h.symbol for h in holdings],
        "name": [h.name for h in holdings],
        "weight": [h.weight for h in holdings],
        "effective": [known_at.date()] * count,
        "known_at": [known_at] * count,
        "partial": [True] * count,
    }
    return pa.table(columns, schema=WEIGHTS)
