"""When a release is promoted or withdrawn, on much traffic and on little."""

from __future__ import annotations

import numpy as np
import pytest

from pipelines.release.evidence import add_failures
from pipelines.release.judgement import FALSE_PROMOTION, FALSE_WITHDRAWAL, Counts, Limits, judge

LIMITS = Limits()
MINUTE, HOUR = 60.0, 3600.0


def verdict(counts: Counts, seconds: float = 300) -> tuple[str, str]:
    return judge(counts, LIMITS, seconds, MINUTE, HOUR)


def clean(reads: int) -> Counts:
    return Counts(
        blue_requests=9 * reads, green_requests=reads, reads=reads, timed=reads, compared=reads
    )


def test_little_traffic_is_not_enough_and_much_without_a_fault_is() -> None:
    assert verdict(Counts())[0] == "wait"
    answer, reason = verdict(clean(20))
    assert answer == "wait"
    assert "not enough seen" in reason
    assert verdict(clean(400))[0] == "promote"


def test_a_good_release_is_watched_for_the_least_time() -> None:
    answer, reason = verdict(clean(400), seconds=10)
    assert answer == "wait"
    assert "good so far" in reason


def test_time_ends_a_trial_of_too_little() -> None:
    answer, reason = verdict(clean(20), seconds=HOUR)
    assert answer == "withdraw"
    assert reason.startswith("not enough seen in 3,600 s")


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ({"read_failures": 12}, "too many failed requests"),
        ({"slow": 12}, "too many slow answers"),
        ({"different": 12}, "too many other answers"),
    ],
)
def test_each_measure_withdraws_by_itself_and_says_which(fault: dict[str, int], words: str) -> None:
    counts = clean(40)
    counts.failure, counts.difference = "GET /x: 500", "GET /y: wss is 1 instead of 2"
    for name, value in fault.items():
        setattr(counts, name, value)
    counts.read_shares = add_failures(
        counts.read_shares, counts.read_failures, counts.read_failures, 1 / 3
    )
    answer, reason = verdict(counts, seconds=1)
    assert answer == "withdraw"
    assert reason.startswith(words)


def test_failures_that_blue_has_as_well_withdraw_nothing() -> None:
    counts = clean(400)
    counts.blue_failures, counts.green_failures = 900, 100
    counts.shares = add_failures(counts.shares, 1000, 100, 0.1)
    assert verdict(counts)[0] == "wait"


def test_callers_failures_of_green_alone_withdraw_it() -> None:
    counts = Counts(blue_requests=90, green_requests=10, green_failures=5)
    counts.shares = add_failures(counts.shares, 5, 5, 0.1)
    assert verdict(counts, seconds=1)[0] == "withdraw"


def simulate(random: np.random.Generator, failing: float, slow: float, different: float) -> str:
    """Return how a trial ends in which each look brings ten reads and ten requests of green."""
    counts = Counts()
    for look in range(1, 1000):
        counts.green_requests += 10
        counts.blue_requests += 90
        own, reads = int(random.binomial(10, failing)), int(random.binomial(10, failing))
        counts.green_failures += own
        counts.shares = add_failures(counts.shares, own, own, 0.1)
        counts.reads += 10
        counts.read_failures += reads
        counts.read_shares = add_failures(counts.read_shares, reads, reads, 1 / 3)
        counts.timed += 10
        counts.slow += int(random.binomial(10, slow))
        counts.compared += 10
        counts.different += int(random.binomial(10, different))
        answer, _ = judge(counts, LIMITS, look, 0, 1e9)
        if answer != "wait":
            return answer
    return "wait"


@pytest.mark.parametrize(
    ("rates", "ending", "least"),
    [
        ((0.0, 0.001, 0.0), "promote", 1 - FALSE_WITHDRAWAL),
        ((0.0005, 0.005, 0.002), "promote", 0.9),
        ((0.02, 0.0, 0.0), "withdraw", 1 - 2 * FALSE_PROMOTION),
        ((0.0, 0.06, 0.0), "withdraw", 1 - 2 * FALSE_PROMOTION),
        ((0.0, 0.0, 0.06), "withdraw", 1 - 2 * FALSE_PROMOTION),
        ((0.5, 0.0, 0.0), "withdraw", 1.0),
    ],
    ids=["good", "good with noise", "2 % fail", "6 % slow", "6 % differ", "half fails"],
)
def test_simulated_trials_end_as_they_should(
    rates: tuple[float, float, float], ending: str, least: float
) -> None:
    random = np.random.default_rng(3)
    endings = [simulate(random, *rates) for _ in range(60)]
    assert endings.count(ending) / len(endings) >= least


@pytest.mark.parametrize(
    "rates", [(0.001, 0.01, 0.005), (0.01, 0.0, 0.0), (0.0, 0.03, 0.0), (0.0, 0.0, 0.03)], ids=str
)
def test_no_verdict_is_false_more_often_than_said(rates: tuple[float, float, float]) -> None:
    """At what is tolerated it is hardly ever withdrawn, and at a limit hardly ever promoted."""
    random = np.random.default_rng(4)
    false = "withdraw" if rates == (0.001, 0.01, 0.005) else "promote"
    endings = [simulate(random, *rates) for _ in range(100)]
    assert endings.count(false) <= 4  # of 100, where one is expected at most
