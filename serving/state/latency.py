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
        since = time.monotonic() - SPAN
        recent = sorted(seconds for at, seconds in tuple(self._durations) if at >= since)
        if len(recent) < ENOUGH:
            return None
        return 1000 * recent[math.ceil(0.99 * len(recent)) - 1]
