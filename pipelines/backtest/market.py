"""The bars, rows and weights that a backtest uses, and the request for one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

import numpy as np
import pyarrow as pa

from pipelines.core.errors import InvalidRequest
from pipelines.modeling.dataset import Rows
from pipelines.scoring.index_evidence import IndexBars


@dataclass(frozen=True, eq=False)
class Market:
    """The forecast's rows, and the bars and weights of the universe that is combined."""

    rows: Rows  # every bar with its features; the outcome is NaN where it is not known
    ts: np.ndarray  # of each row: datetime64[us]
    bars: pa.Table  # of the members: symbol, ts, closes_at, session, open, high, low, close
    own: pa.Table  # the same of the index's fund; empty where the source has none
    weights: pa.Table  # symbol, weight, effective, known_at, partial
    indexes: tuple[IndexBars, ...]  # of each universe that the forecast combines
    calendar: str
    snapshot: int


@dataclass(frozen=True)
class BacktestRequest:
    """What to test, and how."""

    universe: str
    start: datetime | None  # bars open from then on; None: from the first day that can be
    end: datetime
    retrain: int = 20  # sessions from one training to the next
    history: timedelta = timedelta(days=365)
    cost: float = 0.0001  # of the notional that changes hands
    candidates: tuple[str, ...] = ()  # none: all
    tune: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        if self.start is not None and self.end <= self.start:
            raise InvalidRequest(f"the span ends at {self.end}, before it starts at {self.start}")
        if self.retrain < 1:
            raise InvalidRequest(
                f"a training every {self.retrain} sessions", "name 1 or more, such as 20"
            )
        if self.history < timedelta(days=1):
            raise InvalidRequest(f"{self.history} of history", "name some days, such as 365")
        if not 0 <= self.cost < 1:
            raise InvalidRequest(
                f"a cost of {self.cost:g}", "name a share of the notional, such as 0.0001"
            )


def micros(at: datetime) -> np.datetime64:
    """Convert an instant to NumPy's, in UTC."""
    return np.datetime64(at.replace(tzinfo=None), "us")


def day(session: np.datetime64) -> date:
    """Convert a session from NumPy."""
    date_of_session: date = session.astype("datetime64[D]").item()
    return date_of_session
