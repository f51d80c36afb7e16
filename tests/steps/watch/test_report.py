"""The report of a monitoring run: its status, its counts and its text."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from pipelines.steps.watch.report import MonitoringReport

REPORT = MonitoringReport(
    forecast="hourly",
    target="action",
    source="sample",
    version=3,
    figures={"rows": 70, "rank_ic": 0.12361, "hit_rate": None},
    messages=("version 3: not all below the bound",),
    failures=(),
    rolled_back=False,
    drifted=False,
    pages=(Path("index.html"),),
)


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({}, "ok"),
        ({"rolled_back": True}, "warned"),
        ({"drifted": True}, "warned"),
        ({"figures": {"rows": 0}}, "warned"),
        ({"drifted": True, "failures": ("the drift report: KeyError",)}, "failed"),
    ],
)
def test_the_status_is_the_worst_that_happened(changes: dict[str, object], status: str) -> None:
    assert replace(REPORT, **changes).status == status  # type: ignore[arg-type]


def test_the_summary_has_known_figures_messages_failures_and_pages() -> None:
    assert replace(REPORT, failures=("MLflow is down",)).summary().splitlines() == [
        "hourly's action on sample: rows 70, rank_ic 0.1236",
        "version 3: not all below the bound",
        "failed: MLflow is down",
        "index.html",
    ]
    assert "no figures" in replace(REPORT, figures={}).summary()


def test_the_counts_name_the_target_and_the_version() -> None:
    assert REPORT.counts == {
        "target": "action", "model_version": 3, "rows": 70, "rank_ic": 0.12361, "hit_rate": None,
    }  # fmt: skip
