"""OANDA's price stream: one endless answer with a JSON object a line, PRICE or HEARTBEAT.

OANDA sends at most four prices a second of each instrument, and a heartbeat every 5 s. It allows 2
new connections a second and 20 open ones. The account is `BULLION_OANDA_ACCOUNT`, or else the
first that the token has.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, ClassVar

from pipelines.core.calendar import utc
from pipelines.core.errors import InvalidRequest, SourceError
from pipelines.sources.oanda import NEW_CONNECTIONS, PAGE, SYMBOL, base_address
from pipelines.sources.oanda.candles import calendar_of
from pipelines.sources.oanda.replies import SERVERS, TOKEN, check_reply
from pipelines.sources.quota import Quota
from pipelines.sources.transport.http_client import HttpClient, Reply
from pipelines.sources.transport.http_lines import LineReader
from pipelines.sources.transport.json_body import read_json
from pipelines.sources.transport.provider_settings import KeyGuard, provider_settings, read_key
from pipelines.sources.transport.retries import Busy, NotAnAnswer
from pipelines.stream.messages import Garbage, Heartbeat, Message, Price

SILENCE = 15.0  # seconds: three heartbeats
STREAM_SERVERS = {
    "practice": "https://stream-fxpractice.oanda.com",
    "live": "https://stream-fxtrade.oanda.com",
}
ACCOUNT = "BULLION_OANDA_ACCOUNT"
DIGITS = 8  # of the middle between two prices


class OandaPrices:
    """The live prices of some instruments."""

    source: ClassVar[str] = "oanda"

    def __init__(self, symbols: tuple[str, ...], silence: float = SILENCE) -> None:
        for symbol in symbols:
            if not SYMBOL.fullmatch(symbol):
                raise InvalidRequest(
                    f"{symbol!r} cannot be an instrument of oanda",
                    "write it as OANDA does: EUR_USD, XAU_USD, SPX500_USD",
                )
        self.symbols = symbols
        settings = provider_settings()
        self._token = read_key(TOKEN, "OANDA", PAGE, settings.oanda_token)
        self._guard = KeyGuard(self._token)
        self._headers = {
            "Authorization": f"Bearer {self._token}",
            "Accept-Datetime-Format": "RFC3339",
        }
        self._base = base_address(settings.oanda_url)
        name = next((name for name, url in SERVERS.items() if url == self._base), None)
        self._stream_base = STREAM_SERVERS[name] if name else self._base
        self._account = settings.oanda_account.strip()
        connections = Quota(f"{self.source} connections", NEW_CONNECTIONS)
        self._client = HttpClient(
            self.source, settings.user_agent, silence, before_connecting=connections.take
        )
        self._lines = LineReader(settings.user_agent, silence, connections.take)

    def connect(self) -> Iterator[Message]:
        self._account = self._account or self._find_account()
        lines = self._lines.read_lines(
            f"{self._stream_base}/v3/accounts/{self._account}/pricing/stream",
            {"instruments": ",".join(self.symbols), "snapshot": "true"},
            self._headers,
            self._check_reply,
        )
        for line in lines:
            message = self._read(line)
            if message is not None:
                yield message

    def now(self) -> datetime:
        return datetime.now(UTC)

    def calendar_of(self, symbol: str) -> str:
        return calendar_of(symbol)

    def _find_account(self) -> str:
        """Return the first account of the token."""
        reply = self._client.get(f"{self._base}/v3/accounts", headers=self._headers)
        self._check_reply(reply)
        try:
            data = read_json(reply.body, self.source, "its accounts")
        except NotAnAnswer as wrong:
            raise Busy(wrong.message) from wrong
        accounts = data.get("accounts") if isinstance(data, dict) else None
        if not isinstance(accounts, list) or not accounts or "id" not in accounts[0]:
            raise SourceError(
                "oanda's answer names no account of this token",
                f"name the account: {ACCOUNT}=001-001-1234567-001",
            )
        return str(accounts[0]["id"])

    def _check_reply(self, reply: Reply) -> None:
        hidden = Reply(reply.status, reply.headers, self._guard.hide_in_body(reply.body))
        check_reply(hidden, ",".join(self.symbols), "its price stream")

    def _read(self, line: bytes) -> Message | None:
        """Read a line; None for a price at which nobody can trade."""
        try:
            data = json.loads(line)
            kind, at = data["type"], utc(str(data["time"]))
            if kind == "HEARTBEAT":
                return Heartbeat(at)
            if kind == "PRICE":
                return _read_price(data, at) if data["instrument"] in self.symbols else None
        except (ValueError, KeyError, TypeError, IndexError, InvalidRequest):
            pass
        return Garbage(self._guard.hide(line[:200].decode("utf-8", "replace")))


def _read_price(data: dict[str, Any], at: datetime) -> Price | None:
    if data.get("tradeable", True) is not True:
        return None
    bid = max(_number(level["price"]) for level in data["bids"])
    ask = min(_number(level["price"]) for level in data["asks"])
    return Price(str(data["instrument"]), at, bid, ask, round((bid + ask) / 2, DIGITS))


def _number(text: Any) -> float:
    number = float(text)
    if not (math.isfinite(number) and number > 0):
        raise ValueError(text)
    return number
