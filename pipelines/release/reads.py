"""The same reads to both processes, and what came of them."""

from __future__ import annotations

import random
import time
from collections import deque
from collections.abc import Callable, Iterable

import httpx
import numpy as np

from pipelines.release.answers import Reading, find_difference
from pipelines.release.evidence import add_failures
from pipelines.release.judgement import Counts
from pipelines.release.settings import ReleaseSettings

# What is read where callers send too little, from the first moment on.
OWN_READS = (
    "/signal/index",
    "/forecasts",
    "/model-info",
    "/signals/history?limit=50",
    "/predict/history?limit=50",
    "/operations/runs?limit=20",
)
# Answers about the process, and not about the lake: no two have the same.
OF_ITSELF = ("/health", "/metrics", "/operations/latency", "/ws/", "/proxy-health")
HTTP_TOO_MANY = 429
TARGETS = 500  # reads of callers that are repeated, the newest
TIMES = 500  # of blue, whose p99 is taken
LEAST_TIMES = 50
SLOW_TIMES = 2.0  # as long as blue's p99


class PairedReads:
    """Asks blue, green and blue again, and adds what that shows to the counts."""

    def __init__(self, settings: ReleaseSettings, blue: str, green: str, seed: int = 0) -> None:
        key = settings.key.get_secret_value()
        headers = {"X-API-Key": key} if key else {}
        self._blue, self._green = (
            httpx.Client(
                base_url=f"http://{address}",
                headers=headers,
                timeout=settings.read_seconds,
                trust_env=False,
            )
            for address in (blue, green)
        )
        self._slow_seconds = settings.slow_ms / 1000
        self._targets: deque[str] = deque(maxlen=TARGETS)
        self._blue_times: deque[float] = deque(maxlen=TIMES)
        self._random = random.Random(seed)  # noqa: S311

    def close(self) -> None:
        self._blue.close()
        self._green.close()

    def note_targets(self, targets: Iterable[str]) -> None:
        """Remember what callers read, but for what a process says of itself."""
        self._targets.extend(target for target in targets if not target.startswith(OF_ITSELF))

    def read_once(self, counts: Counts) -> None:
        """Send one read to both."""
        target = self._random.choice(self._targets or OWN_READS)
        before, limit = _read(self._blue, target), self._slow_limit()
        other, after = _read(self._green, target), _read(self._blue, target)
        # One of three reads is green's: where it is as good, so is one of three failures.
        failures = before.is_failure + other.is_failure + after.is_failure
        counts.read_shares = add_failures(counts.read_shares, failures, other.is_failure, 1 / 3)
        if before.is_failure or HTTP_TOO_MANY in (before.status, other.status, after.status):
            return
        self._blue_times.append(before.seconds)
        counts.reads += 1
        counts.read_failures += other.is_failure
        if other.is_failure:
            counts.failure = f"GET {target[:80]}: {other.trouble or other.status}"
        if limit is not None and (not other.is_failure or other.was_late):
            counts.timed += 1
            counts.slow += other.was_late or other.seconds > limit
        if other.is_failure or after.is_failure:
            return
        difference = find_difference(before, other, after)
        if difference is not None:
            counts.compared += 1
            counts.different += bool(difference)
            if difference:
                counts.difference = f"GET {target[:80]}: {difference}"

    def _slow_limit(self) -> float | None:
        """Return the seconds from which on an answer is slow, by blue's answers so far."""
        if len(self._blue_times) < LEAST_TIMES:
            return None
        return max(self._slow_seconds, SLOW_TIMES * float(np.quantile(self._blue_times, 0.99)))


def _read(
    client: httpx.Client, target: str, clock: Callable[[], float] = time.monotonic
) -> Reading:
    began = clock()
    try:
        answer = client.get(target)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        late = isinstance(error, httpx.TimeoutException)
        return Reading(0, clock() - began, trouble=type(error).__name__, was_late=late)
    return Reading(answer.status_code, clock() - began, answer.content)
