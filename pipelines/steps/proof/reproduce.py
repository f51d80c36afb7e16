"""Reproduce a published row from the raw answers, to the same bits, in a lake of its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.contracts.gold import CONTRIBUTIONS, INDEX_SIGNALS, OUTCOMES, PREDICTIONS
from pipelines.contracts.news import NEWS_SIGNALS
from pipelines.contracts.silver import SILVER_BARS
from pipelines.core.progress import Progress, no_progress
from pipelines.lake import Lake, View
from pipelines.registry.mlflow import Registry, model_name
from pipelines.steps.proof.dependencies import KEYED, Span, find_span
from pipelines.steps.proof.differences import Difference, first_difference
from pipelines.steps.proof.environments import describe_now, describe_training
from pipelines.steps.proof.lineage import Lineage, build_lineage
from pipelines.steps.proof.published import PublishedBar, Reference, read_published
from pipelines.steps.proof.replay import Replay, scratch_lake
from pipelines.steps.scoring.outcomes import refresh_outcomes
from pipelines.steps.scoring.score import score

SERIES = 'forecast = ? AND source = ? AND "interval" = ?'
MICROSECOND = timedelta(microseconds=1)
# Columns that rows of older releases lack: null is no value there, and is not compared.
ADDED_LATER = (
    "news_source", "sha256", "likeliest", "action_reason", "feature_contributions",
    "contribution_method", "contributions_to", "instead_of", "delay_seconds", "expected_wss",
)  # fmt: skip
COMMIT = ("batch", "received_at")  # of a row's place in the lake, and not of what it says


@dataclass(frozen=True)
class Reproduction:
    """What a row was made of, and the first value that differs, if any does."""

    lineage: Lineage
    difference: Difference | None

    @property
    def verdict(self) -> str:
        return f"differs: {self.difference}" if self.difference else "the same"


def reproduce(
    lake: Lake,
    registry: Registry,
    reference: Reference,
    source: str,
    progress: Progress = no_progress,
) -> Reproduction:
    """Derive a published row again, and compare it with what was published, layer by layer."""
    with lake.view() as view:
        published = read_published(view, reference, source)
        span = span_of(view, published)
        with scratch_lake(published.forecast) as scratch:
            replay = Replay(view, scratch, span)
            rebuild(replay, registry, published, progress)
            progress("compare", 0, 1)
            with scratch.view() as reproduced:
                difference = next(compare(view, reproduced, published, span), None)
                environments = [describe_now(), *_describe_trainings(view, registry, published)]
                lineage = build_lineage(
                    view, reproduced, published, span, replay.used, environments
                )
    return Reproduction(lineage, difference)


def span_of(view: View, published: PublishedBar) -> Span:
    """Find what a published row was made of."""
    signal = published.kind == "signal"
    row = published.row.to_pylist()[0]
    return find_span(
        view,
        published.forecast,
        published.source,
        published.symbols,
        published.ts,
        published.ts,
        published.known_by,
        (row["universe"],) if signal else (),
        row["weights_effective"] if signal else None,
    )


def rebuild(
    replay: Replay, registry: Registry, published: PublishedBar, progress: Progress = no_progress
) -> None:
    """Land and score again in the order in which the row came about."""
    if published.kind == "outcome":
        progress("land the answers", 0, 1)
        replay.advance(published.batch)
        with replay.scratch.write("predictions") as writer:
            writer.append(PREDICTIONS.full_name, published.predictions)
        refresh_outcomes(replay.scratch, registry, published.forecast, published.source)
        return
    for place, (batch, scored_at) in enumerate(published.scorings):
        progress("land the answers, and score", place, len(published.scorings))
        replay.advance(batch)
        score_again(replay.scratch, registry, published, scored_at)


def score_again(
    scratch: Lake, registry: Registry, published: PublishedBar, scored_at: datetime
) -> None:
    """Score a published bar in a scratch lake, at the time at which it was scored."""
    score(
        scratch,
        registry,
        published.forecast,
        published.source,
        start=published.closes_at - MICROSECOND,
        end=published.closes_at,
        now=scored_at,
        run="reproduce",
    )


def compare(
    view: View, reproduced: View, published: PublishedBar, span: Span
) -> Iterator[Difference]:
    """Yield the first difference of each layer, from the bars to the published row."""
    difference = _compare_bars(view, reproduced, published, span)
    if difference:
        yield difference
    for layer in (_compare_news, _compare_features):
        if difference := layer(view, reproduced, published, span):
            yield difference
    yield from _compare_published(reproduced, published)


def _compare_bars(
    view: View, reproduced: View, published: PublishedBar, span: Span
) -> Difference | None:
    """Compare the bars that stand as they did then; those corrected since are left out."""
    where = f"{KEYED} AND symbol IN (SELECT unnest(?)) AND ts >= ? AND closes_at <= ?"
    key = [
        span.source, span.forecast.interval, list(span.bars_of), span.first, span.known_by
    ]  # fmt: skip
    then = view.sql(
        f"SELECT * FROM silver.bars WHERE {where} AND batch < ?", [*key, _last_batch(published)]
    )
    again = reproduced.sql(f"SELECT * FROM silver.bars WHERE {where}", key)
    return _first_changed(SILVER_BARS.full_name, then, again, ("symbol", "ts"))


def _first_changed(
    table: str, then: pa.Table, again: pa.Table, key: tuple[str, ...]
) -> Difference | None:
    """Compare the rows that stood then; the table may have others now."""
    stood = then.select(key)
    again = again.join(stood, list(key), join_type="left semi")
    columns = [name for name in then.column_names if name not in COMMIT]
    order = [(name, "ascending") for name in key]
    one, other = (t.select(columns).sort_by(order).combine_chunks() for t in (then, again))
    if one.equals(other):  # mostly; a NaN would be found below
        return None
    return first_difference(table, one, other, key)


def _compare_news(
    view: View, reproduced: View, published: PublishedBar, span: Span
) -> Difference | None:
    if span.news_source is None:
        return None
    where = """source = ? AND topic IN (SELECT unnest(?)) AND window_end > ? AND window_end <= ?
               AND known_at <= ?"""
    key = [
        span.news_source, list(span.forecast.topics), span.first, span.known_by, span.known_by
    ]  # fmt: skip
    query = f"SELECT * FROM {NEWS_SIGNALS.full_name} WHERE {where}"
    then = view.sql(f"{query} AND batch < ?", [*key, _last_batch(published)])
    again = reproduced.sql(query, key)
    return _first_changed(NEWS_SIGNALS.full_name, then, again, ("topic", "window_end", "known_at"))


def _compare_features(
    view: View, reproduced: View, published: PublishedBar, span: Span
) -> Difference | None:
    declared = published.forecast
    names = ", ".join(f'"{name}"' for name in declared.feature_names)
    query = f"""SELECT symbol, ts, closes_at, session, place, {names} FROM
                {declared.table.full_name} WHERE source = ? AND ts = ?
                AND symbol IN (SELECT unnest(?))"""
    key = [published.source, published.ts, list(published.symbols)]
    then = view.sql(f"{query} AND batch < ?", [*key, _last_batch(published)])
    again = reproduced.sql(query, key)
    return _first_changed(declared.table.full_name, then, again, ("symbol", "ts"))


def _compare_published(reproduced: View, published: PublishedBar) -> Iterator[Difference]:
    series = [published.forecast.name, published.source, published.forecast.interval]
    if published.kind == "outcome":
        again = reproduced.sql(
            f"SELECT * FROM {OUTCOMES.full_name} WHERE {SERIES} AND target = ? AND ts = ?",
            [*series, *published.targets, published.ts],
        )
        difference = _compare_rows(
            OUTCOMES.full_name, published.row, again, ("target", "symbol", "ts", "model_version")
        )
        yield from [difference] if difference else []
        return
    again = reproduced.sql(
        f"""SELECT * FROM {PREDICTIONS.full_name} WHERE {SERIES} AND ts = ? AND role = 'champion'
            AND live = ? AND target IN (SELECT unnest(?)) AND symbol IN (SELECT unnest(?))""",
        [*series, published.ts, published.live, list(published.targets), list(published.symbols)],
    )
    tables: list[tuple[str, pa.Table, pa.Table, tuple[str, ...]]] = [
        (PREDICTIONS.full_name, published.predictions, again, ("target", "symbol", "ts"))
    ]
    if published.kind == "signal":
        name = published.row["universe"][0].as_py()
        of_signal: tuple[tuple[str, pa.Table, tuple[str, ...]], ...] = (
            (CONTRIBUTIONS.full_name, published.contributions, ("universe", "symbol", "ts")),
            (INDEX_SIGNALS.full_name, published.row, ("universe", "ts")),
        )
        for table, rows, key in of_signal:
            again = reproduced.sql(
                f"SELECT * FROM {table} WHERE {SERIES} AND ts = ? AND universe = ? AND live = ?",
                [*series, published.ts, name, published.live],
            )
            tables.append((table, rows, again, key))
    for table, rows, again, key in tables:
        if difference := _compare_rows(table, rows, again, key):
            yield difference


def _compare_rows(
    table: str, published: pa.Table, again: pa.Table, key: tuple[str, ...]
) -> Difference | None:
    """Compare published rows but for their commit, and for what older releases did not write."""
    unwritten = [
        name
        for name in ADDED_LATER
        if name in published.column_names and pc.all(pc.is_null(published[name])).as_py()
    ]
    return first_difference(table, published, again, key, (*COMMIT, *unwritten))


def _last_batch(published: PublishedBar) -> int:
    """Return the commit before which all was known that the row was made of."""
    return published.batch if published.kind == "outcome" else published.scorings[-1][0]


def _describe_trainings(view: View, registry: Registry, published: PublishedBar) -> list[str]:
    lines = []
    versions = sorted(set(published.predictions["model_version"].to_pylist()))
    for target in published.targets:
        for version, run_id in view.rows(
            """SELECT DISTINCT model_version, run_id FROM gold.model_decisions
               WHERE forecast = ? AND target = ? AND source = ?
               AND model_version IN (SELECT unnest(?)) ORDER BY ALL""",
            [published.forecast.name, target, published.source, versions],
        ):
            name = model_name(published.forecast.target_forecast(target))
            lines += describe_training(registry, run_id, f"{name} version {version}")
    return lines
