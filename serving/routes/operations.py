"""Routes of the platform's own work: what ran, what failed, what is late, and what it costs."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

import pyarrow as pa
import pyarrow.compute as pc
from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from pipelines.contracts.gold import RUNS
from pipelines.core.calendar import UTC_TYPE
from pipelines.lake import View
from pipelines.lake.contents import count_contents, read_snapshots
from pipelines.release.records import read_releases
from pipelines.sources.quota import has_counts, read_usages
from serving.http.computed import read_once
from serving.http.dependencies import PATTERN, CurrentCache, NewestView
from serving.http.formats import preferred_format
from serving.http.keys import read_access
from serving.http.metrics import metrics_of
from serving.http.page_response import FORMS, ONE_PAGE, page_response
from serving.http.paging import HistoryTable, read_page
from serving.routes.history import RangeFilters
from serving.schemas.operations import (
    Audits,
    Checks,
    Gaps,
    LakeTables,
    Latencies,
    QuarantineCounts,
    Quotas,
    ReleaseRows,
    Run,
    Runs,
    Steps,
)
from serving.state.steps import describe_steps, read_steps

router = APIRouter(prefix="/operations", tags=["operations"], dependencies=[read_access])

RUN_ROWS = HistoryTable(
    "gold.runs",
    tuple(Run.model_fields),
    ("finished_at", "batch", "step", "run", "about", "source"),
    has_bars=False,
)
# A check that no run has made for so long is of a table or a series that is gone.
CHECKS = """
    SELECT table_name, "check", kind, passed, rows_checked, offenders, examples, detail, checked_at
    FROM gold.checks
    WHERE checked_at > (SELECT max(checked_at) FROM gold.checks) - INTERVAL 30 DAYS
    QUALIFY row_number() OVER (
        PARTITION BY table_name, "check" ORDER BY checked_at DESC, batch DESC) = 1
    ORDER BY passed, kind, 1, 2"""
# The newest audit: what each of its checks found.
AUDITS = """
    SELECT "check", forecast, source, seed, rows_checked, rows_left_out, differences,
           first_difference, seconds, audited_at, run
    FROM gold.audits WHERE batch = (SELECT max(batch) FROM gold.audits)
    ORDER BY differences > 0 DESC, 1, 2, 3"""
QUARANTINE = """
    SELECT source, dataset, reason, count(*) AS rejected, count(DISTINCT symbol) AS symbols,
           max(received_at) AS newest_at, n.symbol AS newest_symbol, n.ts AS newest_ts,
           n.detail AS newest_detail, n.original AS newest_original
    FROM (SELECT *, first_value({'symbol': symbol, 'ts': ts, 'detail': detail,
                                 'original': original}) OVER (
              PARTITION BY source, dataset, reason
              ORDER BY received_at DESC, batch DESC, "row" DESC) AS n
          FROM silver.quarantine)
    GROUP BY source, dataset, reason, n ORDER BY rejected DESC, source, dataset, reason"""
GAPS = """
    SELECT source, symbol, "interval", count(*) AS sessions,
           CAST(sum(expected) AS BIGINT) AS expected, CAST(sum(missing) AS BIGINT) AS missing,
           min(session) AS first_session, max(session) AS last_session
    FROM silver.gaps GROUP BY source, symbol, "interval"
    ORDER BY missing DESC, 1, 2, 3"""
LAKE_SCHEMA = pa.schema(
    [
        ("table", pa.string()),
        *((name, pa.int64()) for name in ("rows", "catalog_rows", "files", "bytes")),
    ]
)
QUOTA_SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("source", "limit")),
        *((name, pa.int64()) for name in ("used", "left")),
        ("resets_at", UTC_TYPE),
    ]
)
LATENCY_SCHEMA = pa.schema(
    [
        ("route", pa.string()),
        ("requests", pa.int64()),
        ("p50_ms", pa.float64()),
        ("p99_ms", pa.float64()),
    ]
)
RELEASE_SCHEMA = pa.schema(
    [
        ("release", pa.int64()),
        *((name, pa.string()) for name in ("place", "state", "code", "models")),
        *((name, UTC_TYPE) for name in ("started_at", "decided_at")),
        ("reason", pa.string()),
    ]
)
FOREIGN = ("newest_symbol", "newest_detail", "newest_original")


class RunFilters(RangeFilters):
    """Query parameters of the runs."""

    step: str | None = Field(
        None,
        max_length=64,
        pattern=PATTERN,
        description="only runs of this step",
        examples=["score"],
    )
    status: Literal["ok", "warned", "failed"] | None = Field(
        None, description=f"only runs that ended so: {RUNS.column('status').meaning}"
    )


class CheckFilters(BaseModel):
    """Query parameters of the checks."""

    model_config = ConfigDict(extra="forbid")

    passed: bool | None = Field(
        None, description="true: only checks that passed; false: only those that did not"
    )


@router.get("/runs", response_model=Runs, responses=FORMS)
def runs(
    request: Request,
    state: CurrentCache,
    view: NewestView,
    filters: Annotated[RunFilters, Query()],
) -> Response:
    """List what each step did, of all sources: what came in, went out and was rejected."""
    preferred_format(request.headers.get("accept"))  # before the lake is read for nobody
    values = {"step": filters.step, "status": filters.status}
    rows, next_cursor = read_page(view, RUN_ROWS, values, filters, request.app.state.settings)
    return page_response(request, rows, _marks(state, view), next_cursor, ("about", "message"))


@router.get("/checks", response_model=Checks, responses=FORMS)
def checks(
    request: Request,
    state: CurrentCache,
    view: NewestView,
    filters: Annotated[CheckFilters, Query()],
) -> Response:
    """List the newest verdict of each check of the last 30 days."""
    rows = _cached(request, view, "checks", CHECKS)
    if filters.passed is not None:
        rows = rows.filter(pc.equal(rows["passed"], filters.passed))
    return page_response(request, rows, _marks(state, view), None, ("examples", "detail"))


@router.get("/audits", response_model=Audits, responses=ONE_PAGE)
def audits(request: Request, state: CurrentCache, view: NewestView) -> Response:
    """List what the newest audit proved: published rows drawn at random, and those that differ."""
    rows = _cached(request, view, "audits", AUDITS)
    return page_response(request, rows, _marks(state, view), None, ("first_difference", "run"))


@router.get("/quarantine", response_model=QuarantineCounts, responses=ONE_PAGE)
def quarantine(request: Request, state: CurrentCache, view: NewestView) -> Response:
    """Count rejected rows by source, dataset and reason, with the newest example of each."""
    rows = _cached(request, view, "quarantine", QUARANTINE)
    return page_response(request, rows, _marks(state, view), None, FOREIGN)


@router.get("/gaps", response_model=Gaps, responses=ONE_PAGE)
def gaps(request: Request, state: CurrentCache, view: NewestView) -> Response:
    """List the series that lack bars which the calendar has, the most first."""
    rows = _cached(request, view, "gaps", GAPS)
    return page_response(request, rows, _marks(state, view), None)


@router.get("/steps", response_model=Steps, responses=ONE_PAGE)
def steps(request: Request, state: CurrentCache, view: NewestView) -> Response:
    """List when each step last ended well and last failed, and whether it is late.

    A step of a session is late three hours after the close, scoring when its signal is stale.
    """
    preferred_format(request.headers.get("accept"))
    recorded = read_once(request, view, "steps", read_steps)
    rows = describe_steps(recorded, state, request.app.state.clock())
    foreign = ("about", "last_message", "failure_message")
    return page_response(request, rows, _marks(state, view), None, foreign)


@router.get("/lake", response_model=LakeTables, responses=ONE_PAGE)
def lake(request: Request, state: CurrentCache, view: NewestView) -> Response:
    """List the tables of the lake with their rows, files and bytes, and count its snapshots."""
    preferred_format(request.headers.get("accept"))
    kind = request.app.state.reader.lake().kind

    def count(view: View) -> pa.Table:
        rows = [asdict(contents) for contents in count_contents(view, kind)]
        rows.sort(key=lambda row: (-row["bytes"], -row["rows"], row["table"]))
        return pa.Table.from_pylist(rows, LAKE_SCHEMA)

    rows = read_once(request, view, "lake", count)
    snapshots = read_snapshots(view)
    marks = _marks(state, view) | {
        "snapshots": snapshots.count,
        "oldest_snapshot": snapshots.oldest,
        "oldest_snapshot_at": snapshots.oldest_at.astimezone(UTC).isoformat(),
        "newest_snapshot_at": snapshots.newest_at.astimezone(UTC).isoformat(),
    }
    return page_response(request, rows, marks, None)


@router.get("/quotas", response_model=Quotas, responses=ONE_PAGE)
def quotas(request: Request) -> Response:
    """List what is used and left of the requests that each source allows.

    The list is empty where this machine has not counted any request, as in a container of the API.
    """
    rows = [
        {name: getattr(usage, name) for name in QUOTA_SCHEMA.names} | {"limit": str(usage.limit)}
        for usage in (read_usages() if has_counts() else [])
    ]
    return page_response(request, pa.Table.from_pylist(rows, QUOTA_SCHEMA), {}, None)


@router.get("/releases", response_model=ReleaseRows, responses=ONE_PAGE)
def releases(request: Request) -> Response:
    """List the releases of the API, and why each was promoted or withdrawn, the newest first.

    The list is empty where the API was never released behind nginx.
    """
    rows = [
        {name: getattr(row, name) for name in RELEASE_SCHEMA.names if hasattr(row, name)}
        | {"release": row.number, "code": Path(row.code).name}
        | {
            name: datetime.fromtimestamp(at, UTC) if (at := getattr(row, name)) else None
            for name in ("started_at", "decided_at")
        }
        for row in reversed(read_releases().rows)
    ]
    return page_response(request, pa.Table.from_pylist(rows, RELEASE_SCHEMA), {}, None)


@router.get("/latency", response_model=Latencies, responses=ONE_PAGE)
async def latency(request: Request) -> Response:
    """List how long the answers of each route took in the last five minutes."""
    rows = [
        {"route": route, "requests": count, "p50_ms": p50, "p99_ms": p99}
        for route, count, p50, p99 in metrics_of(request).latencies()
    ]
    return page_response(request, pa.Table.from_pylist(rows, LATENCY_SCHEMA), {}, None)


def _marks(state: CurrentCache, view: View) -> dict[str, object]:
    return state.marks | {"snapshot": view.snapshot}


def _cached(request: Request, view: View, name: str, sql: str) -> pa.Table:
    """Return the answer of a query, which runs once for a snapshot."""
    preferred_format(request.headers.get("accept"))  # before the lake is read for nobody
    return read_once(request, view, name, lambda v: v.sql(sql))
