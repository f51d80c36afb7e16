"""Requests of scheduled runs on the sample market of the last days, and a source with faults."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from pipelines import jobs
from pipelines.core.errors import SourceUnavailable
from pipelines.jobs import RunRequest
from pipelines.sources.base import Answer, Request
from pipelines.sources.sample import Sample
from tests.recent import HOURLY, SESSIONS, list_bars, merge_spans

NAME = HOURLY.name
SYMBOLS = HOURLY.symbols[:4]
BARS = merge_spans(list_bars("1h", SESSIONS[-4][0]))  # of the newest four sessions
NEWEST = BARS[-1]


class FaultySample(Sample):
    """The sample market, down or silent, or without the bars after an instant or of a symbol."""

    def __init__(
        self, fault: str = "", until: datetime | None = None, lacks: str | None = None
    ) -> None:
        super().__init__()
        self.fault, self.until, self.lacks = fault, until, lacks

    def fetch(self, request: Request) -> Iterator[Answer]:
        if self.fault == "down":
            raise SourceUnavailable("the sample does not answer", "try later")
        if self.fault == "silent":
            return iter(())
        if self.until is not None:
            request = replace(request, end=self.until)
        symbols = tuple(s for s in request.symbols if s != self.lacks)
        return super().fetch(replace(request, symbols=symbols)) if symbols else iter(())


def request(run: str, span: tuple[datetime, datetime] = NEWEST, **changes: Any) -> RunRequest:
    """The request of a run over a bar, or a span of bars."""
    fields: dict[str, Any] = {"source": "sample", "symbols": SYMBOLS, "run": run}
    return RunRequest(**{**fields, "start": span[0], "at": span[1], **changes})


def use_faulty_source(monkeypatch: pytest.MonkeyPatch, **faults: Any) -> None:
    """Let jobs bring bars from a sample market with faults."""
    monkeypatch.setattr("pipelines.jobs.bars.source_named", lambda _: FaultySample(**faults))


def bring_and_score(run: RunRequest) -> dict[str, Any]:
    """What the DAG that scores does in a run."""
    jobs.bring_bars(NAME, run)
    return jobs.score(NAME, run)
