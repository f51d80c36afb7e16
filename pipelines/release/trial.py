"""A release on trial: watched from one look to the next, and decided on."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from pipelines.release.evidence import add_failures
from pipelines.release.judgement import Limits, Verdict, judge
from pipelines.release.processes import is_running
from pipelines.release.reads import PairedReads
from pipelines.release.records import Release
from pipelines.release.routing import LOG
from pipelines.release.settings import ReleaseSettings
from pipelines.release.traffic import TrafficLog

MARGIN = 0.15  # of predictions between what is tolerated and what is too much
LOOK = 0.5  # seconds between two looks


class Trial:
    """Gathers what callers and reads show of green, beside blue."""

    def __init__(self, settings: ReleaseSettings, blue: Release, green: Release) -> None:
        self.green, self._settings = green, settings
        self.counts = green.counts
        self._log = TrafficLog(settings.place / LOG, green.log_position)
        addresses = settings.address(blue.place), settings.address(green.place)
        other_models = green.models != blue.models
        self._reads = PairedReads(settings, *addresses, other_models)
        limits = Limits()
        first, second = limits.different
        predictions = limits.predictions
        if other_models:
            share = settings.predictions_may_differ
            predictions = share, share + MARGIN
        self._limits = replace(
            limits,
            different=(green.may_differ, min(0.99, green.may_differ + second - first)),
            predictions=predictions,
        )

    def look(self, now: Callable[[], float] = time.time) -> tuple[Verdict, str]:
        """Read what came, ask both for half a second, and return the verdict so far."""
        self._count_traffic()
        self._send_reads()
        if not is_running(self.green):
            return "withdraw", "its process ended by itself"
        since = self.green.trial_at or now()
        settings = self._settings
        return judge(
            self.counts, self._limits, now() - since, settings.least_seconds, settings.most_seconds
        )

    def _count_traffic(self) -> None:
        counts, targets = self.counts, []
        green = blue = green_failures = blue_failures = 0
        for request in self._log.new_requests():
            if request.is_green:
                green += 1
                green_failures += request.failed
                counts.failure = request.detail if request.failed else counts.failure
            else:
                blue += 1
                blue_failures += request.failed
            if request.target:
                targets.append(request.target)
        self._reads.note_targets(targets)
        if green and blue:
            failures = green_failures + blue_failures
            counts.shares = add_failures(
                counts.shares, failures, green_failures, green / (green + blue)
            )
        counts.green_requests += green
        counts.green_failures += green_failures
        counts.blue_requests += blue
        counts.blue_failures += blue_failures
        self.green.log_position = self._log.position

    def _send_reads(self) -> None:
        """Ask both in equal steps of time, until the next look."""
        number = max(1, round(LOOK * self._settings.reads_per_second))
        step, began = LOOK / number, time.monotonic()
        for done in range(number):
            time.sleep(max(0.0, began + done * step - time.monotonic()))
            self._reads.read_once(self.counts)
            if time.monotonic() - began > 2 * LOOK:
                break  # slow answers: the next look comes first
        time.sleep(max(0.0, began + LOOK - time.monotonic()))

    def close(self) -> None:
        self._reads.close()


def empty_log(settings: ReleaseSettings) -> None:
    """Empty what nginx wrote of the trial before."""
    TrafficLog(settings.place / LOG).clear()
