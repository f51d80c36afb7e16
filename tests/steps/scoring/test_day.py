"""The table and the WSS of the newest day; live rows take precedence."""

from __future__ import annotations

from pathlib import Path

from pipelines.core.calendar import utc
from pipelines.lake import Lake
from pipelines.steps.scoring.day import newest_day
from pipelines.steps.scoring.score import score
from tests import models
from tests.steps.scored_market import HOURLY, SYMBOLS, TRAINED, build_market, create_source
from tests.steps.served import fresh_registry

ACTION_FORECAST = HOURLY.target_forecast()

SINCE, UNTIL = utc("2026-08-27"), utc("2026-08-29")


def test_the_newest_day_is_read_bar_by_bar_and_each_row_once(lake: Lake, tmp_path: Path) -> None:
    source = create_source(lake, build_market())
    registry = fresh_registry(tmp_path / "mlflow")
    model = models.store_verified(registry, HOURLY, models.body(HOURLY))
    models.decide(lake, HOURLY, source, model, TRAINED)
    score(lake, registry, HOURLY, source, start=SINCE, end=UNTIL)
    with lake.write("live") as writer:  # the last bar was published live, too
        for table in ("predictions", "index_signals"):
            writer.touch(f"gold.{table}")
            writer.run(
                f"""INSERT INTO gold.{table} SELECT * REPLACE (true AS live) FROM gold.{table}
                    WHERE source = ? AND closes_at = '2026-08-28T20:00:00+00'""",
                [source],
            )
    with lake.view() as view:
        day = newest_day(view, ACTION_FORECAST, source, UNTIL)
        before = newest_day(view, ACTION_FORECAST, source, utc("2026-08-28T15:00+00:00"))
        empty = newest_day(view, ACTION_FORECAST, source, SINCE)
    rows = day.predictions.to_pylist()
    assert len(rows) == 7 * len(SYMBOLS)
    assert {row["closes_at"].date().isoformat() for row in rows} == {"2026-08-28"}
    assert [row["live"] for row in rows] == [False] * 6 * len(SYMBOLS) + [True] * len(SYMBOLS)
    assert day.table.count("\n") == 1 + len(rows)
    universes = {combination.universe for combination in HOURLY.combinations}
    assert {universe for universe, *_ in day.wss} == universes
    assert len(day.wss) == 7 * len(universes)
    assert before.predictions.num_rows == len(SYMBOLS), "of its first bar, which had closed"
    assert (empty.predictions.num_rows, empty.wss) == (0, ())
