"""What the platform did, over HTTP: each route says what the tables have, and nothing older."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from pipelines.core.state_folder import state_folder
from pipelines.lake import Lake
from pipelines.release.records import change_releases
from pipelines.sources.quota import Limit, Quota
from pipelines.steps.lake import open_lake
from serving.http.formats import CSV
from serving.schemas.operations import (
    Audits,
    Checks,
    Gaps,
    LakeTables,
    Latencies,
    QuarantineCounts,
    Quotas,
    ReleaseRows,
    Runs,
    Steps,
)
from tests.lake_rows import replace_series
from tests.serving.operation_rows import (
    AT,
    audit_row,
    check_row,
    gap_row,
    rejected_row,
    run_row,
    write,
)
from tests.serving.scored_api import NIGHT, api_at, lake_of, problem, wait_until

EARLIER = AT - timedelta(hours=1)
ROUTES = {
    "runs": Runs, "checks": Checks, "audits": Audits, "quarantine": QuarantineCounts,
    "gaps": Gaps, "steps": Steps, "lake": LakeTables, "quotas": Quotas, "latency": Latencies,
    "releases": ReleaseRows,
}  # fmt: skip


@pytest.fixture
def own_lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lake]:
    """A lake without a row, that the API reads as well."""
    monkeypatch.setenv("BULLION_LAKE_CATALOG", f"sqlite:{tmp_path}/catalog.sqlite")
    monkeypatch.setenv("BULLION_LAKE_DATA", f"{tmp_path}/files")
    with open_lake() as lake:
        yield lake


@pytest.fixture
def own_api(own_lake: Lake, tmp_path: Path) -> Iterator[TestClient]:
    with api_at(tmp_path, NIGHT) as client:
        wait_until(lambda: client.get("/operations/lake").is_success)
        yield client


def rows_of(client: TestClient, route: str) -> list[Any]:
    name = route.partition("?")[0]
    answer = client.get(f"/operations/{route}")
    assert answer.status_code == 200, answer.text
    return list(ROUTES[name].model_validate_json(answer.text).rows)  # type: ignore[attr-defined]


def test_a_lake_in_which_nothing_happened_has_no_rows(own_api: TestClient) -> None:
    for route in ("runs", "checks", "audits", "quarantine", "gaps"):
        assert rows_of(own_api, route) == []
    assert all(row.last_success is None and row.late is None for row in rows_of(own_api, "steps"))
    assert all(row.rows == 0 for row in rows_of(own_api, "lake") if row.table[:4] != "meta")


def test_runs_are_listed_the_newest_first_by_step_and_status(
    own_api: TestClient, own_lake: Lake
) -> None:
    rows = [
        run_row("ingest", "nasdaq100_hourly", "warned", finished_at=EARLIER, message="2 are old"),
        run_row("ingest", "aapl_daily"),
        run_row("score", "nasdaq100_hourly", "failed", message="no model"),
    ]
    write(own_lake, "gold.runs", rows)
    listed = rows_of(own_api, "runs")
    assert [row.finished_at for row in listed] == [AT, AT, EARLIER]
    assert {row.about for row in rows_of(own_api, "runs?step=ingest")} == {
        "nasdaq100_hourly", "aapl_daily",
    }  # fmt: skip
    assert [row.message for row in rows_of(own_api, "runs?status=failed")] == ["no model"]
    pages, cursor = [], ""
    while cursor is not None:
        page = own_api.get(f"/operations/runs?limit=1{cursor and '&cursor=' + cursor}").json()
        pages += page["rows"]
        cursor = page["next"]
    assert pages == own_api.get("/operations/runs").json()["rows"]
    assert problem(own_api.get("/operations/runs?status=bad")).field == "status"


def test_the_newest_audit_is_listed_what_differs_first(own_api: TestClient, own_lake: Lake) -> None:
    write(own_lake, "gold.audits", [audit_row("times", 7, run="earlier")])
    write(own_lake, "gold.audits", [audit_row("answers", 0), audit_row("requests", 2)])
    rows = rows_of(own_api, "audits")
    assert [(row.check, row.differences, row.run) for row in rows] == [
        ("requests", 2, "weekly"), ("answers", 0, "weekly"),
    ]  # fmt: skip
    assert [row.first_difference for row in rows] == ["a row differs", None]


def test_a_check_shows_its_newest_verdict(own_api: TestClient, own_lake: Lake) -> None:
    long_ago = AT - timedelta(days=31)
    old = [
        check_row("silver.bars", "unique_key", False, checked_at=EARLIER),
        check_row("silver.gaps", "gap_counts", True, checked_at=EARLIER),
        check_row("gold.gone", "unique_key", False, checked_at=long_ago),
    ]
    write(own_lake, "gold.checks", old)
    new = [
        check_row("silver.bars", "unique_key", True),
        check_row("silver.gaps", "gap_counts", False),
    ]
    write(own_lake, "gold.checks", new)
    verdicts = {(row.table_name, row.check): row.passed for row in rows_of(own_api, "checks")}
    assert verdicts == {("silver.gaps", "gap_counts"): False, ("silver.bars", "unique_key"): True}
    assert rows_of(own_api, "checks")[0].table_name == "silver.gaps"
    assert [row.table_name for row in rows_of(own_api, "checks?passed=true")] == ["silver.bars"]
    assert [row.offenders for row in rows_of(own_api, "checks?passed=false")] == [2]


def test_quarantine_counts_by_reason_with_the_newest_example(
    own_api: TestClient, own_lake: Lake
) -> None:
    rows = [
        rejected_row("AAPL", "high_low", EARLIER),
        rejected_row("NVDA", "high_low", AT),
        rejected_row("NVDA", "not_a_number", EARLIER, ts=None),
        rejected_row("NVDA", "high_low", EARLIER, dataset=None),
    ]
    write(own_lake, "silver.quarantine", rows)
    listed = {(row.dataset, row.reason): row for row in rows_of(own_api, "quarantine")}
    assert {key: row.rejected for key, row in listed.items()} == {
        ("bars", "high_low"): 2, ("bars", "not_a_number"): 1, (None, "high_low"): 1,
    }  # fmt: skip
    newest = listed["bars", "high_low"]
    assert (newest.symbols, newest.newest_symbol, newest.newest_at) == (2, "NVDA", AT)
    assert newest.newest_detail == "NVDA at 21:00"
    text = own_api.get("/operations/quarantine", headers={"Accept": CSV}).text
    assert '"\'=1+1"' in text, "a spreadsheet must not compute what a source sent"


def test_gaps_are_summed_by_series(own_api: TestClient, own_lake: Lake) -> None:
    rows = [
        gap_row("AAPL", "2026-08-27", 2), gap_row("AAPL", "2026-08-28", 3),
        gap_row("NVDA", "2026-08-28", 7),
    ]  # fmt: skip
    write(own_lake, "silver.gaps", rows)
    nvda, aapl = rows_of(own_api, "gaps")
    assert (nvda.symbol, nvda.missing, nvda.sessions) == ("NVDA", 7, 1)
    assert (aapl.missing, aapl.expected, aapl.sessions) == (5, 14, 2)
    assert (str(aapl.first_session), str(aapl.last_session)) == ("2026-08-27", "2026-08-28")


def test_what_was_answered_once_follows_the_lake(own_api: TestClient, own_lake: Lake) -> None:
    assert rows_of(own_api, "gaps") == []
    first = own_api.get("/operations/gaps")
    same = own_api.get("/operations/gaps", headers={"If-None-Match": first.headers["etag"]})
    assert same.status_code == 304
    write(own_lake, "silver.gaps", [gap_row("AAPL", "2026-08-27", 2)])
    assert len(rows_of(own_api, "gaps")) == 1


def test_the_lake_is_counted_as_queries_count_it(own_api: TestClient, own_lake: Lake) -> None:
    snapshot = replace_series(own_lake, ["AAA", "BBB"])
    body = LakeTables.model_validate_json(own_api.get("/operations/lake").text)
    rows = {row.table: row for row in body.rows}
    assert (rows["silver.series"].rows, rows["silver.series"].catalog_rows) == (2, 2)
    assert set(rows) == {table.full_name for table in own_lake.tables}
    assert body.snapshot == snapshot == body.oldest_snapshot + body.snapshots - 1
    assert body.oldest_snapshot_at < body.newest_snapshot_at
    headers = own_api.get("/operations/lake", headers={"Accept": CSV}).headers
    assert headers["x-bullion-snapshots"] == str(body.snapshots)


def test_steps_say_how_each_last_ended(own_api: TestClient, own_lake: Lake) -> None:
    rows = [
        run_row("ingest", "aapl_daily", finished_at=EARLIER),
        run_row("ingest", "aapl_daily", "failed", message="the source is down"),
    ]
    write(own_lake, "gold.runs", rows)
    wait_until(lambda: rows_of(own_api, "steps")[0].failing)
    first = rows_of(own_api, "steps")[0]
    assert (first.step, first.about, first.dag) == ("ingest", "aapl_daily", "ingest_aapl_daily")
    assert (first.last_success, first.last_failure) == (EARLIER, AT)
    assert first.failure_message == "the source is down"
    assert first.age_minutes == (NIGHT - EARLIER).total_seconds() / 60


def test_a_step_is_late_by_what_it_reached_and_not_by_when_it_ran(
    own_api: TestClient, own_lake: Lake
) -> None:
    last_close = AT - timedelta(hours=1)
    backfill = run_row("ingest", "aapl_daily", interval_end=last_close - timedelta(days=9))
    write(own_lake, "gold.runs", [backfill, run_row("ingest", "nvda_5m", interval_end=last_close)])
    late = {row.about: row.late for row in rows_of(own_api, "steps") if row.step == "ingest"}
    assert (late["aapl_daily"], late["nvda_5m"]) == (True, False)


def test_quotas_are_empty_until_a_request_is_counted(own_api: TestClient) -> None:
    assert rows_of(own_api, "quotas") == []
    Quota("gdelt", [Limit(1, 7.0)]).take()
    assert state_folder().joinpath("quotas.sqlite").exists()
    used = {row.source: row.used for row in rows_of(own_api, "quotas")}
    assert used["gdelt"] == 1


def test_latency_lists_the_routes_that_were_asked(api: TestClient) -> None:
    api.get("/models/decisions")
    rows = {row.route: row for row in rows_of(api, "latency")}
    row = rows["/models/decisions"]
    assert row.requests >= 1
    assert 0 < row.p50_ms <= row.p99_ms


def test_trainings_and_runs_of_a_real_lake_are_steps(api: TestClient) -> None:
    rows = {(row.step, row.about): row for row in rows_of(api, "steps")}
    trained = rows["train", "nasdaq100_hourly"]
    (decided_at,) = lake_of(api).rows(
        "SELECT min(decided_at) FROM gold.model_decisions WHERE forecast = 'nasdaq100_hourly'"
    )[0]
    assert trained.last_success == decided_at
    assert trained.dag == "train_nasdaq100_hourly"
    assert rows["score", "nasdaq100_hourly"].late is False
    assert rows["ingest_news", "sp500"].dag == "ingest_news_sp500"


def test_a_key_is_needed_once_there_is_one(client_with_key: TestClient) -> None:
    for route in ROUTES:
        assert client_with_key.get(f"/operations/{route}").status_code == 401, route


def test_releases_are_listed_with_their_reason_and_without_the_paths_of_this_machine(
    own_api: TestClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BULLION_RELEASE_FOLDER", str(tmp_path / "release"))
    assert rows_of(own_api, "releases") == []
    with change_releases() as releases:
        release = releases.add(code="/home/someone/bullion-7", models="", started_at=1.0)
        release.state, release.reason = "serving", "the first release: it serves everybody"
        releases.add(code="/home/someone/bullion-8", models="spy_next_day=2", started_at=2.0)
    newest, first = rows_of(own_api, "releases")
    assert (newest.release, newest.place, newest.code) == (2, "second", "bullion-8")
    assert (newest.models, newest.decided_at) == ("spy_next_day=2", None)
    assert (first.state, first.reason) == ("serving", "the first release: it serves everybody")
    assert "someone" not in own_api.get("/operations/releases").text
