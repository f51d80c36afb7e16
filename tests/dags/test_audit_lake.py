"""The DAG that proves published numbers anew: every week, one audit at a time."""

from __future__ import annotations

from typing import Any

from tests.dags.parsed_dags import list_steps


def test_the_lake_is_audited_every_week(parsed: dict[str, Any]) -> None:
    dag = parsed["dags"]["audit_lake"]
    assert list_steps(dag) == {"audit": []}
    assert dag["runs"] == 1
    assert dag["params"] == {}
    assert dag["schedule"] == "0 9 * * 6"
