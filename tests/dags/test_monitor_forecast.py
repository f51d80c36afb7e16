"""The DAG that monitors: after each session, of the source that is named."""

from __future__ import annotations

from typing import Any

from pipelines.forecasts import FORECASTS
from tests.dags.parsed_dags import list_steps


def test_a_champion_is_monitored_half_an_hour_after_each_session(parsed: dict[str, Any]) -> None:
    for forecast in FORECASTS:
        dag = parsed["dags"][f"monitor_{forecast.name}"]
        assert list_steps(dag) == {"monitor": []}
        assert dag["params"].keys() == {"source"}
        session = f"Each session of {forecast.schedule.calendar}, 1800 s after its close"
        assert dag["schedule"].startswith(session)
