"""The resident process of one stream: it reads prices, builds minutes, lands them, hands on.

Three threads share the work, so that none waits for a slower one. The main thread reads the
connection and does nothing that could wait; one commits closed minutes; one writes the newest
prices for those who show them, and misses some where its disk is slow.
"""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from types import FrameType

from pipelines.core.errors import InvalidRequest, LakeError
from pipelines.core.state_folder import state_folder
from pipelines.stream.connection import Break, ConnectionState, read_messages
from pipelines.stream.events import NoEvents, ScoringEvents
from pipelines.stream.journal import Journal
from pipelines.stream.landing import MinuteLander
from pipelines.stream.messages import Message, Price, PriceFeed
from pipelines.stream.minutes import MinuteBuilder
from pipelines.stream.newest_prices import (
    ALIVE_EVERY,
    EVERY,
    NewestPrice,
    StreamState,
    prices_file,
    write_state,
)

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class StreamOptions:
    """What the process does beside landing minutes."""

    events: ScoringEvents | NoEvents = NoEvents()  # noqa: RUF009 - it has no state
    write_every: float = EVERY  # seconds between two writes of the newest prices


def run_stream(
    feed: PriceFeed,
    options: StreamOptions = StreamOptions(),
    stop: threading.Event | None = None,
) -> None:
    """Follow a feed until the process gets a signal, or `stop` is set.

    Raises what no other connection can cure, such as a refused token.
    """
    with _only_process(feed.source), _stopping_at_signals(stop or threading.Event()) as over:
        _Stream(feed, options).run(over)


class _Stream:
    def __init__(self, feed: PriceFeed, options: StreamOptions) -> None:
        self._feed, self._options = feed, options
        self._builder, self._connection = MinuteBuilder(), ConnectionState()
        journal = Journal(state_folder() / f"stream-{feed.source}.journal")
        self._lander = MinuteLander(feed, journal, options.events.post, self._counts)
        self._file = prices_file(feed.source)
        now = datetime.now(UTC)
        self._state = StreamState(feed.source, now, now)
        self._prices: dict[str, NewestPrice] = {}
        self._heard_at: datetime | None = None
        self._lag: float | None = None
        self._over = threading.Event()
        self._shower = threading.Thread(target=self._show, name="show the prices", daemon=True)

    def run(self, stop: threading.Event) -> None:
        self._lander.start()
        self._shower.start()
        try:
            for message in read_messages(self._feed, self._connection, stop):
                self._take(message)
                if not self._lander.is_alive:
                    raise LakeError(
                        "the thread that lands the minutes has ended", "the log says why"
                    )
        finally:
            self._connection.connected = False
            bars = self._builder.interrupt()
            if bars:
                self._lander.add(bars)
            self._lander.stop()
            self._over.set()
            self._shower.join(2.0)
            self._options.events.stop()

    def _take(self, message: Message | Break) -> None:
        if isinstance(message, Break):
            bars = self._builder.interrupt()
        else:
            self._heard_at = datetime.now(UTC)
            if isinstance(message, Price):
                self._note(message, self._heard_at)
            bars = self._builder.take(message)
        if bars:
            self._lander.add(bars)

    def _note(self, price: Price, received_at: datetime) -> None:
        self._prices[price.symbol] = NewestPrice(
            price.symbol, price.at, price.bid, price.ask, price.mid, received_at
        )
        self._lag = max(0.0, (self._feed.now() - price.at).total_seconds())

    def _counts(self) -> dict[str, int]:
        """Return what the stream counted since it began, for the run's record."""
        return {
            "reconnects": self._connection.reconnects,
            "garbage": self._connection.garbage,
            "late_prices": self._builder.late,
            "broken_minutes": self._builder.broken,
        }

    def _show(self) -> None:
        """Write the newest prices whenever there are new ones, and that the process lives."""
        written_at, has_failed = 0.0, False
        while True:
            is_over = self._over.wait(self._options.write_every)
            state = self._snapshot()
            age = state.written_at.timestamp() - written_at
            is_new = replace(state, written_at=self._state.written_at) != self._state
            if not is_over and not is_new and 0 <= age < ALIVE_EVERY:
                continue
            try:
                write_state(self._file, state)
                has_failed = False
            except OSError as error:
                if not has_failed:
                    log.warning("the newest prices cannot be written: %s", error)
                has_failed = True
            self._state, written_at = state, state.written_at.timestamp()
            if is_over:
                return

    def _snapshot(self) -> StreamState:
        lander, connection = self._lander, self._connection
        return replace(
            self._state,
            written_at=datetime.now(UTC),
            connected=connection.connected,
            reconnects=connection.reconnects,
            trouble=connection.trouble,
            heard_at=self._heard_at,
            lag_seconds=self._lag,
            bars=lander.bars,
            waiting_bars=lander.waiting,
            newest_bar=lander.newest_bar,
            bar_delay_seconds=lander.delay_seconds,
            late_prices=self._builder.late,
            broken_minutes=self._builder.broken,
            garbage=connection.garbage,
            prices=dict(self._prices),
        )


@contextmanager
def _only_process(source: str) -> Iterator[None]:
    """Refuse a second process of one source; a killed one is no hindrance."""
    from filelock import FileLock, Timeout

    path = state_folder() / f"stream-{source}.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path, timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise InvalidRequest(
            f"another process streams {source} already (it holds {path})",
            "stop it first, or name all symbols to one process",
        ) from None
    try:
        yield
    finally:
        lock.release()


@contextmanager
def _stopping_at_signals(stop: threading.Event) -> Iterator[threading.Event]:
    """End in order at SIGTERM and Ctrl-C, also while the connection is silent."""

    def end(number: int, frame: FrameType | None) -> None:
        stop.set()
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    numbers = (signal.SIGTERM, signal.SIGINT)
    handlers: list[Callable[[int, FrameType | None], object] | int | None] = [
        signal.signal(number, end) for number in numbers
    ]
    try:
        with suppress(KeyboardInterrupt):
            yield stop
    finally:
        for number, handler in zip(numbers, handlers, strict=True):
            signal.signal(number, handler)
