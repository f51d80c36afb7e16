"""The WebSocket /ws/market-stream: the newest state, each new signal, and a heartbeat.

A client listens to the signal of a forecast's universe, to that of a topic's news, or to the live
prices of a symbol: these come at most four times a second, and a slow client gets the newest alone.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Literal, NamedTuple

import orjson
from fastapi import APIRouter, WebSocket, WebSocketDisconnect

from pipelines.core.errors import BullionError, unknown
from pipelines.core.topics import topic_names
from pipelines.stream.newest_prices import NewestPrice
from serving.http.dependencies import MAIN
from serving.http.metrics import Metrics
from serving.state.answers import OPTIONS, EncodedAnswer, Row
from serving.state.cache import SignalCache
from serving.state.prices import StreamPrices

router = APIRouter()
HEARTBEAT = 5.0
WAITING = 8  # messages that a client may be behind
PRICES_EVERY = 0.25  # seconds between two prices of a symbol
LONGEST_SYMBOL = 64
TRY_AGAIN, POLICY = 1013, 1008


class Channel(NamedTuple):
    """What a client listens to: a universe of a forecast, a topic of news, a symbol's prices."""

    kind: Literal["signals", "news", "prices"]
    name: str  # of the forecast, the topic, or the symbol
    universe: str = ""

    def newest(self, state: SignalCache | None) -> tuple[EncodedAnswer, Row] | None:
        """Return the newest answer of the channel, and the row that it was made from."""
        if state is None or self.kind == "prices":
            return None
        if self.kind == "news":
            news = state.news.get(self.name)
            return (news.answer, news.row) if news else None
        forecast = state.forecasts.get(self.name)
        if forecast is None or self.universe not in forecast.ready:
            return None
        return forecast.ready[self.universe], forecast.signals[self.universe]

    @property
    def labels(self) -> dict[str, str]:
        """What each message says of the channel."""
        if self.kind == "news":
            return {"topic": self.name}
        return {"forecast": self.name, "universe": self.universe}

    @property
    def content(self) -> str:
        """The field of a message that has the answer."""
        return "news" if self.kind == "news" else "signal"


class Client:
    """One listener, with a bounded queue of the messages that wait for it.

    It has a task of its own only while messages wait: there may be thousands of listeners.
    """

    def __init__(self, websocket: WebSocket) -> None:
        self.slow = False
        self._websocket = websocket
        self._waiting: deque[str] = deque()
        self._sending: asyncio.Task[None] | None = None
        self._listening = asyncio.current_task()

    def queue(self, text: str) -> bool:
        """Queue a message; False: the queue is full."""
        if len(self._waiting) == WAITING:
            return False
        self._waiting.append(text)
        if self._sending is None:
            self._sending = asyncio.create_task(self._send())
        return True

    async def _send(self) -> None:
        with suppress(WebSocketDisconnect, RuntimeError):
            while self._waiting:
                await self._websocket.send_text(self._waiting.popleft())
        self._sending = None

    async def listen(self) -> None:
        """Wait until the client disconnects or is dropped."""
        try:
            while (await self._websocket.receive())["type"] != "websocket.disconnect":
                continue
        except asyncio.CancelledError:
            if not self.slow:
                raise
        finally:
            if self._sending is not None:
                self._sending.cancel()

    def drop(self) -> None:
        """Disconnect a client that is too slow, by ending its `listen`."""
        self.slow = True
        if self._listening is not None:
            self._listening.cancel()


class PriceClient(Client):
    """One listener to prices: of the messages that wait for it only the newest is sent."""

    def queue(self, text: str) -> bool:
        self._waiting.clear()
        return super().queue(text)


class Hub:
    """Sends messages to all clients of a channel; each message is encoded once."""

    def __init__(self, metrics: Metrics, clock: Callable[[], float], prices: StreamPrices) -> None:
        self.clients: dict[Channel, set[Client]] = defaultdict(set)
        self.state: SignalCache | None = None
        self._metrics, self._clock, self._prices = metrics, clock, prices
        self._sent_prices: dict[str, NewestPrice] = {}
        self._loop = asyncio.get_running_loop()
        self._tasks = [
            self._loop.create_task(self._beats()),
            self._loop.create_task(self._follow_prices()),
        ]

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    def note_state(self, state: SignalCache) -> None:
        """Publish what is new in a state; the thread that follows the lake calls this."""
        with suppress(RuntimeError):  # the loop has closed meanwhile
            self._loop.call_soon_threadsafe(self._publish, state)

    def _publish(self, state: SignalCache) -> None:
        state_before, self.state = self.state, state
        channels = [
            Channel("signals", forecast, universe)
            for forecast, newest in state.forecasts.items()
            for universe in newest.signals
        ]
        for channel in (*channels, *(Channel("news", topic) for topic in state.news)):
            old, new = channel.newest(state_before), channel.newest(state)
            if new and (old is None or _identity(old[1]) != _identity(new[1])):
                self.send(channel, self.encode_message(channel, channel.content))

    def send(self, channel: Channel, text: str) -> None:
        """Send a message to all clients of a channel, and drop those that are too far behind."""
        slow = [client for client in self.clients[channel] if not client.queue(text)]
        for client in slow:
            self.clients[channel].discard(client)
            client.drop()
            self._metrics.dropped_sockets.inc()

    def encode_message(self, channel: Channel, kind: str) -> str:
        """Encode a message: the state, a signal, news or a heartbeat."""
        if channel.kind == "prices":
            return self._encode_price(channel.name, kind)
        now, state = self._clock(), self.state
        newest = channel.newest(state)
        answer = newest[0] if newest else None
        message: dict[str, Any] = {
            "type": kind,
            **channel.labels,
            "snapshot": state.snapshot if state else None,
            "stale": None if answer is None else now >= answer.stale_at,
        }
        text = orjson.dumps(message, option=OPTIONS).decode()
        if kind == "heartbeat":
            return text
        body = answer.body(now).decode() if answer else "null"
        return f'{text[:-1]},"{channel.content}":{body}}}'

    def _encode_price(self, symbol: str, kind: str) -> str:
        """Encode a message with the newest price, in heartbeats too: it replaces what waits."""
        now = self._clock()
        message = {
            "type": kind,
            "source": self._prices.source,
            "symbol": symbol,
            "stale": not self._prices.is_live(now),
            "price": self._prices.price_row(symbol, now),
        }
        return orjson.dumps(message, option=OPTIONS).decode()

    async def _follow_prices(self) -> None:
        """Send the prices that are new since the last look to those who listen to them."""
        while True:
            await asyncio.sleep(PRICES_EVERY)
            channels = [c for c in self.clients if c.kind == "prices"]
            if not channels:
                continue
            self._prices.look()
            for channel in channels:
                price = self._prices.prices.get(channel.name)
                if price is not None and price != self._sent_prices.get(channel.name):
                    self._sent_prices[channel.name] = price
                    self.send(channel, self.encode_message(channel, "price"))

    def add(self, channel: Channel, client: Client) -> None:
        """Let a client listen to a channel."""
        self.clients[channel].add(client)

    def discard(self, channel: Channel, client: Client) -> None:
        """Let a client listen no more; a channel without clients is forgotten."""
        self.clients[channel].discard(client)
        if not self.clients[channel]:
            del self.clients[channel]

    async def _beats(self) -> None:
        while True:
            await asyncio.sleep(HEARTBEAT)
            for channel in list(self.clients):
                self.send(channel, self.encode_message(channel, "heartbeat"))

    @property
    def count(self) -> int:
        return sum(map(len, self.clients.values()))


def _identity(row: Row) -> tuple[Any, ...]:
    """Return what tells a signal from the one before it."""
    if "window_end" in row:
        return row["topic"], row["window_end"], row["known_at"], row["computed_at"]
    return row["ts"], row["live"], row["scored_at"], row["model_version"], row["wss"]


@router.websocket("/ws/market-stream")
async def stream(
    websocket: WebSocket,
    universe: str = "",
    forecast: str = MAIN,
    kind: str = "",
    topic: str = "",
    symbol: str = "",
) -> None:
    """Send the newest state on connect, each new signal when published, a heartbeat every 5 s.

    `kind=news&topic=sp500` asks for the news of a topic, `kind=prices&symbol=SPX500_USD` for live
    prices; without a kind it is a forecast's signal.
    """
    state, hub = websocket.app.state, websocket.app.state.hub
    try:
        state.keys.admit_reader(websocket)
        if kind == "news":
            channel = _check_topic(topic)
        elif kind == "prices":
            channel = _check_symbol(state.prices, symbol)
        elif kind in ("", "signals"):
            channel = _check_universe(state, forecast, universe)
        else:
            raise unknown("kind", kind, ("signals", "news", "prices"))
    except BullionError as error:
        await websocket.close(POLICY, error.message[:120])
        return
    if hub.count >= state.settings.sockets:
        await websocket.close(TRY_AGAIN, "too many listen already")
        return
    await websocket.accept()
    client = PriceClient(websocket) if channel.kind == "prices" else Client(websocket)
    client.queue(hub.encode_message(channel, "state"))
    hub.add(channel, client)
    state.metrics.sockets.inc()
    try:
        await client.listen()
    finally:
        hub.discard(channel, client)
        state.metrics.sockets.dec()
    if client.slow:
        with suppress(TimeoutError, RuntimeError, WebSocketDisconnect):
            await asyncio.wait_for(websocket.close(TRY_AGAIN, "too slow"), 1)


def _check_universe(state: Any, forecast: str, universe: str) -> Channel:
    """Refuse a forecast that is not known, or a universe that it does not combine.

    Where no universe is named it is the first that the forecast combines.
    """
    universes = {f.name: f.combined_universes for f in state.follower.forecasts}
    if forecast not in universes:
        raise unknown("forecast", forecast, universes)
    universe = universe or next(iter(universes[forecast]), "")
    if universe not in universes[forecast]:
        raise unknown("universe", universe, universes[forecast])
    return Channel("signals", forecast, universe)


def _check_topic(topic: str) -> Channel:
    """Refuse a topic that there is no file of."""
    if topic not in topic_names():
        raise unknown("topic", topic, topic_names())
    return Channel("news", topic)


def _check_symbol(prices: StreamPrices, symbol: str) -> Channel:
    """Refuse a symbol that the stream does not have; before the first price any is taken."""
    prices.look()
    if not 0 < len(symbol) <= LONGEST_SYMBOL or (prices.prices and symbol not in prices.prices):
        raise unknown("symbol", symbol, prices.prices)
    return Channel("prices", symbol)
