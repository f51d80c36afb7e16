"""The rows that a model was trained on are read from its own snapshot, or else as they are now."""

from __future__ import annotations

import numpy as np

from pipelines.forecasts import FORECASTS
from pipelines.lake import Lake
from pipelines.steps.data.features import refresh_features
from pipelines.steps.watch.read import TrainingRecord, read_reference_rows
from tests.steps.forecast_market import build_market, write_bars

HOURLY = next(f for f in FORECASTS if f.interval == "1h")


def test_a_snapshot_of_an_older_layout_is_reported_and_stops_nothing(lake: Lake) -> None:
    """Its columns had other names: live rows are compared with the rows of now."""
    forecast = HOURLY.target_forecast()
    table, column = HOURLY.table.full_name, forecast.target.outcome
    rows = build_market(HOURLY)
    write_bars(lake, "scripted", rows)
    refresh_features(lake, HOURLY, "scripted")
    at = max(row["ts"] for row in rows)  # type: ignore[type-var]
    record = TrainingRecord(at, lake.snapshot, "[]")  # type: ignore[arg-type]
    own_rows, message = read_reference_rows(lake, forecast, "scripted", record)
    assert message == ""
    with lake.write("older") as writer:
        writer.run(f"ALTER TABLE {table} RENAME COLUMN {column} TO outcome")
    older = lake.snapshot
    with lake.write("newer") as writer:
        writer.run(f"ALTER TABLE {table} RENAME COLUMN outcome TO {column}")
    record = TrainingRecord(at, older, "[]")  # type: ignore[arg-type]
    rows_of_now, message = read_reference_rows(lake, forecast, "scripted", record)
    assert f"its snapshot {older} cannot be read" in message
    np.testing.assert_array_equal(rows_of_now.rows.outcome, own_rows.rows.outcome)
