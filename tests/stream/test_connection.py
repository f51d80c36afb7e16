"""A feed is connected to again and again, in growing waits, until another try cannot help."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from pipelines.core.errors import AccessRefused, SourceUnavailable
from pipelines.sources.transport.retries import Busy
from pipelines.stream.connection import (
    MOST_GARBAGE,
    STEADY,
    Break,
    ConnectionState,
    read_messages,
)
from pipelines.stream.messages import Garbage, Heartbeat, Message

BEAT = Heartbeat(datetime(2026, 11, 25, tzinfo=UTC))


class Scripted:
    """A feed of connections, each a list of messages and errors; after the last it is refused."""

    source, symbols = "scripted", ("A",)

    def __init__(self, *connections: list[Message | Exception]) -> None:
        self.connections = list(connections)
        self.waits: list[float] = []
        self.now_seconds = 0.0

    def connect(self) -> Iterator[Message]:
        if not self.connections:
            raise AccessRefused("no", "stop")
        for step in self.connections.pop(0):
            if isinstance(step, Exception):
                raise step
            yield step

    def read(self) -> tuple[list[Message | Break], ConnectionState]:
        state, messages = ConnectionState(), list[Message | Break]()
        stream = read_messages(
            self,  # type: ignore[arg-type]
            state,
            threading.Event(),
            self.waits.append,
            lambda: self.now_seconds,
        )
        with pytest.raises(AccessRefused):
            messages.extend(stream)
        return messages, state


def test_each_break_is_told_and_what_came_before_it_stays() -> None:
    feed = Scripted([BEAT, Busy("lost")], [SourceUnavailable("quota")], [BEAT])
    messages, state = feed.read()
    assert messages == [BEAT, Break("lost"), Break("quota"), BEAT, Break("the stream ended")]
    assert (state.connections, state.reconnects) == (2, 1)
    assert (state.connected, state.trouble) == (False, "the stream ended")


def test_the_waits_grow_to_a_minute_and_a_demanded_wait_is_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("random.uniform", lambda low, high: high)
    feed = Scripted(*[[Busy("down")] for _ in range(8)], [Busy("HTTP 429", 300.0)])
    feed.read()
    assert feed.waits == [1, 2, 4, 8, 16, 32, 60, 60, 300]


def test_the_waits_begin_anew_once_a_connection_was_steady(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("random.uniform", lambda low, high: high)
    feed = Scripted([Busy("down")], [Busy("down")], [BEAT], [BEAT])
    connect = feed.connect

    def connect_for_a_minute() -> Iterator[Message]:
        for message in connect():
            yield message
            feed.now_seconds += STEADY * (not feed.connections)  # the last connection alone

    feed.connect = connect_for_a_minute  # type: ignore[method-assign]
    feed.read()
    assert feed.waits == [1, 2, 4, 1]


def test_nothing_but_garbage_is_no_connection() -> None:
    garbage = Garbage("?")
    feed = Scripted([garbage] * (MOST_GARBAGE + 50), [garbage, BEAT] * 60)
    messages, state = feed.read()
    assert messages.count(garbage) == MOST_GARBAGE - 1 + 60
    assert state.connections == 1
    assert state.garbage == MOST_GARBAGE + 60


def test_it_ends_when_it_is_told_to() -> None:
    stop = threading.Event()
    feed = Scripted([BEAT, BEAT])
    messages = []
    for message in read_messages(feed, ConnectionState(), stop):  # type: ignore[arg-type]
        messages.append(message)
        stop.set()
    assert messages == [BEAT]
