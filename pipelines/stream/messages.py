"""What a provider's price stream says, and what a feed of it must offer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Protocol


@dataclass(frozen=True, slots=True)
class Price:
    """A price of one symbol, at the provider's time."""

    symbol: str
    at: datetime
    bid: float | None
    ask: float | None
    mid: float
    size: float = 1.0  # that it adds to the bar's volume; 1: prices are counted


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """The provider is there, and it has sent every price up to this time."""

    at: datetime


@dataclass(frozen=True, slots=True)
class Garbage:
    """A line that is no message."""

    text: str


TimedMessage = Price | Heartbeat
Message = TimedMessage | Garbage


class PriceFeed(Protocol):
    """The price stream of one source."""

    source: ClassVar[str]
    symbols: tuple[str, ...]

    def connect(self) -> Iterator[Message]:
        """Open one connection and yield its messages until it breaks.

        Raises Busy where another connection may work, else SourceError.
        """
        ...

    def now(self) -> datetime:
        """Return the time by the feed's clock: that of this machine, or of a sample in haste."""
        ...

    def calendar_of(self, symbol: str) -> str:
        """Return the exchange calendar of a symbol."""
        ...
