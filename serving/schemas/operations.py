"""Answers about the platform's own work: runs, checks, rejected rows, gaps, the lake, quotas."""

from __future__ import annotations

from datetime import date, datetime

from pydantic import Field

from pipelines.contracts.gold import AUDITS, CHECKS, RUNS
from pipelines.contracts.silver import GAPS, QUARANTINE
from serving.schemas.answers import Answer, Page
from serving.schemas.fields import table_field

DAG = Field(description="id of the Airflow DAG that runs this step; null where none is known")


class Run(Answer):
    """A row of gold.runs."""

    run: str = table_field(RUNS, "run")
    step: str = table_field(RUNS, "step")
    source: str = table_field(RUNS, "source")
    about: str = table_field(RUNS, "about")
    interval_start: datetime = table_field(RUNS, "interval_start")
    interval_end: datetime = table_field(RUNS, "interval_end")
    status: str = table_field(RUNS, "status")
    counts: str = table_field(RUNS, "counts")
    message: str | None = table_field(RUNS, "message")
    finished_at: datetime = table_field(RUNS, "finished_at")
    batch: int = table_field(RUNS, "batch")


class Runs(Page):
    """What each step did, the newest first."""

    rows: list[Run]


class Check(Answer):
    """The newest verdict of a check."""

    table_name: str = table_field(CHECKS, "table_name")
    check: str = table_field(CHECKS, "check")
    kind: str = table_field(CHECKS, "kind")
    passed: bool = table_field(CHECKS, "passed")
    rows_checked: int = table_field(CHECKS, "rows_checked")
    offenders: int = table_field(CHECKS, "offenders")
    examples: str = table_field(CHECKS, "examples")
    detail: str = table_field(CHECKS, "detail")
    checked_at: datetime = table_field(CHECKS, "checked_at")


class Checks(Page):
    """The newest verdict of each check, those that did not pass first."""

    rows: list[Check]


class Audit(Answer):
    """What one check of the newest audit found."""

    check: str = table_field(AUDITS, "check")
    forecast: str = table_field(AUDITS, "forecast")
    source: str = table_field(AUDITS, "source")
    seed: int = table_field(AUDITS, "seed")
    rows_checked: int = table_field(AUDITS, "rows_checked")
    rows_left_out: int = table_field(AUDITS, "rows_left_out")
    differences: int = table_field(AUDITS, "differences")
    first_difference: str | None = table_field(AUDITS, "first_difference")
    seconds: float = table_field(AUDITS, "seconds")
    audited_at: datetime = table_field(AUDITS, "audited_at")
    run: str = table_field(AUDITS, "run")


class Audits(Page):
    """The checks of the newest audit, those with differences first; empty before the first."""

    rows: list[Audit]


class QuarantineCount(Answer):
    """How many rows were rejected for one reason, and the newest of them."""

    source: str = table_field(QUARANTINE, "source")
    dataset: str | None = table_field(QUARANTINE, "dataset")
    reason: str = table_field(QUARANTINE, "reason")
    rejected: int = Field(description="how many rows were rejected")
    symbols: int = Field(description="of how many symbols")
    newest_at: datetime = Field(description="when the newest of them arrived [UTC]")
    newest_symbol: str | None = Field(description="symbol of the newest of them")
    newest_ts: datetime | None = Field(description="time that the newest of them is about [UTC]")
    newest_detail: str = Field(description="why the newest was rejected, in a sentence")
    newest_original: str = Field(description="the newest as it came, as JSON; show it as text")


class QuarantineCounts(Page):
    """Rejected rows by dataset, source and reason."""

    rows: list[QuarantineCount]


class SeriesGaps(Answer):
    """Bars that a series lacks."""

    source: str = table_field(GAPS, "source")
    symbol: str = table_field(GAPS, "symbol")
    interval: str = table_field(GAPS, "interval")
    sessions: int = Field(description="how many sessions lack bars")
    expected: int = Field(description="bars that the calendar has in these sessions")
    missing: int = Field(description="of these, not in silver")
    first_session: date = Field(description="first session that lacks bars")
    last_session: date = Field(description="last session that lacks bars")


class Gaps(Page):
    """Series with bars missing, by how many they are."""

    rows: list[SeriesGaps]


class StepState(Answer):
    """When a step last ended well, when it last failed, and whether it is late."""

    step: str = table_field(RUNS, "step")
    source: str = table_field(RUNS, "source")
    about: str = table_field(RUNS, "about")
    dag: str | None = DAG
    last_success: datetime | None = Field(
        description="when it last ended well or warned; null where it never did, or where the "
        "step records nothing but failures [UTC]"
    )
    age_minutes: int | None = Field(description="whole minutes since then")
    last_message: str | None = Field(description="what it said then, in words")
    last_failure: datetime | None = Field(description="when it last failed [UTC]")
    failure_message: str | None = Field(description="why it failed, in words")
    failing: bool = Field(description="true: the last time it ran, it failed")
    due_at: datetime | None = Field(
        description="what it should have brought by now reaches to here; null where it follows no "
        "calendar [UTC]"
    )
    late: bool | None = Field(
        description="true: it has not reached `due_at`; null where it follows no calendar, or "
        "never ran"
    )


class Steps(Page):
    """Every step by what it is about: late and failing ones first."""

    rows: list[StepState]


class LakeTable(Answer):
    """How much a table of the lake holds."""

    table: str = Field(description="schema and name of the table")
    rows: int = Field(description="rows of the newest snapshot")
    catalog_rows: int = Field(description="of these, in the catalog until they are compacted")
    files: int = Field(description="files of the newest snapshot, those of deletions included")
    bytes: int = Field(description="size of these files [bytes]")


class LakeTables(Page):
    """The tables of the lake, the largest first, and its snapshots."""

    snapshots: int = Field(description="how many snapshots can be read")
    oldest_snapshot: int = Field(description="number of the oldest of them")
    oldest_snapshot_at: datetime = Field(description="when that was committed [UTC]")
    newest_snapshot_at: datetime = Field(description="when the newest was committed [UTC]")
    rows: list[LakeTable]


class OwnRows(Answer):
    """Rows that no lake is read for, in one page."""

    next: None = Field(description="always null: there is one page")


class QuotaUsage(Answer):
    """What is used of one limit of a source."""

    source: str = Field(description="source whose provider counts requests")
    limit: str = Field(description="how many requests in which time")
    used: int = Field(description="requests that count now")
    left: int = Field(description="requests that may still be sent now")
    resets_at: datetime | None = Field(
        description="when the oldest of them no longer counts; null where none counts [UTC]"
    )


class Quotas(OwnRows):
    """Limits of sources; no row where this machine has not counted any request."""

    rows: list[QuotaUsage]


class RouteLatency(Answer):
    """How long the answers of a route took lately."""

    route: str = Field(description="path of the route, as the documentation has it")
    requests: int = Field(description="requests of the last five minutes, up to 2000")
    p50_ms: float = Field(description="time in which half of them were answered [ms]")
    p99_ms: float = Field(description="time in which 99 of 100 of them were answered [ms]")


class Latencies(OwnRows):
    """Routes that were asked lately, the slowest first; this process of the API alone."""

    rows: list[RouteLatency]


class ReleaseRow(Answer):
    """A release of the API: a process with its code and models, and what became of it."""

    release: int = Field(description="number of the release")
    place: str = Field(description="first or second: which of the two processes it is")
    state: str = Field(description="starting, trial, serving, withdrawn or replaced")
    code: str = Field(description="its code: a folder, or the name of an image")
    models: str = Field(
        description="versions that it serves; empty: those that the lake decides on"
    )
    started_at: datetime = Field(description="when it was started [UTC]")
    decided_at: datetime | None = Field(description="when it was promoted or withdrawn [UTC]")
    reason: str = Field(description="why it was promoted or withdrawn, or what was seen so far")


class ReleaseRows(OwnRows):
    """The releases, the newest first."""

    rows: list[ReleaseRow]
