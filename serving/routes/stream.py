"""The WebSocket /ws/market-stream: the newest state, each new signal, and a heartbeat."""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import orjson
from fastapi import APIRouter, WebSocket, WebSocketDisconnect

from pipelines.core.errors import BullionError, unknown
from serving.http.dependencies import MAIN
from serving.http.metrics import Metrics
from serving.state.answers import OPTIONS
from serving.state.cache import SignalCache

router = APIRouter()
HEARTBEAT = 5.0
WAITING = 8  # messages that a client may be behind
Topic = tuple[str, str]  # forecast and universe
TRY_AGAIN, POLICY = 1013, 1008


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


class Hub:
    """Sends messages to all clients of a topic; each message is encoded once."""

    def __init__(self, metrics: Metrics, clock: Callable[[], float]) -> None:
        self.clients: dict[Topic, set[Client]] = defaultdict(set)
        self.state: SignalCache | None = None
        self._metrics, self._clock = metrics, clock
        self._loop = asyncio.get_running_loop()
        self._beat = self._loop.create_task(self._beats())

    async def stop(self) -> None:
        self._beat.cancel()
        with suppress(asyncio.CancelledError):
            await self._beat

    def note_state(self, state: SignalCache) -> None:
        """Publish what is new in a state; the thread that follows the lake calls this."""
        with suppress(RuntimeError):  # the loop has closed meanwhile
            self._loop.call_soon_threadsafe(self._publish, state)

    def _publish(self, state: SignalCache) -> None:
        state_before, self.state = self.state, state
        for forecast, newest in state.forecasts.items():
            for universe, row in newest.signals.items():
                old = (
                    state_before.forecasts[forecast].signals.get(universe) if state_before else None
                )
                if old is None or _identity(old) != _identity(row):
                    self.send(
                        (forecast, universe), self.encode_message((forecast, universe), "signal")
                    )

    def send(self, topic: Topic, text: str) -> None:
        """Send a message to all clients of a topic, and drop those that are too far behind."""
        slow = [client for client in self.clients[topic] if not client.queue(text)]
        for client in slow:
            self.clients[topic].discard(client)
            client.drop()
            self._metrics.dropped_sockets.inc()

    def encode_message(self, topic: Topic, kind: str) -> str:
        """Encode a message: the state, a signal or a heartbeat."""
        forecast, universe = topic
        now, state = self._clock(), self.state
        newest = state.forecasts.get(forecast) if state else None
        answer = newest.ready.get(universe) if newest else None
        message: dict[str, Any] = {
            "type": kind,
            "forecast": forecast,
            "universe": universe,
            "snapshot": state.snapshot if state else None,
            "stale": None if answer is None else now >= answer.stale_at,
        }
        text = orjson.dumps(message, option=OPTIONS).decode()
        if kind == "heartbeat":
            return text
        return f'{text[:-1]},"signal":{answer.body(now).decode() if answer else "null"}}}'

    async def _beats(self) -> None:
        while True:
            await asyncio.sleep(HEARTBEAT)
            for topic in list(self.clients):
                self.send(topic, self.encode_message(topic, "heartbeat"))

    @property
    def count(self) -> int:
        return sum(map(len, self.clients.values()))


def _identity(row: dict[str, Any]) -> tuple[Any, ...]:
    """Return what tells a signal from the one before it."""
    return row["ts"], row["live"], row["scored_at"], row["model_version"], row["wss"]


@router.websocket("/ws/market-stream")
async def stream(websocket: WebSocket, universe: str = "", forecast: str = MAIN) -> None:
    """Send the newest state on connect, each new signal when published, a heartbeat every 5 s."""
    state, hub = websocket.app.state, websocket.app.state.hub
    try:
        state.keys.admit_reader(websocket)
        topic = _check_topic(state, forecast, universe)
    except BullionError as error:
        await websocket.close(POLICY, error.message[:120])
        return
    if hub.count >= state.settings.sockets:
        await websocket.close(TRY_AGAIN, "too many listen already")
        return
    await websocket.accept()
    client = Client(websocket)
    client.queue(hub.encode_message(topic, "state"))
    hub.clients[topic].add(client)
    state.metrics.sockets.inc()
    try:
        await client.listen()
    finally:
        hub.clients[topic].discard(client)
        state.metrics.sockets.dec()
    if client.slow:
        with suppress(TimeoutError, RuntimeError, WebSocketDisconnect):
            await asyncio.wait_for(websocket.close(TRY_AGAIN, "too slow"), 1)


def _check_topic(state: Any, forecast: str, universe: str) -> Topic:
    """Refuse a forecast that is not known, or a universe that it does not combine.

    Where no universe is named it is the first that the forecast combines.
    """
    universes = {f.name: f.combined_universes for f in state.follower.forecasts}
    if forecast not in universes:
        raise unknown("forecast", forecast, universes)
    universe = universe or next(iter(universes[forecast]), "")
    if universe not in universes[forecast]:
        raise unknown("universe", universe, universes[forecast])
    return forecast, universe
