"""The DAG that maintains the lake: every morning, and it verifies what the compaction left."""

from __future__ import annotations

from typing import Any

from tests.dags.parsed_dags import list_steps


def test_the_lake_is_verified_after_its_compaction(parsed: dict[str, Any]) -> None:
    dag = parsed["dags"]["lake_maintenance"]
    assert list_steps(dag) == {"compact": ["verify"], "verify": []}
    assert dag["runs"] == 1, "two compactions at once would wait for each other"
    assert dag["params"] == {}
    assert dag["schedule"] == "30 7 * * *"
