"""How long requests of late took."""

from __future__ import annotations

import math
import time
from collections import deque

KEPT, RECENT, ENOUGH = 2000, 300.0, 20  # requests and seconds that the p99 is taken over


class Recent:
    """The times that the last requests took."""

    def __init__(self) -> None:
        self._taken: deque[tuple[float, float]] = deque(maxlen=KEPT)

    def took(self, seconds: float) -> None:
        """Note one."""
        self._taken.append((time.monotonic(), seconds))

    def p99(self) -> float | None:
        """Milliseconds that 99 of 100 of them stayed below; None while they are too few."""
        since = time.monotonic() - RECENT
        recent = sorted(taken for at, taken in tuple(self._taken) if at >= since)
        if len(recent) < ENOUGH:
            return None
        return 1000 * recent[math.ceil(0.99 * len(recent)) - 1]
