"""The 99th percentile of the latest requests."""

from __future__ import annotations

from serving.state.latency import CAPACITY, ENOUGH, LatencyWindow


def test_too_few_requests_have_no_percentile() -> None:
    window = LatencyWindow()
    for _ in range(ENOUGH - 1):
        window.add(0.01)
    assert window.p99() is None
    window.add(0.01)
    assert window.p99() == 10.0


def test_one_slow_request_of_a_hundred_is_above_the_percentile() -> None:
    window = LatencyWindow()
    for milliseconds in range(1, 101):
        window.add(milliseconds / 1000)
    assert window.p99() == 99.0


def test_the_oldest_requests_are_dropped() -> None:
    window = LatencyWindow()
    for _ in range(CAPACITY):
        window.add(1.0)
    for _ in range(CAPACITY):
        window.add(0.001)
    assert window.p99() == 1.0


def test_the_summary_needs_one_request() -> None:
    window = LatencyWindow()
    assert window.summary() is None
    for milliseconds in range(1, 101):
        window.add(milliseconds / 1000)
    assert window.summary() == (100, 50.0, 99.0)
