"""CSV files of hourly bars, and their upload."""

from __future__ import annotations

from typing import Any

from fastapi.testclient import TestClient

from tests.serving.serving_models import NEEDED, build_request

HEADER = "symbol,ts,open,high,low,close,volume"
UNTIMED = "open,high,low,close,volume"
NAMES = ("ts", "open", "high", "low", "close", "volume")


def rows_of(symbol: str, count: int = NEEDED + 3) -> list[str]:
    bars = build_request(symbol, count=count)["bars"]
    return [",".join([symbol, *(str(bar[name]) for name in NAMES)]) for bar in bars]


def file_of(*rows: str, header: str = HEADER) -> str:
    return "\n".join([header, *rows]) + "\n"


def upload(client: TestClient, content: str | bytes, accept: str = "*/*", query: str = "") -> Any:
    return client.post(f"/predict_batch{query}", content=content, headers={"accept": accept})
