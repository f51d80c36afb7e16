"""Whether a release on trial is promoted, withdrawn, or has not shown enough yet."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import exp, log
from typing import Literal

from pipelines.release.evidence import (
    log_evidence_above,
    log_evidence_below,
    log_evidence_of_share,
    no_shares,
)

FALSE_WITHDRAWAL = 0.01  # chance that a good release is withdrawn by its numbers
FALSE_PROMOTION = 0.01  # chance that one is promoted which is beyond a limit
MEASURES = 4
WITHDRAW_AT = log(MEASURES / FALSE_WITHDRAWAL)  # by any of them
PROMOTE_AT = log(1 / FALSE_PROMOTION)  # by each
Verdict = Literal["wait", "promote", "withdraw"]


@dataclass(frozen=True)
class Limits:
    """What share of the answers is tolerated for each measure, and from which on it is too much.

    Between the two either verdict is right, or none within the time.
    """

    failures: tuple[float, float] = (0.001, 0.01)
    slow: tuple[float, float] = (0.01, 0.03)
    different: tuple[float, float] = (0.005, 0.03)
    predictions: tuple[float, float] = (0.005, 0.03)


@dataclass
class Counts:
    """What was seen of a release on trial."""

    blue_requests: int = 0  # of callers, by nginx
    blue_failures: int = 0
    green_requests: int = 0
    green_failures: int = 0
    shares: list[float] = field(default_factory=no_shares)  # failures of green beside those of blue
    reads: int = 0  # the same request to both, that blue answered
    read_failures: int = 0
    read_shares: list[float] = field(default_factory=no_shares)
    timed: int = 0  # reads since blue's p99 is known
    slow: int = 0
    compared: int = 0  # both answered, and blue's answer stood still
    different: int = 0
    predictions: int = 0  # requests to score that both answered
    other_predictions: int = 0
    failure: str = ""  # the newest example of each
    difference: str = ""

    def describe(self) -> str:
        """Return in words what was seen."""
        return (
            f"{self.green_failures:,} of {self.green_requests:,} requests of callers failed "
            f"(blue {self.blue_failures:,} of {self.blue_requests:,}); of reads of both "
            f"{self.read_failures:,} of {self.reads:,} failed, {self.slow:,} of {self.timed:,} "
            f"were slow, {self.different:,} of {self.compared:,} were answered otherwise"
            + f", {self.other_predictions:,} of {self.predictions:,} predictions were others"
            * bool(self.predictions)
        )


@dataclass(frozen=True)
class Measure:
    """How far one measure speaks for a release, and against it: logarithms of evidence."""

    name: str
    against: float
    in_favour: float
    example: str = ""


def measures(counts: Counts, limits: Limits) -> tuple[Measure, ...]:
    """Return the evidence of each measure."""
    tolerated, refused = limits.failures
    # Failures count against green where they are more than tolerated, and more than blue has.
    of_callers = min(
        log_evidence_above(counts.green_failures, counts.green_requests, tolerated),
        log_evidence_of_share(counts.shares),
    )
    of_reads = min(
        log_evidence_above(counts.read_failures, counts.reads, tolerated),
        log_evidence_of_share(counts.read_shares),
    )
    predictions = Measure(
        "other predictions",
        log_evidence_above(counts.other_predictions, counts.predictions, limits.predictions[0]),
        log_evidence_below(counts.other_predictions, counts.predictions, limits.predictions[1]),
        counts.difference,
    )
    all_failures = counts.green_failures + counts.read_failures
    return (
        Measure(
            "failed requests",
            log((exp(min(of_callers, 500)) + exp(min(of_reads, 500))) / 2),
            log_evidence_below(all_failures, counts.green_requests + counts.reads, refused),
            counts.failure,
        ),
        Measure(
            "slow answers",
            log_evidence_above(counts.slow, counts.timed, limits.slow[0]),
            log_evidence_below(counts.slow, counts.timed, limits.slow[1]),
        ),
        Measure(
            "other answers",
            log_evidence_above(counts.different, counts.compared, limits.different[0]),
            log_evidence_below(counts.different, counts.compared, limits.different[1]),
            counts.difference,
        ),
        # Where blue scores nothing, there is nothing to compare.
        *([predictions] if counts.predictions else []),
    )


def judge(
    counts: Counts, limits: Limits, seconds: float, least_seconds: float, most_seconds: float
) -> tuple[Verdict, str]:
    """Return the verdict on a release that has been on trial for so long, and why."""
    evidence = measures(counts, limits)
    worst = max(evidence, key=lambda measure: measure.against)
    if worst.against >= WITHDRAW_AT:
        example = f"; {worst.example}" if worst.example else ""
        return "withdraw", f"too many {worst.name}: {counts.describe()}{example}"
    weakest = min(evidence, key=lambda measure: measure.in_favour)
    if weakest.in_favour >= PROMOTE_AT and seconds >= least_seconds:
        return "promote", f"as good as blue: {counts.describe()}"
    if seconds >= most_seconds:
        return "withdraw", (
            f"not enough seen in {seconds:,.0f} s to say that it has few {weakest.name}: "
            f"{counts.describe()}"
        )
    if weakest.in_favour >= PROMOTE_AT:
        return "wait", f"good so far, and watched for {least_seconds:g} s: {counts.describe()}"
    part = max(0.0, weakest.in_favour / PROMOTE_AT)
    return "wait", f"not enough seen of {weakest.name} yet ({part:.0%}): {counts.describe()}"
