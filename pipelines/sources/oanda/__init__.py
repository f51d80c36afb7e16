"""Bars of OANDA, from the candles of its v20 API.

**What it has.** Currencies, metals and contracts on share indices, by OANDA's own names (`EUR_USD`,
`XAU_USD`, `SPX500_USD`), from one minute up. Open, high, low and close are of the middle between
bid and ask; `bid` and `ask` are the quotes at the bar's close. `volume` is the count of prices
in the bar, not what was traded: OANDA does not know that. A minute without a price has no candle,
and is a gap that is counted, never filled; so missing bars are a warning.

**When it is open.** From Sunday 17:00 to Friday 17:00 in New York: the calendar `FX`, and for the
contracts on US share indices `US_INDEX_CFD` with its daily break (core/own_calendars.py).

**Limits.** At most 5,000 candles a request: a span is cut into pieces that are the same every day,
and a run that was stopped asks only for those that are missing. Where OANDA still says that they
are too many, the piece is halved. 100 requests a second (`BULLION_OANDA_LIMITS`) and 2 new
connections a second are kept by all workers of a machine together; requests go over one connection.

**Token.** `BULLION_OANDA_TOKEN`, from the environment only: it is sent in a header, and is in no
log, no error and no stored answer. `BULLION_OANDA_URL` says whether its account is for practice
(the default) or live.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import ClassVar

import pyarrow as pa

from pipelines.core.calendar import Interval, utc
from pipelines.core.errors import InvalidRequest, unknown
from pipelines.sources.base import WEIGHTS, Answer, Parsed, Request
from pipelines.sources.oanda.replies import (
    GRANULARITIES,
    SERVERS,
    TOKEN,
    URL,
    TooManyCandles,
    candles_of,
    check_reply,
)
from pipelines.sources.quota import Limit, Quota, read_limits
from pipelines.sources.transport.addresses import check_address, show_address
from pipelines.sources.transport.http_client import HttpClient
from pipelines.sources.transport.provider_settings import KeyGuard, provider_settings, read_key
from pipelines.sources.transport.retries import Busy, NotAnAnswer, Patience, retry

PAGE = "https://www.oanda.com/account/tpa/personal_token"
LIMITS = "BULLION_OANDA_LIMITS"
NEW_CONNECTIONS = (Limit(2, 1.0),)
MOST_CANDLES = 5000
SYMBOL = re.compile(r"[A-Z0-9]{2,20}_[A-Z0-9]{2,10}")
CUT_FROM = datetime(1969, 12, 29, tzinfo=UTC)  # a Monday; pieces are cut at multiples from it
DAY = timedelta(days=1)
ONE_PIECE = timedelta(days=365 * 300)  # longer than any span
# What is asked for before and after a week or a month, which OANDA begins on another day.
MARGINS = {"1d": DAY, "1w": 8 * DAY, "1mo": 32 * DAY}


class Oanda:
    """OANDA's candles, with a token."""

    name: ClassVar[str] = "oanda"
    is_sample: ClassVar[bool] = False
    datasets: ClassVar[tuple[str, ...]] = ("bars",)
    news_source: ClassVar[str] = "gdelt"  # whose news are joined with its bars
    whole: ClassVar[bool] = False
    resumes: ClassVar[bool] = True

    def __init__(
        self,
        patience: Patience = Patience(),  # noqa: B008 - frozen
        sleep: Callable[[float], None] = time.sleep,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._patience, self._sleep, self._now = patience, sleep, now
        self._client: HttpClient | None = None

    @staticmethod
    def limits() -> tuple[Limit, ...]:
        """Return how often it may be asked."""
        return read_limits(LIMITS, provider_settings().oanda_limits)

    def symbols(self) -> tuple[str, ...] | None:
        """Return None: which instruments there are depends on the account."""
        return None

    def pieces(self, request: Request) -> Iterator[Request]:
        """Cut a request into pieces of one symbol and at most 5,000 candles."""
        _check_request(request)
        interval = request.interval
        end = min(utc(request.end), utc(request.as_of))
        if interval.minutes is not None:  # the bar in progress is not asked for
            end -= (end - CUT_FROM) % timedelta(minutes=interval.minutes)
        length = _piece_length(interval)
        for symbol in request.symbols:
            start = utc(request.start)
            while start < end:
                stop = min(end, CUT_FROM + ((start - CUT_FROM) // length + 1) * length)
                yield replace(request, symbols=(symbol,), start=start, end=stop)
                start = stop

    def fetch(self, request: Request) -> Iterator[Answer]:
        """Request candles piece by piece. An answer that cannot be parsed is never returned."""
        for piece in self.pieces(request):
            yield from self._fetch_piece(piece)

    def parse(self, answer: Answer) -> Parsed:
        """Parse the bars of an answer. Pure: the same answer gives the same bars."""
        # The API imports this module, and does without NumPy's and pandas' parts of it.
        from pipelines.sources.oanda.candles import read_candles

        return read_candles(answer)

    def fetch_weights(self, universe: str, as_of: datetime) -> Iterator[Answer]:
        """Return none: OANDA has no weights."""
        yield from ()

    def parse_weights(self, answer: Answer) -> pa.Table:
        """Return no rows: there is no such answer."""
        return WEIGHTS.empty_table()

    def _fetch_piece(self, piece: Request) -> Iterator[Answer]:
        """Request a piece, or its two halves where OANDA says that it has too many candles."""
        try:
            yield self._request_candles(piece)
        except TooManyCandles:
            middle = _middle_of(piece)
            if middle is None:
                raise
            yield from self._fetch_piece(replace(piece, end=middle))
            yield from self._fetch_piece(replace(piece, start=middle))

    def _request_candles(self, piece: Request) -> Answer:
        """Request an answer, with retries, until it can be parsed."""
        settings = provider_settings()
        base = base_address(settings.oanda_url)
        token = read_key(TOKEN, "OANDA", PAGE, settings.oanda_token)
        guard, client = KeyGuard(token), self._http_client(settings.user_agent)
        quota = self._quota(self.name, self.limits())
        headers = {"Authorization": f"Bearer {token}", "Accept-Datetime-Format": "RFC3339"}
        (symbol,) = piece.symbols
        path, params = f"/v3/instruments/{symbol}/candles", _candle_params(piece)
        span = f"[{piece.start:%Y-%m-%d %H:%M}, {piece.end:%Y-%m-%d %H:%M})"
        subject = f"{piece.interval} bars of {symbol} in {span}"
        query = {
            "symbol": symbol,
            "interval": piece.interval.name,
            "start": piece.start.isoformat(),
            "end": piece.end.isoformat(),
            "as_of": utc(piece.as_of).isoformat(),
            "server": show_address(base),
            "path": path,
            "params": params,
        }

        def try_once() -> Answer:
            quota.take()
            reply = client.get(f"{base}{path}", params, headers)
            reply = replace(reply, body=guard.hide_in_body(reply.body))
            try:
                check_reply(reply, symbol, subject)
                candles_of(reply.body, symbol, piece.interval.name)
            except NotAnAnswer as wrong:
                raise Busy(wrong.message) from wrong
            return Answer(self.name, "bars", query, reply.body, "application/json", self._now())

        advice = f"or lower {LIMITS}"
        return retry(try_once, self.name, subject, self._patience, advice, self._sleep)

    def _http_client(self, user_agent: str) -> HttpClient:
        """Return the client that all requests share: it keeps its connection open."""
        if self._client is None:
            connections = self._quota(f"{self.name} connections", NEW_CONNECTIONS)
            self._client = HttpClient(
                self.name, user_agent, self._patience.timeout, before_connecting=connections.take
            )
        return self._client

    def _quota(self, name: str, limits: tuple[Limit, ...]) -> Quota:
        return Quota(name, limits, self._sleep, lambda: self._now().timestamp())


def _check_request(request: Request) -> None:
    if request.interval.name not in GRANULARITIES:
        raise unknown("interval of oanda", request.interval.name, GRANULARITIES)
    for symbol in request.symbols:
        if not SYMBOL.fullmatch(symbol):
            raise InvalidRequest(
                f"{symbol!r} cannot be an instrument of oanda",
                "write it as OANDA does: EUR_USD, XAU_USD, SPX500_USD",
            )
    if request.start >= request.end:
        raise InvalidRequest(
            f"{request.interval} bars of {', '.join(request.symbols[:5])}: the span "
            f"[{request.start}, {request.end}) is empty",
            "give a start before the end",
        )


def _piece_length(interval: Interval) -> timedelta:
    """Return the whole days that have at most 5,000 bars even of a market that never closes."""
    if interval.minutes is not None:
        return MOST_CANDLES * interval.minutes // (24 * 60) * DAY
    return (MOST_CANDLES - 10) * DAY if interval.name == "1d" else ONE_PIECE


def _middle_of(piece: Request) -> datetime | None:
    """Return where to halve a piece: between two bars; None where it has one bar."""
    step = timedelta(minutes=piece.interval.minutes) if piece.interval.minutes else DAY
    bars = (piece.end - piece.start) // step
    return piece.start + bars // 2 * step if bars > 1 else None


def _candle_params(piece: Request) -> dict[str, str]:
    """Return the parameters of a request: never `count`, which excludes `from` and `to`."""
    start, end, interval = piece.start, piece.end, piece.interval
    params = {"price": "BAM", "granularity": GRANULARITIES[interval.name]}
    if not interval.intraday:
        start -= MARGINS[interval.name]
        end = min(end + MARGINS[interval.name], utc(piece.as_of))
        params |= {
            "dailyAlignment": "17",
            "alignmentTimezone": "America/New_York",
            "weeklyAlignment": "Friday",
        }
    return params | {"from": f"{start:%Y-%m-%dT%H:%M:%SZ}", "to": f"{end:%Y-%m-%dT%H:%M:%SZ}"}


def base_address(setting: str) -> str:
    """Return the address of the server that a setting names."""
    name = setting.strip().lower()
    return SERVERS.get(name) or check_address(URL, setting)
