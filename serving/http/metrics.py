"""Counters of the API: requests, their durations, WebSockets and the age of signals."""

from __future__ import annotations

from fastapi import Request
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from serving.state.latency import LatencyWindow

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)

STREAM_GAUGES = {
    "live": "1: prices come",
    "reconnects": "Connections after the first, since the stream started",
    "lag_seconds": "From a price's own time to its receipt",
    "bars": "Bars committed since the stream started",
    "waiting_bars": "Bars closed and not committed yet",
    "bar_delay_seconds": "From a bar's close to its commit",
    "broken_minutes": "Minutes left to the source's own bars",
    "late_prices": "Prices of minutes that were closed already",
    "garbage": "Lines of the provider that were no messages",
}


class Metrics:
    """What Prometheus reads, and the p99 that health looks at."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "bullion_requests", "Answers", ("route", "status"), registry=self.registry
        )
        self._seconds = Histogram(
            "bullion_request_seconds", "Time to answer", ("route",), buckets=BUCKETS,
            registry=self.registry,
        )  # fmt: skip
        self.snapshot = Gauge("bullion_snapshot", "Snapshot served", registry=self.registry)
        self.age = Gauge(
            "bullion_signal_age_seconds", "Since the signal's bar closed",
            ("forecast", "universe"), registry=self.registry,
        )  # fmt: skip
        self.stale = Gauge(
            "bullion_signal_stale", "1: stale", ("forecast", "universe"), registry=self.registry
        )
        self.signal_delay = Gauge(
            "bullion_signal_delay_seconds", "From the bar's close to the signal written",
            ("forecast", "universe"), registry=self.registry,
        )  # fmt: skip
        self.prediction_delay = Gauge(
            "bullion_prediction_delay_seconds", "From the bar's close to the prediction written",
            ("forecast", "target"), registry=self.registry,
        )  # fmt: skip
        self.sockets = Gauge("bullion_sockets", "WebSockets open", registry=self.registry)
        self.dropped_sockets = Counter(
            "bullion_sockets_dropped", "WebSockets that were too slow", registry=self.registry
        )
        self.stream = {
            name: Gauge(f"bullion_stream_{name}", meaning, ("source",), registry=self.registry)
            for name, meaning in STREAM_GAUGES.items()
        }
        self.price = Gauge(
            "bullion_stream_price", "Newest live price", ("source", "symbol"),
            registry=self.registry,
        )  # fmt: skip
        self._children: dict[tuple[str, int], tuple[Counter, Histogram]] = {}
        self.recent = LatencyWindow()
        self._routes: dict[str, LatencyWindow] = {}

    def count_request(self, route: str, status: int, seconds: float) -> None:
        """Count a request, and how long it took."""
        child = self._children.get((route, status))
        if child is None:  # finding them by name takes longer than counting
            child = self._requests.labels(route, status), self._seconds.labels(route)
            self._children[route, status] = child
        child[0].inc()
        child[1].observe(seconds)
        self.recent.add(seconds)
        self._routes.setdefault(route, LatencyWindow()).add(seconds)

    def latencies(self) -> list[tuple[str, int, float, float]]:
        """Return each route asked lately: requests, p50 and p99 in ms; the slowest first."""
        summaries = [(route, window.summary()) for route, window in tuple(self._routes.items())]
        rows = [(route, *summary) for route, summary in summaries if summary]
        return sorted(rows, key=lambda row: (-row[3], row[0]))


def metrics_of(request: Request) -> Metrics:
    """Return the metrics of the app that answers a request."""
    metrics: Metrics = request.app.state.metrics
    return metrics
