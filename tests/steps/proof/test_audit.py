"""An audit proves drawn rows anew in five ways, keeps what it found, and names what differs."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines.core.errors import CheckFailed, NothingToDo
from pipelines.lake import Lake
from pipelines.registry.mlflow import Registry
from pipelines.steps.lake import open_lake
from pipelines.steps.proof.audit import CHECKS, audit
from tests.steps.proof.proven_lake import copied_lake, settings_of

Opened = tuple[Lake, Registry]


def set_commit_times(folder: Path, lake: Lake) -> None:
    """Let the catalog say that live rows were committed when they say that they were scored."""
    rows = lake.rows("SELECT DISTINCT batch, scored_at FROM gold.predictions WHERE live")
    with sqlite3.connect(folder / "catalog.sqlite") as catalog:
        for batch, scored_at in rows:
            catalog.execute(
                "UPDATE ducklake_snapshot SET snapshot_time = ? WHERE snapshot_id = ?",
                (scored_at.isoformat(sep=" "), batch),
            )
    catalog.close()


@pytest.fixture
def audited(tmp_path: Path) -> Iterator[Opened]:
    """A copy of the lake whose commits have the times of their rows."""
    folder = tmp_path / "copy"
    with copied_lake(folder) as (lake, _):
        set_commit_times(folder, lake)
    with open_lake(settings_of(folder)) as lake:
        yield lake, Registry(folder=folder)


def test_a_sound_lake_passes_and_the_results_are_kept(audited: Opened) -> None:
    lake, registry = audited
    report = audit(lake, registry, rows=16, seed=5, run="test")
    assert report.differences == []
    report.enforce()
    rows = lake.rows(
        """SELECT "check", forecast, seed, rows_checked, differences, first_difference
           FROM gold.audits WHERE run = 'test'"""
    )
    assert {(check, forecast) for check, forecast, *_ in rows} == {
        (check, forecast) for check in CHECKS for forecast in ("nasdaq100_hourly", "sp500_intraday")
    }
    assert {(seed, differences, first) for *_, seed, _, differences, first in rows} == {
        (5, 0, None)
    }
    checked = {(check, forecast): count for check, forecast, _, count, *_ in rows}
    assert all(count > 0 for key, count in checked.items() if key != ("times", "sp500_intraday"))
    (status, counts) = lake.rows("SELECT status, counts FROM gold.runs WHERE step = 'audit'")[0]
    assert (status, json.loads(counts)["differences"]) == ("ok", 0)
    assert "seed 5" in report.summary()


def test_a_row_that_differs_fails_the_audit_by_name(audited: Opened) -> None:
    lake, registry = audited
    with lake.write("tamper") as writer:
        writer.touch("gold.predictions")
        writer.run("UPDATE gold.predictions SET value = value * 2 WHERE value IS NOT NULL")
        writer.touch("gold.index_signals")
        writer.run("UPDATE gold.index_signals SET wss = wss / 2 WHERE universe = 'qqq'")
    report = audit(lake, registry, rows=12, seed=1, run="test")
    with pytest.raises(CheckFailed, match=r"gold\.index_signals qqq 2026-11") as failure:
        report.enforce()
    assert "wss was" in failure.value.message
    assert "(seed 1)" in failure.value.message
    by_check: dict[str, list[str]] = {check: [] for check in CHECKS}
    for difference in report.differences:
        by_check[difference.partition(",")[0]].append(difference)
    assert by_check["requests"]  # the API's path knows the value too
    assert "return_30 ES" in by_check["requests"][0]
    assert by_check["features"] == by_check["increments"] == by_check["times"] == []
    audit_rows = lake.rows(
        "SELECT differences, first_difference FROM gold.audits WHERE \"check\" = 'requests' "
        "AND forecast = 'sp500_intraday'"
    )
    assert audit_rows == [(len(by_check["requests"]), audit_rows[0][1])]
    assert "value was" in audit_rows[0][1]


def test_an_empty_lake_has_nothing_to_audit(lake: Lake, tmp_path: Path) -> None:
    with pytest.raises(NothingToDo, match="nothing was published yet"):
        audit(lake, Registry(folder=tmp_path))
