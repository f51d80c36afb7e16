"""The drawn rows of a series are derived again in one scratch lake."""

from __future__ import annotations

from pipelines.lake import Lake
from pipelines.registry.mlflow import Registry
from pipelines.steps.proof.answers_check import check_answers
from pipelines.steps.proof.draw import draw_rows


def test_live_and_backfilled_rows_are_the_same_and_another_is_named(
    copied: tuple[Lake, Registry],
) -> None:
    lake, registry = copied
    with lake.write("tamper") as writer:
        writer.touch("gold.predictions")
        writer.run(
            """UPDATE gold.predictions SET expected_score = 0 WHERE symbol = 'MSFT'
               AND ts = TIMESTAMPTZ '2026-11-20 15:30:00+00'"""
        )
    with lake.view() as view:
        hourly = draw_rows(view, 60, 4)[0]
        assert {bar.live for bar in hourly.bars} == {True, False}
        findings = check_answers(view, registry, hourly)
    assert findings.rows >= 30
    (difference,) = findings.differences
    assert difference.startswith(
        "gold.predictions action MSFT 2026-11-20T15:30Z: expected_score was 0.0, and is now"
    )
