"""kill -9 over an ingest, again and again: nothing torn, nothing lost, and the rest repeats."""

from __future__ import annotations

import random
import time

from pipelines.core.settings import Settings
from pipelines.lake import Lake
from pipelines.lake.compaction import compact
from pipelines.lake.verification import verify
from pipelines.steps.lake import open_lake
from tests.job_server import Jobs
from tests.lake_jobs import DAYS, VERSIONS, ingest_day

COMPARED = {
    "silver.bars": "* EXCLUDE (batch)",
    "silver.gaps": "* EXCLUDE (batch)",
    "silver.series": "* EXCLUDE (batch)",
    "silver.quarantine": "* EXCLUDE (batch, received_at)",
    "bronze.bars": "* EXCLUDE (batch, received_at)",
}


def read_content(lake: Lake) -> dict[str, list[tuple[object, ...]]]:
    """All rows, but for when and in which commit they came."""
    with lake.view() as view:
        return {
            name: view.rows(f"SELECT DISTINCT {columns} FROM {name} ORDER BY ALL")
            for name, columns in COMPARED.items()
        }


def find_torn(lake: Lake) -> list[str]:
    """What a commit left half done: its tables must agree on which commits there were."""
    with lake.view() as view:
        runs = {batch for (batch,) in view.rows("SELECT batch FROM gold.runs")}
        answers = {batch for (batch,) in view.rows("SELECT DISTINCT batch FROM bronze.answers")}
        silver = {batch for (batch,) in view.rows("SELECT DISTINCT batch FROM silver.bars")}
        days = view.rows("SELECT session, count(*) FROM silver.bars GROUP BY 1 ORDER BY 1")
    problems = [] if runs == answers else [f"runs {runs} and answers {answers} differ"]
    problems += [] if silver <= runs else [f"bars of {silver - runs} have no run"]
    return problems + [f"{day} has {count} bars" for day, count in days if count != days[0][1]]


def run_undisturbed(config: Settings) -> dict[str, list[tuple[object, ...]]]:
    with open_lake(config) as lake:
        for day in DAYS:
            for version in range(VERSIONS):
                ingest_day(lake, day, version)
        return read_content(lake)


def torture(jobs: Jobs, rounds: int, seed: int, *, compact_every: int = 0) -> float:
    """Start the ingest and kill it, `rounds` times; seconds a round. The lake is left whole."""
    draw, start = random.Random(seed), time.monotonic()
    jobs.run("make")
    with open_lake() as lake:
        for number in range(1, rounds + 1):
            job = jobs.start("ingest")
            time.sleep(draw.uniform(0.05, 1.2))
            job.kill()
            assert find_torn(lake) == [], f"round {number}"
            if compact_every and number % compact_every == 0:
                compact(lake)
                assert verify(lake).problems == [], f"round {number}"
        seconds = (time.monotonic() - start) / rounds
        assert verify(lake).problems == []
        jobs.run("ingest")
        assert find_torn(lake) == []
        assert verify(lake).problems == []
    return seconds
