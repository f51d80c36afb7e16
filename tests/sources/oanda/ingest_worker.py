"""Ingest hours from a local OANDA in a process that can be killed; each answer is committed.

python -m tests.sources.oanda.ingest_worker 2021-11-20 2026-11-20
"""

from __future__ import annotations

import importlib
import sys

from pipelines import steps
from pipelines.core.calendar import interval_of
from pipelines.sources.oanda import Oanda
from pipelines.steps.lake import open_lake
from tests.sources.news_requests import QUICK, at


def main(first: str, last: str) -> None:
    vars(importlib.import_module("pipelines.steps.data.ingest"))["COMMIT_SECONDS"] = 0.0
    progress: list[tuple[int, int]] = []
    with open_lake() as lake:
        report = steps.ingest(
            lake, Oanda(QUICK), ("EUR_USD",), interval_of("1h"), at(first), at(last),
            progress=lambda _, done, total: progress.append((done, total)),
        )  # fmt: skip
    print(report.resumed, report.counts["accepted"], *progress[-1])


if __name__ == "__main__":
    main(*sys.argv[1:])
