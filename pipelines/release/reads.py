"""The same reads to both processes, and what came of them."""

from __future__ import annotations

import random
import time
from collections import deque
from collections.abc import Iterable

import httpx
import numpy as np

from pipelines.release.answers import Reading, find_difference
from pipelines.release.evidence import add_failures
from pipelines.release.judgement import Counts
from pipelines.release.probes import Probe, decisions_of, post, read_probes
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
OF_MODELS = "/model-info"
HTTP_TOO_MANY = 429
TARGETS = 500  # reads of callers that are repeated, the newest
PROBES = 0.25  # of all reads
TIMES = 500  # of blue, whose p99 is taken
LEAST_TIMES = 50
SLOW_TIMES = 2.0  # as long as blue's p99


class PairedReads:
    """Asks blue, green and blue again, and adds what that shows to the counts."""

    def __init__(
        self, settings: ReleaseSettings, blue: str, green: str, other_models: bool = False
    ) -> None:
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
        self._random = random.Random(0)  # noqa: S311
        self._other_models = other_models
        self._probes = read_probes(self._blue)

    def close(self) -> None:
        self._blue.close()
        self._green.close()

    def note_targets(self, targets: Iterable[str]) -> None:
        """Remember what callers read, but for what a process says of itself."""
        apart = (*OF_ITSELF, OF_MODELS) if self._other_models else OF_ITSELF
        self._targets.extend(target for target in targets if not target.startswith(apart))

    def read_once(self, counts: Counts) -> None:
        """Send one read to both."""
        own_reads = [target for target in OWN_READS if not self._is_of_models(target)]
        probe = None
        if self._probes and self._random.random() < PROBES:
            probe = self._random.choice(self._probes)
        target = probe.path if probe else self._random.choice(self._targets or own_reads)
        before, limit = _read(self._blue, target, probe), self._slow_limit()
        other, after = _read(self._green, target, probe), _read(self._blue, target, probe)
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
        if probe is not None:
            self._compare_predictions(counts, probe, before, other, after)
            return
        difference = find_difference(before, other, after)
        if difference is not None:
            counts.compared += 1
            counts.different += bool(difference)
            if difference:
                counts.difference = f"GET {target[:80]}: {difference}"

    def _compare_predictions(
        self, counts: Counts, probe: Probe, before: Reading, other: Reading, after: Reading
    ) -> None:
        """Compare two predictions: of other models only what they say to do."""
        if self._other_models:
            first, second = decisions_of(before.body), decisions_of(other.body)
            difference = "" if first == second else f"{second[:3]} instead of {first[:3]}"
        else:
            difference = find_difference(before, other, after) or ""
        counts.predictions += 1
        counts.other_predictions += bool(difference)
        if difference:
            counts.difference = f"POST {probe.path}: {difference}"

    def _is_of_models(self, target: str) -> bool:
        return self._other_models and target.startswith(OF_MODELS)

    def _slow_limit(self) -> float | None:
        """Return the seconds from which on an answer is slow, by blue's answers so far."""
        if len(self._blue_times) < LEAST_TIMES:
            return None
        return max(self._slow_seconds, SLOW_TIMES * float(np.quantile(self._blue_times, 0.99)))


def _read(client: httpx.Client, target: str, probe: Probe | None = None) -> Reading:
    began = time.monotonic()
    try:
        answer = client.get(target) if probe is None else post(client, probe)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        late = isinstance(error, httpx.TimeoutException)
        trouble = type(error).__name__
        return Reading(0, time.monotonic() - began, trouble=trouble, was_late=late)
    return Reading(answer.status_code, time.monotonic() - began, answer.content)
