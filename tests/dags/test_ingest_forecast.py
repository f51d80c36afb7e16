"""The DAG that ingests: bars and weights, then the check of all tables."""

from __future__ import annotations

from typing import Any

from pipelines.forecasts import FORECASTS
from tests.dags.parsed_dags import list_steps


def test_the_tables_are_checked_once_bars_and_weights_are_in(parsed: dict[str, Any]) -> None:
    for forecast in FORECASTS:
        dag = parsed["dags"][f"ingest_{forecast.name}"]
        steps = {"bars": ["data_docs"], "weights": ["data_docs"], "data_docs": []}
        assert list_steps(dag) == steps
        assert dag["runs"] == 1
