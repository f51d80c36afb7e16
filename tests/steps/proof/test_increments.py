"""Features that grew bar by bar are compared with those computed in one go."""

from __future__ import annotations

from pipelines.lake import Lake
from pipelines.registry.mlflow import Registry
from pipelines.steps.proof.draw import draw_rows
from pipelines.steps.proof.increments import check_increments


def test_a_row_that_was_not_followed_is_named(copied: tuple[Lake, Registry]) -> None:
    lake, _ = copied
    with lake.view() as view:
        hourly = draw_rows(view, 20, 1)[0]
        sound = check_increments(view, hourly)
    assert sound.differences == []
    assert sound.rows > 500
    with lake.write("forget") as writer:  # a refresh that missed one bar of one symbol
        writer.touch("gold.features_nasdaq100_hourly")
        writer.run(
            """UPDATE gold.features_nasdaq100_hourly SET log_return_2 = log_return_1
               WHERE symbol = 'AAPL' AND ts = TIMESTAMPTZ '2026-11-20 14:30:00+00'"""
        )
    with lake.view() as view:
        (difference,) = check_increments(view, hourly).differences
    assert "AAPL 2026-11-20T14:30Z: log_return_2 was" in difference
