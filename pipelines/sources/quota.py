"""Quotas of providers that count requests, shared by all processes of one machine.

Each request is written down before it is sent, in one small SQLite file, so that workers together
stay inside, and a kill -9 forgets none. The windows slide: 25 a day means in any 24 hours, so no
provider's own midnight can be missed.
"""

from __future__ import annotations

import re
import sqlite3
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from pipelines.core.errors import InvalidRequest, SourceUnavailable
from pipelines.core.state_folder import open_state, state_folder
from pipelines.sources import SOURCES, source_class

FILE = "quotas.sqlite"
SCHEMA = """CREATE TABLE IF NOT EXISTS calls
            (id INTEGER PRIMARY KEY, source TEXT NOT NULL, at REAL NOT NULL)"""
UNITS = {"day": 86_400.0, "hour": 3600.0, "minute": 60.0, "second": 1.0}
LIMIT = re.compile(r"(\d{1,9})/(\w+)")
LONGEST_WAIT = 120.0  # seconds that one request waits for its turn; a full day is not waited for
# A call counts where it lies in the window, on either side of now: a clock may have been set back.
IN_WINDOW = "source = ? AND at > ? AND at < ?"


class QuotaSpent(SourceUnavailable):
    """All requests that a provider allows are used; later there are more."""


@dataclass(frozen=True)
class Limit:
    """So many requests in any so many seconds."""

    calls: int
    seconds: float

    def __str__(self) -> str:
        names = [unit for unit, seconds in UNITS.items() if seconds == self.seconds]
        return f"{self.calls}/{names[0] if names else f'{self.seconds:g} s'}"


@dataclass(frozen=True)
class Usage:
    """What is used of one limit, and from when on there is more."""

    source: str
    limit: Limit
    used: int
    resets_at: datetime | None  # when the oldest request no longer counts; None: none counts

    @property
    def left(self) -> int:
        return max(0, self.limit.calls - self.used)


def has_counts() -> bool:
    """Whether this machine has counted any request."""
    return (state_folder() / FILE).exists()


def read_usages() -> list[Usage]:
    """Return what is used of each limit of each source that has limits."""
    usages: list[Usage] = []
    for name in SOURCES:
        limits = getattr(source_class(name), "limits", None)
        if limits is not None:
            usages += Quota(name, limits()).usage()
    return usages


def read_limits(setting: str, text: str) -> tuple[Limit, ...]:
    """Read limits such as `25/day 1/second`; an empty text is none."""
    limits = []
    for word in text.replace(",", " ").split():
        match = LIMIT.fullmatch(word)
        if match is None or match[2] not in UNITS or int(match[1]) == 0:
            raise InvalidRequest(
                f"{setting} has {word!r}, which is no limit",
                f"write 25/day or 60/minute, with a blank between two; units: {', '.join(UNITS)}",
            )
        limits.append(Limit(int(match[1]), UNITS[match[2]]))
    return tuple(limits)


class Quota:
    """The limits of one source."""

    def __init__(
        self,
        source: str,
        limits: Sequence[Limit],
        sleep: Callable[[float], None] = time.sleep,
        now: Callable[[], float] = time.time,
        longest_wait: float = LONGEST_WAIT,
    ) -> None:
        self._source, self._limits = source, tuple(limits)
        self._sleep, self._now, self._longest_wait = sleep, now, longest_wait

    def take(self) -> None:
        """Count a request that is about to be sent, after waiting for its turn.

        Raises QuotaSpent where the turn is too far away.
        """
        waited = 0.0
        while full := self._try_to_take():
            limit, free_at = full
            wait = max(0.001, free_at - self._now())
            if waited + wait > self._longest_wait:
                raise QuotaSpent(
                    f"{self._source} allows {limit}, and all are used until "
                    f"{datetime.fromtimestamp(free_at, UTC):%Y-%m-%d %H:%M:%S} UTC",
                    "run this again then, what was stored is not asked for again; `bullion status` "
                    "shows what is left",
                )
            self._sleep(wait)
            waited += wait

    def usage(self) -> list[Usage]:
        """Return what is used of each limit. Creates no file."""
        if not self._limits or not has_counts():
            return [Usage(self._source, limit, 0, None) for limit in self._limits]
        now, usages = self._now(), []
        with open_state(FILE, SCHEMA) as connection:
            for limit in self._limits:
                calls = self._calls(connection, limit, now)
                end = calls[0] + limit.seconds if calls else None
                resets_at = None if end is None else datetime.fromtimestamp(end, UTC)
                usages.append(Usage(self._source, limit, len(calls), resets_at))
        return usages

    def _try_to_take(self) -> tuple[Limit, float] | None:
        """Count a request; or return the limit that forbids it longest, and until when."""
        if not self._limits:
            return None
        longest = max(limit.seconds for limit in self._limits)
        with open_state(FILE, SCHEMA) as connection:
            now = self._now()
            full = []
            for limit in self._limits:
                calls = self._calls(connection, limit, now)
                if len(calls) >= limit.calls:
                    full.append((calls[-limit.calls] + limit.seconds, limit))
            if full:
                free_at, limit = max(full, key=lambda entry: entry[0])
                return limit, free_at
            connection.execute("INSERT INTO calls (source, at) VALUES (?, ?)", [self._source, now])
            connection.execute(
                "DELETE FROM calls WHERE source = ? AND at <= ?", [self._source, now - longest]
            )
        return None

    def _calls(self, connection: sqlite3.Connection, limit: Limit, now: float) -> list[float]:
        rows = connection.execute(
            f"SELECT at FROM calls WHERE {IN_WINDOW} ORDER BY at",
            [self._source, now - limit.seconds, now + limit.seconds],
        )
        return [at for (at,) in rows]
