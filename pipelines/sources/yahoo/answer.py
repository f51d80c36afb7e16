"""Check that Yahoo's JSON is an answer, and to the request that was sent. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pipelines.core.errors import SourceError, UnknownSymbol
from pipelines.sources.transport.retries import NotAnAnswer

OWN_SPELLINGS = {"VIX": "^VIX"}  # without the mark, Yahoo has another thing of that name
KINDS = {"CRYPTOCURRENCY": "24/7", "CURRENCY": "24/5", "FUTURE": "CMES"}
ZONES = {
    "America/New_York": "XNYS",
    "America/Chicago": "XNYS",  # indices of Cboe, which follow the stocks
    "America/Toronto": "XTSE",
    "America/Sao_Paulo": "BVMF",
    "Asia/Hong_Kong": "XHKG",
    "Asia/Kolkata": "XBOM",
    "Asia/Seoul": "XKRX",
    "Asia/Shanghai": "XSHG",
    "Asia/Singapore": "XSES",
    "Asia/Tokyo": "XTKS",
    "Australia/Sydney": "XASX",
    "Europe/Amsterdam": "XAMS",
    "Europe/Berlin": "XETR",
    "Europe/London": "XLON",
    "Europe/Madrid": "XMAD",
    "Europe/Milan": "XMIL",
    "Europe/Paris": "XPAR",
    "Europe/Rome": "XMIL",
    "Europe/Stockholm": "XSTO",
    "Europe/Zurich": "XSWX",
}


def unknown_form(symbol: str, detail: str) -> SourceError:
    """Return the error for an answer whose form yfinance does not know."""
    return SourceError(
        f"yahoo's answer for {symbol} has another form than yfinance knows: {detail}",
        "nothing of it was stored; see whether a newer yfinance reads it, and report it if not",
    )


def decode_json(body: bytes, symbol: str) -> Any:
    """Decode the JSON of a body."""
    try:
        return json.loads(body)
    except ValueError:
        start = body[:60].decode("utf-8", "replace").strip()
        description = (
            "an empty body" if not start else f"no whole JSON: {len(body)} bytes, {start!r}..."
        )
        raise NotAnAnswer(
            f"yahoo's answer for {symbol} is {description}",
            "nothing of it was stored; run this again later",
        ) from None


def chart_of(body: bytes, query: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the chart of an answer; None when Yahoo says that nothing was traded then."""
    symbol = str(query["symbol"])
    data = decode_json(body, symbol)
    chart = data.get("chart") if isinstance(data, dict) else None
    if not isinstance(chart, dict):
        raise unknown_form(symbol, f"no `chart` (HTTP {query['status']})")
    error = chart.get("error")
    if error:
        words = str(error.get("description") if isinstance(error, dict) else error)
        if words.startswith("Data doesn't exist"):
            return None
        if query["status"] == 404 or "No data found" in words:
            raise UnknownSymbol(
                f"yahoo knows no symbol {symbol!r}: {words}",
                "look up how Yahoo spells it at https://finance.yahoo.com/lookup "
                "(BRK-B, WSU.DE, ^GSPC), or take it out of the list",
            )
        raise SourceError(
            f"yahoo refused {query['interval']} bars of {symbol} in "
            f"[{query['start']}, {query['end']}): {words}",
            "ask for a later or shorter span, or a longer interval",
        )
    results = chart.get("result")
    if not isinstance(results, list) or not results or not isinstance(results[0], dict):
        raise SourceError(
            f"yahoo's answer for {symbol} is empty: neither a chart nor an error",
            "nothing of it was stored; run this again later",
        )
    return results[0]


def yahoo_symbol(symbol: str) -> str:
    """Return how Yahoo spells a symbol that forecasts have in their own spelling."""
    return OWN_SPELLINGS.get(symbol, symbol)


def market_of(symbol: str, result: dict[str, Any], query: Mapping[str, Any]) -> tuple[str, str]:
    """Return the zone and the calendar of the exchange; refuse a chart of another request."""
    meta = result.get("meta")
    if not isinstance(meta, dict):
        raise unknown_form(symbol, "no `meta`")
    for name in ("symbol", "exchangeTimezoneName", "instrumentType"):
        if not isinstance(meta.get(name), str):
            raise unknown_form(symbol, f"no `meta.{name}`")
    if meta["symbol"].upper() != yahoo_symbol(symbol).upper():
        raise unknown_form(symbol, f"it is about {meta['symbol']}")
    interval = str(query["params"]["interval"])
    if meta.get("dataGranularity", interval) != interval:
        raise unknown_form(symbol, f"{meta['dataGranularity']} bars instead of {interval}")
    zone = meta["exchangeTimezoneName"]
    market = KINDS.get(meta["instrumentType"]) or ZONES.get(zone)
    if market is None:
        raise SourceError(
            f"no calendar is set for {symbol}, of {meta.get('exchangeName')} in {zone}",
            "add a line to ZONES in pipelines/sources/yahoo/answer.py",
        )
    return zone, market
