"""How long the latest requests took."""

from __future__ import annotations

import math
import time
from collections import deque

CAPACITY = 2000  # requests
SPAN = 300.0  # seconds
ENOUGH = 20  # requests without which there is no p99


class LatencyWindow:
    """The durations of the latest requests, and their 99th percentile."""

    def __init__(self) -> None:
        self._durations: deque[tuple[float, float]] = deque(maxlen=CAPACITY)  # when, and seconds

    def add(self, seconds: float) -> None:
        """Note how long a request took that was answered just now."""
        self._durations.append((time.monotonic(), seconds))

    def p99(self) -> float | None:
        """Return the milliseconds that 99 of 100 requests stayed below; None for too few."""
        recent = self._recent()
        return _quantile(recent, 0.99) if len(recent) >= ENOUGH else None

    def summary(self) -> tuple[int, float, float] | None:
        """Return how many recent requests there were, and their p50 and p99 in milliseconds."""
        recent = self._recent()
        return (len(recent), _quantile(recent, 0.5), _quantile(recent, 0.99)) if recent else None

    def _recent(self) -> list[float]:
        since = time.monotonic() - SPAN
        return sorted(seconds for at, seconds in tuple(self._durations) if at >= since)


def _quantile(ascending: list[float], share: float) -> float:
    """Return the milliseconds that this share of durations stays below."""
    return 1000 * ascending[math.ceil(share * len(ascending)) - 1]
