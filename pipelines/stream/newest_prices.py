"""The newest price of each symbol and the state of the stream, handed on in one small file.

The stream's process replaces it at most four times a second; whoever shows prices reads it. Either
side may restart: the file is whole at every instant, and says itself when it was written. It is
light to import, as the API reads it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from pipelines.core.settings import settings
from pipelines.core.state_folder import state_folder

EVERY = 0.25  # seconds between two writes
ALIVE_EVERY = 1.0  # seconds after which it is written though nothing is new
FORMAT = 1


@dataclass(frozen=True)
class NewestPrice:
    """The newest price of a symbol."""

    symbol: str
    at: datetime  # by the provider's clock
    bid: float | None
    ask: float | None
    mid: float
    received_at: datetime  # by this machine's clock


@dataclass(frozen=True)
class StreamState:
    """How a stream stands."""

    source: str
    written_at: datetime  # by this machine's clock
    started_at: datetime
    connected: bool = False
    reconnects: int = 0  # connections after the first
    trouble: str | None = None  # why the last connection ended, until another stands
    heard_at: datetime | None = None  # when the last message came
    lag_seconds: float | None = None  # from the newest price's own time to its receipt
    bars: int = 0  # committed since the start
    waiting_bars: int = 0  # closed, and not committed yet
    newest_bar: datetime | None = None  # close of the newest bar that was committed
    bar_delay_seconds: float | None = None  # from that close to its commit
    late_prices: int = 0  # of minutes that were closed already
    broken_minutes: int = 0  # left to the candle, as the connection did not stand throughout
    garbage: int = 0  # lines that were no messages
    prices: Mapping[str, NewestPrice] = field(default_factory=dict)


TIMES = ("written_at", "started_at", "heard_at", "newest_bar")
PRICE_TIMES = ("at", "received_at")


def prices_file(source: str) -> Path:
    """Return the file of a source's newest prices, which need not exist."""
    folder = settings().prices
    return (Path(folder).expanduser() if folder else state_folder() / "prices") / f"{source}.json"


def write_state(path: Path, state: StreamState) -> None:
    """Replace the file by one of this state. It is no record: it need not survive a crash."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new_file = path.with_name(f".{path.name}.{os.getpid()}")
    new_file.write_text(json.dumps({"format": FORMAT, **asdict(state)}, default=_as_text))
    new_file.replace(path)


def read_state(path: Path) -> StreamState | None:
    """Return the state in a file; None where there is none that can be read."""
    with suppress(OSError, ValueError, TypeError, KeyError, AttributeError):
        data: dict[str, Any] = json.loads(path.read_text())
        if data.pop("format") != FORMAT:
            return None
        prices = {
            symbol: NewestPrice(**_with_times(price, PRICE_TIMES))
            for symbol, price in data.pop("prices").items()
        }
        return StreamState(**_with_times(data, TIMES), prices=prices)
    return None


def _as_text(value: object) -> str:
    if not isinstance(value, datetime):
        raise TypeError(f"{value!r} is no time")
    return value.isoformat()


def _with_times(data: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    times = {name: data[name] and datetime.fromisoformat(data[name]) for name in names}
    return {**data, **times}
