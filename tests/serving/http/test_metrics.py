"""Counters of the API: answers by route and status, and the time that they took."""

from __future__ import annotations

from serving.http.metrics import Metrics


def test_requests_are_counted_by_route_and_status() -> None:
    metrics = Metrics()
    for status, seconds in ((200, 0.002), (200, 0.004), (404, 0.2)):
        metrics.count_request("/signal/index", status, seconds)
    value = metrics.registry.get_sample_value
    route = {"route": "/signal/index"}
    assert value("bullion_requests_total", route | {"status": "200"}) == 2
    assert value("bullion_requests_total", route | {"status": "404"}) == 1
    assert value("bullion_request_seconds_count", route) == 3
    assert value("bullion_request_seconds_bucket", route | {"le": "0.005"}) == 2


def test_all_routes_count_in_the_percentile() -> None:
    metrics = Metrics()
    for n in range(100):
        metrics.count_request(f"/{n % 2}", 200, n / 1000)
    assert metrics.recent.p99() == 98.0


def test_two_apps_count_apart() -> None:
    first, second = Metrics(), Metrics()
    first.dropped_sockets.inc()
    name = "bullion_sockets_dropped_total"
    assert first.registry.get_sample_value(name) == 1
    assert second.registry.get_sample_value(name) == 0


def test_latencies_are_by_route_the_slowest_first() -> None:
    metrics = Metrics()
    assert metrics.latencies() == []
    for route, seconds in (("/quick", 0.001), ("/slow", 0.5), ("/slow", 0.25)):
        metrics.count_request(route, 200, seconds)
    assert metrics.latencies() == [("/slow", 2, 250.0, 500.0), ("/quick", 1, 1.0, 1.0)]
