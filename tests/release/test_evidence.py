"""The tests of a trial: they hold their chance of a false alarm at every look, and have power."""

from __future__ import annotations

import math

import numpy as np
import pytest

from pipelines.release.evidence import (
    add_failures,
    log_evidence_above,
    log_evidence_below,
    log_evidence_of_share,
    no_shares,
)

ALARM = 0.05  # a chance that a simulation can measure
LEVEL = math.log(1 / ALARM)
PATHS, LENGTH = 400, 2000
LOOKS = range(1, LENGTH, 7)


def share_of_alarms(evidence, rate: float, limit: float) -> float:  # type: ignore[no-untyped-def]
    """Return the share of simulated trials in which the evidence ever reaches the level."""
    random = np.random.default_rng(11)
    counts = np.cumsum(random.random((PATHS, LENGTH)) < rate, axis=1)
    verdicts: dict[tuple[int, int], bool] = {}

    def alarms(events: int, trials: int) -> bool:
        key = (events, trials)
        if key not in verdicts:
            verdicts[key] = evidence(events, trials, limit) >= LEVEL
        return verdicts[key]

    hits = [any(alarms(int(path[n - 1]), n) for n in LOOKS) for path in counts]
    return float(np.mean(hits))


@pytest.mark.parametrize("limit", [0.001, 0.01, 0.05])
def test_a_rate_at_the_limit_raises_a_false_alarm_no_more_often_than_said(limit: float) -> None:
    slack = 3 * math.sqrt(ALARM / PATHS)
    assert share_of_alarms(log_evidence_above, limit, limit) <= ALARM + slack
    assert share_of_alarms(log_evidence_below, limit, limit) <= ALARM + slack


def test_a_fixed_test_looked_at_as_often_would_not_hold() -> None:
    """What the simulation measures is real: the usual bound fails under the same looks."""

    def z_score(events: int, trials: int, limit: float) -> float:
        deviation = math.sqrt(limit * (1 - limit) * trials)
        return LEVEL if (events - limit * trials) / deviation > 1.645 else 0.0

    assert share_of_alarms(z_score, 0.05, 0.05) > 3 * ALARM


@pytest.mark.parametrize(("rate", "limit"), [(0.01, 0.001), (0.03, 0.01), (0.2, 0.05)])
def test_a_rate_beyond_the_limit_is_noticed(rate: float, limit: float) -> None:
    assert share_of_alarms(log_evidence_above, rate, limit) > 0.95


@pytest.mark.parametrize(("rate", "limit"), [(0.0, 0.01), (0.001, 0.01), (0.005, 0.03)])
def test_a_rate_below_the_limit_is_noticed(rate: float, limit: float) -> None:
    assert share_of_alarms(log_evidence_below, rate, limit) > 0.95


def test_the_capital_stays_fair_where_the_claim_holds() -> None:
    """The mean of the capital after any number of trials is 1: nothing can be won in the mean."""
    for trials in (1, 5, 40):
        for evidence, limit in ((log_evidence_above, 0.3), (log_evidence_below, 0.3)):
            mean = sum(
                math.comb(trials, k)
                * limit**k
                * (1 - limit) ** (trials - k)
                * math.exp(evidence(k, trials, limit))
                for k in range(trials + 1)
            )
            assert mean == pytest.approx(1)


def test_failures_that_both_have_alike_are_no_evidence_and_those_of_green_alone_are() -> None:
    random = np.random.default_rng(5)
    alarms = 0
    for _ in range(300):
        capitals = no_shares()
        alarmed = False
        for _ in range(60):
            failures = int(random.poisson(3))
            capitals = add_failures(capitals, failures, int(random.binomial(failures, 0.1)), 0.1)
            alarmed = alarmed or log_evidence_of_share(capitals) >= LEVEL
        alarms += alarmed
    assert alarms / 300 <= ALARM + 3 * math.sqrt(ALARM / 300)
    alone = add_failures(no_shares(), 4, 4, 0.1)
    assert log_evidence_of_share(alone) > math.log(300)


def test_a_share_of_nothing_or_of_all_says_nothing() -> None:
    assert add_failures(no_shares(), 0, 0, 0.1) == no_shares()
    assert add_failures(no_shares(), 3, 3, 1.0) == no_shares()
