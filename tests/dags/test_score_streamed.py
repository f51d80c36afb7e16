"""The DAG that an event of the stream starts: it scores, and nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pipelines.forecasts import FORECASTS
from pipelines.stream.events import ASSET
from tests.dags.parsed_dags import list_steps


def test_each_forecast_on_minutes_is_scored_at_the_event(parsed: dict[str, Any]) -> None:
    on_minutes = [f"score_streamed_{f.name}" for f in FORECASTS if f.interval == "1m"]
    assert on_minutes
    streamed = {name for name in parsed["dags"] if name.startswith("score_streamed_")}
    assert streamed == set(on_minutes)
    for name in on_minutes:
        assert list_steps(parsed["dags"][name]) == {"score": []}


def test_the_asset_is_the_one_that_the_stream_names() -> None:
    wiring = Path("plugins/wiring.py").read_text()
    assert f'"{ASSET}"' in wiring
    assert "schedule=[STREAM_BARS]" in Path("dags/score_streamed.py").read_text()
