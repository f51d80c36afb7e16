"""The interface of a source: it fetches raw answers, and parses bars from an answer.

The two steps are separate so that an answer can be stored unchanged and parsed again later:
`fetch` talks to the outside and returns bytes, `parse` is pure and turns bytes into bars.
"""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import IO, Any, ClassVar, Literal, Protocol, get_args

import pyarrow as pa

from pipelines.core.calendar import UTC_TYPE, Grid, Interval
from pipelines.core.stored_bars import BARS, StoredBars

__all__ = [
    "ACTIONS",
    "BARS",
    "MISSING_BARS",
    "MOST_SHARES",
    "REJECTS",
    "WEIGHTS",
    "Answer",
    "MissingBars",
    "Parsed",
    "Request",
    "Source",
]

ACTIONS = pa.schema(
    [
        ("symbol", pa.string()),
        ("date", pa.date32()),  # first session that trades at the new terms
        ("kind", pa.string()),  # split (new shares for one old) or dividend (per share)
        ("value", pa.float64()),
    ]
)
# A ratio above this, or below its inverse, is no split: it is dropped.
MOST_SHARES = 1e6
# What follows when a tenth of a symbol's bars is missing: the run fails, it warns, or nothing.
MissingBars = Literal["fail", "warn", "pass"]
MISSING_BARS: tuple[MissingBars, ...] = get_args(MissingBars)
REJECTS = pa.schema(
    [
        ("symbol", pa.string()),
        ("ts", UTC_TYPE),  # null when the time itself could not be read
        ("row", pa.int64()),
        ("reason", pa.string()),
        ("detail", pa.string()),
        ("original", pa.string()),  # the row as it came, as JSON
    ]
)
WEIGHTS = pa.schema(
    [
        ("symbol", pa.string()),
        ("name", pa.string()),
        ("weight", pa.float64()),  # fraction of the whole index
        ("effective", pa.date32()),
        ("known_at", UTC_TYPE),
        ("partial", pa.bool_()),  # the source names only some of the members
    ]
)


@dataclass(frozen=True)
class Request:
    """Bars of symbols that open in [start, end), as they were known at `as_of`. All UTC."""

    symbols: tuple[str, ...]
    interval: Interval
    start: datetime
    end: datetime
    as_of: datetime


@dataclass(frozen=True)
class Answer:
    """The answer of a source, byte for byte, and the request that it answers."""

    source: str
    kind: str  # bars or weights
    query: Mapping[str, Any]  # the request, for JSON; with the body enough to parse again
    body: bytes
    media_type: str
    received_at: datetime
    file: IO[bytes] | None = None  # holds the answer instead of `body`, where it is large

    @property
    def size(self) -> int:
        """The number of its bytes."""
        return self.file.seek(0, io.SEEK_END) if self.file else len(self.body)

    def open(self) -> IO[bytes]:
        """Return the answer as a file at its start. It is one file: read it by one reader."""
        if self.file is None:
            return io.BytesIO(self.body)
        self.file.seek(0)
        return self.file


@dataclass(frozen=True)
class Parsed:
    """The bars of one answer, with the rows that could not be read as bars."""

    interval: Interval
    bars: pa.Table  # BARS; empty where they are stored
    actions: pa.Table = field(default_factory=lambda: ACTIONS.empty_table())
    rejects: pa.Table = field(default_factory=lambda: REJECTS.empty_table())
    calendar: str = "XNYS"
    grid: Grid = "session"
    # True: prices are already adjusted for every split known when they were received.
    split_adjusted: bool = True
    # By symbol, "default" for the others.
    missing_bars: Mapping[str, str] = field(default_factory=lambda: {"default": "fail"})
    stored_bars: StoredBars | None = None  # bars that are too many for memory
    built_from: str | None = None  # "stream": bars that were built from live prices

    def count_bars(self) -> Counter[str]:
        """Return the number of bars of each symbol."""
        return self._store().counts

    def bar_ends(self) -> tuple[datetime | None, datetime | None]:
        """Return the times of the earliest and of the latest bar."""
        store = self._store()
        return store.first, store.last

    def bar_tables(self, symbols: Collection[str] | None = None) -> Iterator[pa.Table]:
        """Yield the bars of these symbols, or all, a few at a time."""
        return self._store().tables(symbols)

    def _store(self) -> StoredBars:
        if self.stored_bars is not None:
            return self.stored_bars
        store = StoredBars(stays_in_memory=True)
        store.add(self.bars)
        return store


class Source(Protocol):
    """One provider of bars. Its module's docstring is its page in the docs.

    The API imports the module too, to know whether its data are made up. So libraries that only
    fetching or parsing needs are imported inside those methods.
    """

    name: ClassVar[str]
    is_sample: ClassVar[bool]  # True: made-up data; every table and answer says so
    datasets: ClassVar[tuple[str, ...]]  # what it offers: ("bars", "weights"), ("news",)
    whole: ClassVar[bool]  # True: a request without a start gets all it has, else 30 days
    resumes: ClassVar[bool]  # True: requests cost; recently fetched pieces are not fetched again

    def symbols(self) -> tuple[str, ...] | None:
        """Return the symbols of this source, or None when only the provider knows them."""
        ...

    def pieces(self, request: Request) -> Iterator[Request]:
        """Cut a request into pieces within the provider's limits.

        The cuts are the same every day, so that a run can resume where an earlier one stopped.
        """
        ...

    def fetch(self, request: Request) -> Iterator[Answer]:
        """Request bars, in small pieces, so that a failure loses little. Raises SourceError."""
        ...

    def parse(self, answer: Answer) -> Parsed:
        """Parse the bars of an answer. Pure: the same answer gives the same bars."""
        ...

    def fetch_weights(self, universe: str, as_of: datetime) -> Iterator[Answer]:
        """Request the weights of a universe's members. Empty when this source has none."""
        ...

    def parse_weights(self, answer: Answer) -> pa.Table:
        """Parse the weights (WEIGHTS) of an answer. Pure."""
        ...
