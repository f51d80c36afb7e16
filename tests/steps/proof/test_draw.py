"""The same seed draws the same rows, some of each forecast, and the newest bar first."""

from __future__ import annotations

from pipelines.lake import Lake
from pipelines.registry.mlflow import Registry
from pipelines.steps.proof.draw import draw_rows
from tests.steps.proof.proven_lake import LIVE


def test_a_seed_draws_the_same_rows_again(proven: tuple[Lake, Registry]) -> None:
    with proven[0].view() as view:
        one, again, other = (draw_rows(view, 60, seed) for seed in (1, 1, 2))
    times = [[[(bar.ts, bar.live) for bar in series.bars] for series in d] for d in (one, again)]
    assert times[0] == times[1]
    assert times[0] != [[(bar.ts, bar.live) for bar in series.bars] for series in other]
    assert [series.name for series in one] == [
        "nasdaq100_hourly on sample", "sp500_intraday on sample"
    ]  # fmt: skip
    assert one[0].bars[0].closes_at == LIVE[1]
    for series in one:
        rows = sum(b.predictions.num_rows + (b.kind == "signal") for b in series.bars)
        assert rows >= 30
        assert [bar.kind for bar in series.bars][:3] == ["signal", "prediction", "signal"]
        assert {t for bar in series.bars for t in bar.targets} == {*series.forecast.target_names}
