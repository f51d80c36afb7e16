"""WS /ws/market-stream: the newest state, each new signal, and a heartbeat."""

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
from serving.http.guard import Measures
from serving.state.answers import OPTIONS
from serving.state.cache import SignalCache

router = APIRouter()
HEARTBEAT = 5.0
WAITING = 8  # messages that a client may be behind
Topic = tuple[str, str]  # forecast and universe
TRY_AGAIN, POLICY = 1013, 1008


class Client:
    """One listener: what waits for it, in a line that does not grow.

    While nothing waits it costs no task of its own: there may be thousands.
    """

    def __init__(self, websocket: WebSocket) -> None:
        self.slow = False
        self._websocket = websocket
        self._waiting: deque[str] = deque()
        self._sending: asyncio.Task[None] | None = None
        self._listening = asyncio.current_task()

    def give(self, text: str) -> bool:
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
        """Until it goes, or is dropped."""
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
        """End listen, which waits for what the client says."""
        self.slow = True
        if self._listening is not None:
            self._listening.cancel()


class Hub:
    """Encodes each message once, and hands it to everybody who listens to its topic."""

    def __init__(self, measures: Measures, clock: Callable[[], float]) -> None:
        self.clients: dict[Topic, set[Client]] = defaultdict(set)
        self.state: SignalCache | None = None
        self._measures, self._clock = measures, clock
        self._loop = asyncio.get_running_loop()
        self._beat = self._loop.create_task(self._beats())

    async def stop(self) -> None:
        self._beat.cancel()
        with suppress(asyncio.CancelledError):
            await self._beat

    def changed(self, state: SignalCache) -> None:
        """Called by the thread that follows the lake."""
        with suppress(RuntimeError):  # the loop has closed meanwhile
            self._loop.call_soon_threadsafe(self._publish, state)

    def _publish(self, state: SignalCache) -> None:
        before, self.state = self.state, state
        for forecast, newest in state.forecasts.items():
            for universe, row in newest.signals.items():
                old = before.forecasts[forecast].signals.get(universe) if before else None
                if old is None or _mark(old) != _mark(row):
                    self.give((forecast, universe), self.told((forecast, universe), "signal"))

    def give(self, topic: Topic, text: str) -> None:
        """A message to all who listen to a topic; who is too far behind is dropped."""
        slow = [client for client in self.clients[topic] if not client.give(text)]
        for client in slow:
            self.clients[topic].discard(client)
            client.drop()
            self._measures.dropped.inc()

    def told(self, topic: Topic, kind: str) -> str:
        """A message: the state, a signal or a heartbeat."""
        forecast, universe = topic
        now, state = self._clock(), self.state
        newest = state.forecasts.get(forecast) if state else None
        made = newest.ready.get(universe) if newest else None
        about: dict[str, Any] = {
            "type": kind,
            "forecast": forecast,
            "universe": universe,
            "snapshot": state.snapshot if state else None,
            "stale": None if made is None else now >= made.stale_at,
        }
        text = orjson.dumps(about, option=OPTIONS).decode()
        if kind == "heartbeat":
            return text
        return f'{text[:-1]},"signal":{made.body(now).decode() if made else "null"}}}'

    async def _beats(self) -> None:
        while True:
            await asyncio.sleep(HEARTBEAT)
            for topic in list(self.clients):
                self.give(topic, self.told(topic, "heartbeat"))

    @property
    def count(self) -> int:
        return sum(map(len, self.clients.values()))


def _mark(row: dict[str, Any]) -> tuple[Any, ...]:
    return row["ts"], row["live"], row["scored_at"], row["model_version"], row["wss"]


@router.websocket("/ws/market-stream")
async def stream(websocket: WebSocket, universe: str = "qqq", forecast: str = MAIN) -> None:
    """The newest state on connect, each new signal as it is published, a heartbeat every 5 s."""
    state, hub = websocket.app.state, websocket.app.state.hub
    try:
        state.keys.read(websocket)
        _known(state, forecast, universe)
    except BullionError as error:
        await websocket.close(POLICY, error.message[:120])
        return
    if hub.count >= state.settings.sockets:
        await websocket.close(TRY_AGAIN, "too many listen already")
        return
    await websocket.accept()
    client, topic = Client(websocket), (forecast, universe)
    client.give(hub.told(topic, "state"))
    hub.clients[topic].add(client)
    state.measures.sockets.inc()
    try:
        await client.listen()
    finally:
        hub.clients[topic].discard(client)
        state.measures.sockets.dec()
    if client.slow:
        with suppress(TimeoutError, RuntimeError, WebSocketDisconnect):
            await asyncio.wait_for(websocket.close(TRY_AGAIN, "too slow"), 1)


def _known(state: Any, forecast: str, universe: str) -> None:
    held = {f.name: [c.universe for c in f.combinations] for f in state.follower.forecasts}
    if forecast not in held:
        raise unknown("forecast", forecast, held)
    if universe not in held[forecast]:
        raise unknown("universe", universe, held[forecast])
