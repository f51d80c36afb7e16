"""Requests to a local OANDA."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pipelines.core.calendar import interval_of
from pipelines.sources.base import Answer, Request
from pipelines.sources.oanda import Oanda
from tests.sources.news_requests import NOW, QUICK, Clock, at


def build_source(clock: Clock | None = None) -> Oanda:
    clock = clock or Clock()
    return Oanda(QUICK, clock.sleep, clock.now)


def request(
    start: str = "2026-11-18T10:00",
    end: str = "2026-11-18T11:00",
    interval: str = "1m",
    symbols: tuple[str, ...] = ("EUR_USD",),
    as_of: datetime = NOW,
) -> Request:
    return Request(symbols, interval_of(interval), at(start), at(end), as_of)


def fetch(bars_request: Request | None = None, source: Oanda | None = None) -> list[Answer]:
    return list((source or build_source()).fetch(bars_request or request()))


def read_bars(answers: list[Answer]) -> list[dict[str, Any]]:
    return [bar for answer in answers for bar in build_source().parse(answer).bars.to_pylist()]


def read_rejects(answers: list[Answer]) -> list[tuple[int, str]]:
    """The row and reason of each reject."""
    rows = [r for a in answers for r in build_source().parse(a).rejects.to_pylist()]
    return [(row["row"], row["reason"]) for row in rows]
