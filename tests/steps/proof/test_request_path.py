"""The path that the API takes says of stored bars what was published of them."""

from __future__ import annotations

from pipelines.core.intervals import interval_of
from pipelines.lake import Lake
from pipelines.registry.mlflow import Registry
from pipelines.sources.sample import Sample
from pipelines.steps import ingest, refresh_features
from pipelines.steps.proof.draw import draw_rows
from pipelines.steps.proof.request_path import check_requests
from tests.steps.proof.proven_lake import HOURLY, LATE, LIVE, NIGHT


def test_it_gives_the_published_rows_and_leaves_out_what_was_corrected(
    copied: tuple[Lake, Registry],
) -> None:
    lake, registry = copied
    with lake.view() as view:
        selection = draw_rows(view, 60, 1)
        findings = [check_requests(view, registry, series) for series in selection]
    assert [f.differences for f in findings] == [[], []]
    assert [f.left_out for f in findings] == [0, 0]
    hour = interval_of("1h")
    ingest(lake, Sample(rank_ic=0.1), ("AAPL",), hour, NIGHT, LIVE[1], as_of=LIVE[1] + 3 * LATE)
    refresh_features(lake, HOURLY, "sample")
    with lake.write("tamper") as writer:
        writer.touch("gold.predictions")
        writer.run("UPDATE gold.predictions SET action = 'hold' WHERE symbol = 'MSFT'")
    with lake.view() as view:
        newest = draw_rows(view, 1, 1)[0]
        findings = [check_requests(view, registry, newest)]
    assert findings[0].left_out == 1
    (difference,) = findings[0].differences
    assert "MSFT 2026-11-20T15:30Z: action was hold" in difference
