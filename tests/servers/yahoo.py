"""A server on the loopback that answers in Yahoo's forms, from bars that a test gives it.

    with YahooServer() as yahoo:
        yahoo.add("AAPL", "1h", bars)            # a table or dicts: ts, open, ..., volume
        yahoo.hold("QQQ", [("NVDA", "NVIDIA", 0.09)])
        yahoo.fail(Fault(status=429), times=2)   # the next two charts or fund pages
        monkeypatch.setenv("BULLION_YAHOO_URL", yahoo.url)

It keeps to Yahoo's limits by its own clock, `yahoo.now`, and remembers what it was asked in
`yahoo.query`. Bars from one day up are given by date (midnight UTC) and sent, as Yahoo does, at
the exchange's opening time.
"""

from __future__ import annotations

import json
import math
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit
from zoneinfo import ZoneInfo

import pyarrow as pa

from tests.servers.in_thread import serve_in_thread

FIELDS = ("open", "high", "low", "close", "volume")
DAYS_BACK = {"1m": 30, "2m": 60, "5m": 60, "15m": 60, "30m": 60, "90m": 60, "1h": 730}
Row = Mapping[str, Any]


@dataclass(frozen=True)
class Fault:
    """What goes wrong with one answer; what is left out stays right."""

    status: int = 200
    body: str | None = None  # sent instead of the answer
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: float = 0.0  # seconds before the answer
    cut: int | None = None  # only so many bytes are sent
    edit: Callable[[Any], Any] | None = None  # the answer's JSON -> what is sent instead


@dataclass
class Series:
    """What the server knows of a symbol."""

    zone: str = "America/New_York"
    kind: str = "EQUITY"
    hours: tuple[str, str] = ("09:30", "16:00")
    bars: dict[str, list[Row]] = field(default_factory=dict)
    live: Row | None = None  # the newest trade, appended to every answer as Yahoo does
    splits: Sequence[tuple[date, float]] = ()  # new shares for one old
    dividends: Sequence[tuple[date, float]] = ()
    listed: datetime | None = None

    def at(self, day: date, clock: str) -> int:
        hour, minute = map(int, clock.split(":"))
        local = datetime(day.year, day.month, day.day, hour, minute, tzinfo=ZoneInfo(self.zone))
        return int(local.timestamp())

    def epoch(self, row: Row, interval: str) -> int:
        if interval in ("1d", "1wk", "1mo"):
            return self.at(row["ts"].date(), self.hours[0])
        return int(row["ts"].timestamp())


class YahooServer:
    """Speaks chart, quoteSummary and getcrumb. Use it as a context manager."""

    def __init__(self) -> None:
        self.now: Callable[[], datetime] = lambda: datetime.now(UTC)
        self.questions: list[tuple[str, dict[str, str]]] = []
        self._series: dict[str, Series] = {}
        self._funds: dict[str, list[tuple[str, str, float]]] = {}
        self._faults: list[Fault] = []
        self._always: Fault | None = None
        self._lock = threading.Lock()
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}"

    def __enter__(self) -> YahooServer:
        self._running = ExitStack()
        self._running.enter_context(serve_in_thread(self._http))
        return self

    def __exit__(self, *_: object) -> None:
        self._running.close()

    def add(self, symbol: str, interval: str, bars: pa.Table | Iterable[Row], **facts: Any) -> None:
        """Bars of a symbol at one of Yahoo's intervals (1wk, not 1w); `facts` as in Series."""
        series = self._series.setdefault(symbol, Series())
        series.bars[interval] = bars.to_pylist() if isinstance(bars, pa.Table) else list(bars)
        for name, value in facts.items():
            assert hasattr(series, name), name
            setattr(series, name, value)

    def hold(self, fund: str, holdings: list[tuple[str, str, float]]) -> None:
        """A fund's top holdings: symbol, name, fraction."""
        self._funds[fund] = holdings

    def fail(self, fault: Fault, times: int | None = 1) -> None:
        """Go wrong the next `times` times a chart or a fund is asked for; None: for ever."""
        if times is None:
            self._always = fault
        else:
            self._faults += [fault] * times

    def charts(self) -> list[dict[str, str]]:
        """The parameters of every chart asked for so far."""
        return [params for path, params in self.questions if path.startswith("/v8/finance/chart/")]

    def answer(self, path: str, params: dict[str, str]) -> tuple[int, str, Fault]:
        """Status and body for a request, and what is to go wrong with it."""
        self.questions.append((path, params))
        name = unquote(path.rsplit("/", 1)[-1])
        if path.startswith("/v8/finance/chart/"):
            status, data = self._chart(name, params)
        elif path.startswith("/v10/finance/quoteSummary/"):
            status, data = self._fund(name)
        elif path == "/v1/test/getcrumb":
            return 200, "crumb", Fault()
        else:
            return 404, "<html></html>", Fault()
        with self._lock:
            fault = self._faults.pop(0) if self._faults else self._always or Fault()
        if fault.edit:
            data = fault.edit(data)
        body = json.dumps(data) if fault.body is None else fault.body
        return (status if fault.status == 200 else fault.status), body, fault

    def _chart(self, symbol: str, params: dict[str, str]) -> tuple[int, Any]:
        series, interval = self._series.get(symbol), params["interval"]
        if series is None:
            return _refusal(404, "Not Found", "No data found, symbol may be delisted")
        start, end = int(params["period1"]), int(params["period2"])
        back = DAYS_BACK.get(interval)
        span = f"startTime={start} and endTime={end}"
        if back and start < (self.now() - timedelta(days=back)).timestamp():
            words = f"{interval} data not available for {span}. The requested range must be within "
            return _refusal(422, "Unprocessable Entity", f"{words}the last {back} days.")
        if interval == "1m" and end - start > 8 * 86400:
            words = (
                "Only 8 days worth of 1m granularity data are allowed to be fetched per request."
            )
            return _refusal(422, "Unprocessable Entity", words)
        if series.listed and end <= series.listed.timestamp():
            words = f"Data doesn't exist for startDate = {start}, endDate = {end}"
            return _refusal(400, "Bad Request", words)
        timed = [(series.epoch(row, interval), row) for row in series.bars.get(interval, [])]
        timed_rows = [(at, row) for at, row in timed if start <= at < end]
        if series.live is not None:
            timed_rows.append((int(series.live["ts"].timestamp()), series.live))
        result = {"meta": self._meta(symbol, series, interval, [at for at, _ in timed_rows])}
        quote = {name: [_encode_value(row.get(name)) for _, row in timed_rows] for name in FIELDS}
        if timed_rows:
            result["timestamp"] = [at for at, _ in timed_rows]
        result["indicators"] = {"quote": [quote if timed_rows else {}]}
        if interval[-1] not in "mh" or interval == "1mo":
            result["indicators"]["adjclose"] = [{"adjclose": quote["close"]}]
        events = self._events(series, start, end)
        if events:
            result["events"] = events
        return 200, {"chart": {"result": [result], "error": None}}

    def _meta(
        self, symbol: str, series: Series, interval: str, times: Sequence[int]
    ) -> dict[str, Any]:
        zone = ZoneInfo(series.zone)
        days = sorted({datetime.fromtimestamp(at, zone).date() for at in times})
        periods = [
            {
                "timezone": "XXX",
                "start": series.at(day, series.hours[0]),
                "end": series.at(day, series.hours[1]),
                "gmtoffset": 0,
            }
            for day in days
        ]
        meta = {
            "currency": "USD",
            "symbol": symbol,
            "exchangeName": "NMS",
            "instrumentType": series.kind,
            "firstTradeDate": int(series.listed.timestamp()) if series.listed else 345479400,
            "exchangeTimezoneName": series.zone,
            "priceHint": 2,
            "dataGranularity": interval,
            "range": "",
            "validRanges": ["1d", "5d", "1mo", "max"],
        }
        if interval[-1] in "mh":
            meta["tradingPeriods"] = [[period] for period in periods]
        return meta

    def _events(self, series: Series, start: int, end: int) -> dict[str, Any]:
        events: dict[str, Any] = {}
        for day, amount in series.dividends:
            at = series.at(day, series.hours[0])
            if start <= at < end:
                events.setdefault("dividends", {})[str(at)] = {"amount": amount, "date": at}
        for day, ratio in series.splits:
            at = series.at(day, series.hours[0])
            if start <= at < end:
                split = {"date": at, "numerator": ratio, "denominator": 1}
                events.setdefault("splits", {})[str(at)] = split | {"splitRatio": f"{ratio:g}:1"}
        return events

    def _fund(self, fund: str) -> tuple[int, Any]:
        if fund not in self._funds:
            words = f"Quote not found for symbol: {fund}"
            error = {"code": "Not Found", "description": words}
            return 404, {"quoteSummary": {"result": None, "error": error}}
        holdings = [
            {"symbol": symbol, "holdingName": name, "holdingPercent": weight}
            for symbol, name, weight in self._funds[fund]
        ]
        page = {
            "quoteType": {"quoteType": "ETF"},
            "summaryProfile": {"longBusinessSummary": ""},
            "topHoldings": {"holdings": holdings},
            "fundProfile": {},
        }
        return 200, {"quoteSummary": {"result": [page], "error": None}}


def _encode_value(value: float | None) -> float | None:
    """What is not a number goes out as null, like Yahoo's gaps."""
    return None if value is None or not math.isfinite(value) else value


def _refusal(status: int, code: str, words: str) -> tuple[int, Any]:
    return status, {"chart": {"result": None, "error": {"code": code, "description": words}}}


def _handler(server: YahooServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # one packet an answer: two would wait 40 ms for each other

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            status, body, fault = server.answer(parts.path, dict(parse_qsl(parts.query)))
            time.sleep(fault.delay)
            body_bytes = body.encode()[: fault.cut]
            try:
                self.send_response(status)
                for name, value in fault.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body_bytes)))
                self.end_headers()
                self.wfile.write(body_bytes)
            except OSError:
                self.close_connection = True  # the caller had enough of waiting

        def log_message(self, format: str, *args: object) -> None:
            pass

    return Handler
