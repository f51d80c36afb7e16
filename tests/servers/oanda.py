"""A server on the loopback with OANDA's candles, from prices that it makes up or is given.

    with OandaServer() as oanda:
        oanda.make_up("EUR_USD", "M1", start, end)      # a candle a minute that FX is open
        oanda.fail(Fault(status=429), times=2)
        monkeypatch.setenv("BULLION_OANDA_URL", oanda.url)

It keeps to OANDA's rules: a token, `from` and `to` without `count`, at most 5,000 candles between
them, no time in the future, and no candle where there was no price. What it refuses it says in
OANDA's words.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from pipelines.core.calendar import calendar, interval_of
from tests.servers.provider import ProviderServer, Response

TOKEN = "0123456789abcdef0123456789abcdef-fedcba9876543210fedcba9876543210"
INTERVALS = {"M1": "1m", "M5": "5m", "M15": "15m", "M30": "30m", "H1": "1h"}
DAYS = {"D": 1, "W": 7, "M": 31}
MOST = 5000
TOO_MANY = "Maximum value for 'count' exceeded"


def candle(
    time: datetime | str, price: float = 1.1, *, half_spread: float = 0.0001, **fields: Any
) -> dict[str, Any]:
    """A candle as OANDA writes it, of a bar that goes up and down a little around a price."""
    sides = {"bid": -half_spread, "mid": 0.0, "ask": half_spread}
    moves = {"o": 0.0, "h": 0.0003, "l": -0.0002, "c": 0.0001}
    prices = {
        side: {name: f"{price + shift + move:.5f}" for name, move in moves.items()}
        for side, shift in sides.items()
    }
    text = time if isinstance(time, str) else f"{time:%Y-%m-%dT%H:%M:%S}.000000000Z"
    return {"complete": True, "volume": 42, "time": text} | prices | fields


class OandaServer(ProviderServer):
    """Its clock is `now`; `most` are the candles that it answers at once."""

    def __init__(self) -> None:
        super().__init__()
        self.now: Callable[[], datetime] = lambda: datetime.now(UTC)
        self.most = MOST
        self.candles: dict[tuple[str, str], list[dict[str, Any]]] = {}
        self.served = 0  # candles
        self._times: dict[tuple[str, str], list[datetime]] = {}

    def add(self, symbol: str, granularity: str, candles: Iterable[dict[str, Any]]) -> None:
        """Have these candles of an instrument, in this order."""
        key = symbol, granularity
        self.candles[key] = list(candles)
        self._times[key] = [_instant(c["time"]) for c in self.candles[key]]

    def make_up(
        self,
        symbol: str,
        granularity: str,
        start: datetime,
        end: datetime,
        *,
        market: str = "FX",
        absent: Callable[[int], bool] = lambda place: False,
    ) -> list[dict[str, Any]]:
        """Make up a candle for each bar of a market, but for those that are absent."""
        bars = calendar(market).bars(interval_of(INTERVALS[granularity]), start, end)
        drift = np.random.default_rng(7).normal(scale=1e-4, size=len(bars)).cumsum()
        times = [at.replace(tzinfo=UTC) for at in bars.ts.tolist()]
        candles = [
            candle(at, 1.1 * np.exp(drift[place]), volume=place % 90 + 1)
            for place, at in enumerate(times)
            if not absent(place)
        ]
        self.add(symbol, granularity, candles)
        return candles

    def respond(self, path: str, params: dict[str, str], headers: dict[str, str]) -> Response:
        if headers.get("authorization") != f"Bearer {TOKEN}":
            return refuse(401, "Insufficient authorization to perform request.")
        _, _, kind, symbol, end = path.split("/") if path.count("/") == 4 else [""] * 5
        if (kind, end) != ("instruments", "candles"):
            return refuse(404, "Endpoint not found")
        if symbol not in {name for name, _ in self.candles}:
            return refuse(400, "Invalid value specified for 'instrument'")
        if "count" in params and {"from", "to"} <= set(params):
            return refuse(400, "'count' cannot be specified when 'to' and 'from' are set")
        granularity = params.get("granularity", "S5")
        first, last = _instant(params["from"]), _instant(params["to"])
        if last > self.now():
            return refuse(400, "Invalid value specified for 'to'. Time is in the future")
        if (last - first) / _length(granularity) > self.most:
            return refuse(400, TOO_MANY)
        sides = {"B": "bid", "A": "ask", "M": "mid"}
        unwanted = {
            side for letter, side in sides.items() if letter not in params.get("price", "M")
        }
        key = symbol, granularity
        candles = [
            {name: value for name, value in c.items() if name not in unwanted}
            for c, at in zip(self.candles.get(key, []), self._times.get(key, []), strict=True)
            if first <= at < last
        ]
        self.served += len(candles)
        answer = {"instrument": symbol, "granularity": granularity, "candles": candles}
        return Response(body=json.dumps(answer).encode())

    def spans(self) -> list[tuple[str, str]]:
        """The first and the last instant of each request, in their order."""
        return [(q.params["from"], q.params["to"]) for q in self.questions]


def refuse(status: int, words: str) -> Response:
    return Response(status, json.dumps({"errorMessage": words}).encode())


def _length(granularity: str) -> timedelta:
    if granularity in DAYS:
        return timedelta(days=DAYS[granularity])
    minutes = interval_of(INTERVALS[granularity]).minutes
    assert minutes is not None
    return timedelta(minutes=minutes)


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
