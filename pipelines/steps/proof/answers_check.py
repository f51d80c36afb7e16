"""Check of an audit: derive the drawn rows again from the raw answers."""

from __future__ import annotations

from pipelines.lake import View
from pipelines.registry.mlflow import Registry
from pipelines.steps.proof.dependencies import Span, join_spans
from pipelines.steps.proof.differences import Findings
from pipelines.steps.proof.draw import DrawnSeries
from pipelines.steps.proof.published import PublishedBar
from pipelines.steps.proof.replay import Replay, scratch_lake
from pipelines.steps.proof.reproduce import compare, score_again, span_of


def check_answers(view: View, registry: Registry, series: DrawnSeries) -> Findings:
    """Reproduce the drawn rows of a series in one scratch lake, commit by commit."""
    spans = {bar: span_of(view, bar) for bar in series.bars}
    findings = Findings()
    scorings = sorted(
        ((batch, scored_at, place) for place, bar in enumerate(series.bars)
         for batch, scored_at in bar.scorings),
    )  # fmt: skip
    left = {place: len(bar.scorings) for place, bar in enumerate(series.bars)}
    with scratch_lake(series.forecast) as scratch:
        replay = Replay(view, scratch, join_spans(list(spans.values())))
        for batch, scored_at, place in scorings:
            bar = series.bars[place]
            replay.advance(batch)
            score_again(scratch, registry, bar, scored_at)
            left[place] -= 1
            if not left[place]:  # now the lake is as it was when the bar's last row was written
                _compare(view, replay, bar, spans[bar], findings)
    return findings


def _compare(view: View, replay: Replay, bar: PublishedBar, span: Span, findings: Findings) -> None:
    findings.rows += bar.predictions.num_rows + (bar.kind == "signal")
    with replay.scratch.view() as reproduced:
        difference = next(compare(view, reproduced, bar, span), None)
    if difference:
        findings.differences.append(str(difference))
