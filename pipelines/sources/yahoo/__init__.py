"""Bars of Yahoo Finance, fetched through yfinance.

**What it has.** Stocks, funds, indices, currencies, futures and coins, by Yahoo's own symbols
(`AAPL`, `BRK-B`, `WSU.DE`, `^GSPC`, `EURUSD=X`, `BTC-USD`); `VIX` is Yahoo's `^VIX`. How far back
depends on the interval, and so does the span of one request: `INTERVAL_LIMITS`. A request that
begins before the limit is refused as a whole, with the earliest date that works: half a span is no
answer.

**What is kept.** Yahoo's JSON byte for byte. Bars are parsed from it later and offline, by
yfinance's own parsers but not by its history(), which drops rows and turns an unknown volume
into 0 (see yahoo/bars.py). Prices are adjusted for every split known when they were received, not
for dividends. 30-minute bars are made of Yahoo's 15-minute ones, as yfinance does: its own are
wrong.

**When Yahoo does not answer** (429, 5xx, timeouts, refused connections, pages that are no JSON)
the request is repeated, five times at most, after random and growing waits, or after the wait
that Yahoo demands. A run that gives up resumes at the piece where it stopped.

**Weights.** Yahoo names a fund's ten largest holdings only, as of now; the rows are `partial`.
A CSV named in `BULLION_HOLDINGS_CSV` is read instead, as with every source (files/holdings.py).
`BULLION_YAHOO_URL` sends everything to another address than Yahoo's.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, ClassVar

import pyarrow as pa

from pipelines.core.calendar import Interval, utc
from pipelines.core.errors import InvalidRequest, SourceUnavailable, unknown
from pipelines.core.universes import universe
from pipelines.sources.base import Answer, Parsed, Request
from pipelines.sources.transport.retries import Busy, NotAnAnswer, Patience, retry
from pipelines.sources.yahoo.answer import yahoo_symbol
from pipelines.sources.yahoo.http import ADVICE, Client, Reply, base_address
from pipelines.sources.yahoo.weights import read_top_holdings

SYMBOL = re.compile(r"[A-Za-z0-9.^=&_-]{1,24}")
CUT_FROM = datetime(
    1969, 12, 29, tzinfo=UTC
)  # a Monday; pieces are cut at multiples counted from it
BEGIN = datetime(1970, 1, 1, tzinfo=UTC)  # where the calendars begin
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Limit:
    """How far back Yahoo has an interval, and the length of one piece. Days."""

    back: int | None
    piece: int | None


# Yahoo's own messages: 1m "within the last 30 days" and 8 days a request, 2m to 30m "within the
# last 60 days", 1h "within the last 730 days", 1d "100 years". Pieces stay below.
INTERVAL_LIMITS = {
    "1m": Limit(30, 7),
    "5m": Limit(60, 28),
    "15m": Limit(60, 28),
    "30m": Limit(60, 28),
    "1h": Limit(730, 182),
    "1d": Limit(None, 3640),
    "1w": Limit(None, None),
    "1mo": Limit(None, None),
}


class Yahoo:
    """Yahoo Finance through yfinance."""

    name: ClassVar[str] = "yahoo"
    is_sample: ClassVar[bool] = False
    datasets: ClassVar[tuple[str, ...]] = ("bars", "weights")
    news_source: ClassVar[str] = "gdelt"  # whose news are joined with its bars
    whole: ClassVar[bool] = False
    resumes: ClassVar[bool] = True

    def __init__(
        self,
        patience: Patience = Patience(),  # noqa: B008 - frozen
        sleep: Callable[[float], None] = time.sleep,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._patience = patience
        self._sleep = sleep
        self._now = now
        self._local = threading.local()  # a session is one thread's own

    def symbols(self) -> tuple[str, ...] | None:
        """Return None: only Yahoo knows its symbols."""
        return None

    def pieces(self, request: Request) -> Iterator[Request]:
        """Cut a request into pieces of one symbol and one span that Yahoo answers at once."""
        limit = self._check_request(request)
        end = min(utc(request.end), utc(request.as_of))
        for symbol in request.symbols:
            start = utc(request.start)
            while start < end:
                stop = min(end, _cut_after(start, limit))
                yield replace(request, symbols=(symbol,), start=start, end=stop)
                start = stop

    def fetch(self, request: Request) -> Iterator[Answer]:
        """Request bars piece by piece. An answer that cannot be parsed is never returned."""
        for piece in self.pieces(request):
            (symbol,) = piece.symbols
            span = f"[{piece.start:%Y-%m-%d %H:%M}, {piece.end:%Y-%m-%d %H:%M})"
            yield self._ask(
                partial(self._chart, piece),
                self.parse,
                f"{request.interval} bars of {symbol} in {span}",
            )

    def parse(self, answer: Answer) -> Parsed:
        """Parse the bars of an answer. Pure: the same answer gives the same bars."""
        # The API imports this module, and does without pandas.
        from pipelines.sources.yahoo.bars import read_chart

        return read_chart(answer)

    def fetch_weights(self, universe: str, as_of: datetime) -> Iterator[Answer]:
        """Request the current weights. None for a past `as_of`: Yahoo has no history of them."""
        fund = _fund(universe)
        now = self._now()
        if utc(as_of) < now - DAY:
            return
        yield self._ask(
            partial(self._holdings, universe, fund),
            self.parse_weights,
            f"the holdings of {fund}",
        )

    def parse_weights(self, answer: Answer) -> pa.Table:
        """Parse the weights of an answer. Pure."""
        return read_top_holdings(answer)

    def _ask(
        self, ask: Callable[[], Answer], parse: Callable[[Answer], Any], subject: str
    ) -> Answer:
        """Request an answer, with retries, until it can be parsed."""

        def try_once() -> Answer:
            try:
                answer = ask()
                parse(answer)
            except NotAnAnswer as wrong:
                raise Busy(wrong.message) from wrong
            except Busy:
                self._local.client = None  # the next try uses a new cookie and crumb
                raise
            return answer

        # A server that is down for one symbol is down for the next hundred: they get one try each.
        was_down = getattr(self._local, "down", False)
        patience = replace(self._patience, tries=1) if was_down else self._patience
        self._local.down = False
        try:
            return retry(try_once, self.name, subject, patience, ADVICE, self._sleep)
        except SourceUnavailable:
            self._local.down = True
            raise

    def _client(self) -> Client:
        base = base_address()
        client: Client | None = getattr(self._local, "client", None)
        if client is None or client.base != base:
            client = self._local.client = Client(base, self._patience.timeout)
        return client

    def _chart(self, piece: Request) -> Answer:
        (symbol,) = piece.symbols
        query = {
            "symbol": symbol,
            "interval": piece.interval.name,
            "start": piece.start.isoformat(),
            "end": piece.end.isoformat(),
            "as_of": utc(piece.as_of).isoformat(),
        }
        start, end = _widen(piece)
        reply = self._client().chart(yahoo_symbol(symbol), piece.interval.yahoo, start, end)
        return self._answer("bars", query, reply)

    def _holdings(self, universe: str, fund: str) -> Answer:
        query = {"universe": universe, "fund": fund, "origin": "Yahoo's top holdings"}
        return self._answer("weights", query, self._client().holdings(fund))

    def _answer(self, kind: str, query: dict[str, Any], reply: Reply) -> Answer:
        query |= {"path": reply.path, "params": reply.params, "status": reply.status}
        return Answer(self.name, kind, query, reply.body, "application/json", self._now())

    def _check_request(self, request: Request) -> Limit:
        name = request.interval.name
        if name not in INTERVAL_LIMITS:
            raise unknown("interval of yahoo", name, INTERVAL_LIMITS)
        for symbol in request.symbols:
            if not SYMBOL.fullmatch(symbol):
                raise InvalidRequest(
                    f"{symbol!r} cannot be a symbol of yahoo",
                    "write it as Yahoo does: BRK-B, ^GSPC",
                )
        start, end = utc(request.start), utc(request.end)
        symbols = ", ".join(request.symbols[:5]) + (", ..." if len(request.symbols) > 5 else "")
        if start >= end:
            raise InvalidRequest(
                f"{name} bars of {symbols}: the span [{start}, {end}) is empty",
                "give a start before the end",
            )
        limit = INTERVAL_LIMITS[name]
        earliest = BEGIN
        if limit.back is not None:
            reach = self._now() - timedelta(days=limit.back)
            earliest = reach.replace(hour=0, minute=0, second=0, microsecond=0) + DAY
        if start < earliest:
            have = f"for the last {limit.back} days" if limit.back else "from 1970 on"
            raise InvalidRequest(
                f"{name} bars of {symbols} from {start:%Y-%m-%d %H:%M}: yahoo has them {have} only",
                f"start at {earliest:%Y-%m-%d} or later, take a longer interval, or load older "
                "bars with the files source",
            )
        return limit


def _cut_after(start: datetime, limit: Limit) -> datetime:
    """Return the end of the piece that contains `start`: the same for every request."""
    if limit.piece is None:
        return datetime.max.replace(tzinfo=UTC)
    size = timedelta(days=limit.piece)
    return CUT_FROM + ((start - CUT_FROM) // size + 1) * size


def _widen(piece: Request) -> tuple[datetime, datetime]:
    """Widen a span so that no bar is cut at its edges; never beyond `as_of`.

    Days begin at midnight of the exchange, which can be the day before in UTC, and Yahoo sums
    up a week or a month from the requested days. The parser drops the extra bars.
    """
    interval: Interval = piece.interval
    start, end = piece.start, piece.end
    if interval.intraday:
        return start, end
    if interval.name == "1w":
        start -= (start - CUT_FROM) % (7 * DAY)
        end += (CUT_FROM - end) % (7 * DAY)
    if interval.name == "1mo":
        start = start.replace(day=1)
        end = (end.replace(day=1) + 32 * DAY).replace(day=1)
    # Not 1970 itself: yfinance treats a time of 0 as missing.
    return max(start - DAY, BEGIN + DAY), min(end + DAY, utc(piece.as_of))


def _fund(name: str) -> str:
    return universe(name).index
