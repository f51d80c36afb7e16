"""What a model was trained on is read from its own snapshot, or told to be of now."""

from __future__ import annotations

import numpy as np

from pipelines.forecasts import FORECASTS
from pipelines.lake import Lake
from pipelines.steps.data.features import refresh_features
from pipelines.steps.watch.live import Training, trained_on
from tests.steps.any_market import market_of, say

HOURLY = next(f for f in FORECASTS if f.interval == "1h")


def test_a_snapshot_of_an_older_layout_is_told_and_stops_nothing(lake: Lake) -> None:
    """Its columns had other names: live rows are held against the rows of now."""
    table, column = HOURLY.table.full_name, HOURLY.target_forecast().target.outcome
    rows = market_of(HOURLY)
    say(lake, "scripted", rows)
    refresh_features(lake, HOURLY, "scripted")
    at = max(row["ts"] for row in rows)  # type: ignore[type-var]
    known, told = trained_on(lake, HOURLY, "scripted", Training(at, lake.snapshot, "[]"))  # type: ignore[arg-type]
    assert told == ""
    with lake.write("older") as writer:
        writer.run(f"ALTER TABLE {table} RENAME COLUMN {column} TO outcome")
    older = lake.snapshot
    with lake.write("newer") as writer:
        writer.run(f"ALTER TABLE {table} RENAME COLUMN outcome TO {column}")
    found, told = trained_on(lake, HOURLY, "scripted", Training(at, older, "[]"))  # type: ignore[arg-type]
    assert f"its snapshot {older} cannot be read" in told
    np.testing.assert_array_equal(found.rows.outcome, known.rows.outcome)
