"""Check that OANDA's reply is an answer to the request. Pure."""

from __future__ import annotations

import json
from typing import Any

from pipelines.core.errors import AccessRefused, SourceError, UnknownSymbol
from pipelines.sources.transport.http_client import Reply
from pipelines.sources.transport.json_body import is_page, read_json
from pipelines.sources.transport.retries import Busy, NotAnAnswer

TOKEN = "BULLION_OANDA_TOKEN"  # noqa: S105 - the name of a setting
URL = "BULLION_OANDA_URL"
SERVERS = {
    "practice": "https://api-fxpractice.oanda.com",
    "live": "https://api-fxtrade.oanda.com",
}
GRANULARITIES = {
    "1m": "M1",
    "5m": "M5",
    "15m": "M15",
    "30m": "M30",
    "1h": "H1",
    "1d": "D",
    "1w": "W",
    "1mo": "M",
}
TOO_MANY = "Maximum value for 'count' exceeded"


class TooManyCandles(SourceError):
    """The span of a request has more candles than OANDA answers at once."""


def check_reply(reply: Reply, symbol: str, subject: str) -> None:
    """Raise for a reply that is no candles: a page, a wrong token, a refusal in words."""
    if is_page(reply.body):
        raise Busy(f"HTTP {reply.status}, a web page: {reply.text(80)!r}")
    if reply.status == 200:
        return
    words = _error_message(reply)
    if reply.status in (401, 403):
        raise AccessRefused(
            f"oanda did not allow {subject}: HTTP {reply.status}, {words!r}",
            f"check {TOKEN}, and {URL}: a token of a practice account is for `practice` alone, "
            "one of a live account for `live`",
        )
    if reply.status == 400 and TOO_MANY in words:
        raise TooManyCandles(
            f"oanda refused {subject}: {words}", "ask for a shorter span, or report it"
        )
    if reply.status == 400 and "'instrument" in words:
        raise UnknownSymbol(
            f"oanda knows no instrument {symbol!r}: {words}",
            "write it as OANDA does (EUR_USD, SPX500_USD), or take it out of the list; which there "
            "are depends on the account",
        )
    if reply.status == 404:
        raise SourceError(
            f"oanda has no candles at this address ({subject}): HTTP 404, {words!r}", f"check {URL}"
        )
    raise SourceError(
        f"oanda refused {subject}: HTTP {reply.status}, {words!r}",
        "ask for another span; where it says that a time is in the future, set this machine's "
        "clock",
    )


def candles_of(body: bytes, symbol: str, interval: str) -> list[Any]:
    """Return the candles of an answer; refuse those of another request."""
    subject = f"{interval} bars of {symbol}"
    data = read_json(body, "oanda", subject)
    candles = data.get("candles") if isinstance(data, dict) else None
    if not isinstance(candles, list):
        raise NotAnAnswer(
            f"oanda's answer for {subject} has no list of candles",
            "nothing of it was stored; its format may have changed: report it",
        )
    expected = {"instrument": symbol, "granularity": GRANULARITIES[interval]}
    for name, value in expected.items():
        if str(data.get(name)).replace("/", "_") != value:
            raise SourceError(
                f"oanda's answer for {subject} is about the {name} {data.get(name)!r}",
                "nothing of it was stored; see what stands between this machine and OANDA",
            )
    return candles


def _error_message(reply: Reply) -> str:
    """Return OANDA's own words about what was wrong."""
    try:
        data = json.loads(reply.body)
    except ValueError:
        return reply.text()
    message = data.get("errorMessage") if isinstance(data, dict) else None
    return " ".join(str(message).split())[:200] if message else reply.text()
