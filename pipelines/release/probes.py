"""Requests to score, of the newest bars that blue has: callers' own are not written down."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import httpx
import orjson

SYMBOLS = 5  # of each forecast
COLUMNS = ("ts", "open", "high", "low", "close", "volume")
DECISIONS = ("action", "signal")  # fields that say what to do


@dataclass(frozen=True)
class Probe:
    """A request to score the newest bars of a symbol."""

    path: str
    body: bytes


def read_probes(client: httpx.Client) -> list[Probe]:
    """Return what blue can score; nothing where it cannot say which bars it has."""
    try:
        listing = client.get("/forecasts").raise_for_status().json()
        return [
            probe
            for forecast in listing["forecasts"]
            for symbol in forecast["symbols"][:SYMBOLS]
            if (probe := _probe(client, forecast, symbol, listing["data_source"]))
        ]
    except (httpx.HTTPError, ValueError, KeyError, TypeError):
        return []


def _probe(
    client: httpx.Client, forecast: Mapping[str, Any], symbol: str, source: str
) -> Probe | None:
    series = {"symbol": symbol, "interval": forecast["interval"], "source": source}
    answer = client.get("/bars/history", params=series | {"limit": forecast["look_back"] + 1})
    if not answer.is_success:
        return None
    rows = sorted(answer.json()["rows"], key=lambda row: str(row["ts"]))
    bars = [{name: row[name] for name in COLUMNS} for row in rows]
    body = {"symbol": symbol, "interval": forecast["interval"], "bars": bars}
    probe = Probe(f"/forecasts/{forecast['name']}/predict", orjson.dumps(body))
    return probe if post(client, probe).is_success else None


def post(client: httpx.Client, probe: Probe) -> httpx.Response:
    """Send a request to score."""
    return client.post(probe.path, content=probe.body, headers={"content-type": "application/json"})


def decisions_of(body: bytes) -> list[str]:
    """Return what an answer says to do, and nothing else of it: models differ in all numbers."""
    try:
        return [str(value) for value in _values(orjson.loads(body))]
    except orjson.JSONDecodeError:
        return []


def _values(content: Any) -> Iterator[Any]:
    if isinstance(content, dict):
        for name, value in content.items():
            if name in DECISIONS and not isinstance(value, dict | list):
                yield value
            else:
                yield from _values(value)
    elif isinstance(content, list):
        for item in content:
            yield from _values(item)
