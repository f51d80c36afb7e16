"""The connection to a feed: opened again whenever it breaks, in growing, random waits."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass

from pipelines.core.errors import SourceUnavailable
from pipelines.sources.transport.retries import Busy
from pipelines.stream.messages import Garbage, Message, PriceFeed

log = logging.getLogger(__name__)

FIRST_WAIT, LONGEST_WAIT = 1.0, 60.0  # seconds; the first wait is shorter than this, by chance
STEADY = 60.0  # seconds after which a connection counts as well, and the waits begin anew
MOST_GARBAGE = 100  # lines in a row


@dataclass(frozen=True, slots=True)
class Break:
    """The connection is lost, and what was sent meanwhile is missed."""

    reason: str


@dataclass
class ConnectionState:
    """What became of the connections."""

    connected: bool = False
    connections: int = 0  # that stood: something came
    trouble: str | None = None
    garbage: int = 0

    @property
    def reconnects(self) -> int:
        return max(0, self.connections - 1)


def read_messages(
    feed: PriceFeed,
    state: ConnectionState,
    stop: threading.Event,
    wait: Callable[[float], object] | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[Message | Break]:
    """Yield the messages of a feed over as many connections as it takes, a Break after each.

    It ends when `stop` is set, or raises what no other connection can cure: a refused token, an
    unknown symbol.
    """
    wait = wait or stop.wait
    failures = 0
    while not stop.is_set():
        opened_at, pause = clock(), 0.0
        try:
            with closing(_checked(feed.connect(), state)) as messages:
                for message in messages:
                    yield message
                    if stop.is_set():
                        return
            reason = "the stream ended"
        except Busy as busy:
            reason, pause = busy.reason, busy.wait
        except SourceUnavailable as error:
            reason = error.message
        if state.connected and clock() - opened_at >= STEADY:
            failures = 0
        state.connected, state.trouble = False, reason
        longest = min(LONGEST_WAIT, FIRST_WAIT * 2**failures)
        pause = max(pause, random.uniform(0, longest))  # noqa: S311 - not a secret
        failures = min(failures + 1, 16)
        log.warning("%s: %s; connecting again in %.1f s", feed.source, reason, pause)
        yield Break(reason)
        wait(pause)


def _checked(messages: Iterator[Message], state: ConnectionState) -> Generator[Message, None, None]:
    """Note that a connection stands, and leave one that sends nothing but garbage."""
    garbage_in_a_row = 0
    for message in messages:
        if isinstance(message, Garbage):
            state.garbage += 1
            garbage_in_a_row += 1
            if garbage_in_a_row == 1:
                log.warning("a line is no message: %r", message.text)
            if garbage_in_a_row >= MOST_GARBAGE:
                raise Busy(f"{MOST_GARBAGE} lines in a row are no messages")
        else:
            garbage_in_a_row = 0
            if not state.connected:
                state.connected, state.trouble = True, None
                state.connections += 1
        yield message
