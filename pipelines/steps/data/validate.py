"""Hold the rows that a forecast's training reads to the contracts of their tables."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Literal

from pipelines.contracts.bronze import BRONZE_BARS
from pipelines.contracts.news import BRONZE_NEWS, NEWS_SIGNALS
from pipelines.contracts.tables import Table
from pipelines.core.sql import text_literal
from pipelines.forecasts import Forecast
from pipelines.lake import Lake
from pipelines.quality.checks import Verdict, as_table, contract_checks, enforce
from pipelines.sources import news_source

Layer = Literal["bronze", "gold"]


def validate(lake: Lake, forecast: Forecast, source: str, layer: Layer) -> list[Verdict]:
    """Check every row of a layer that the forecast reads; record the verdicts in gold.checks.

    Raises CheckFailed where a blocking check did not pass. Of bronze only the key blocks: a source
    may say what it likes, and what is wrong with a row is found on its way to silver. A table
    without rows is passed over: the training says what it lacks.
    """
    verdicts: list[Verdict] = []
    with lake.view() as view:
        for table, where in _tables(forecast, source, layer):
            rows = f"(SELECT * FROM {table.full_name} WHERE {where})"
            if not view.one(f"SELECT count(*) FROM {rows}"):
                continue
            checked = contract_checks(view.connection, table, rows)
            if layer == "bronze":
                checked = [_as_warning(verdict) for verdict in checked]
            verdicts += checked
    if verdicts:
        with lake.write(f"validate {layer} {forecast.name}") as writer:
            writer.append("gold.checks", as_table(verdicts, datetime.now(UTC)))
    enforce(verdicts, "nothing was trained")
    return verdicts


def _tables(forecast: Forecast, source: str, layer: Layer) -> Iterator[tuple[Table, str]]:
    """Yield the tables of a layer, and which rows of each the forecast reads."""
    symbols = _listed((*forecast.symbols, *forecast.companions))
    topics, news = _listed(forecast.topics), text_literal(news_source(source))
    own = f"source = {text_literal(source)}"
    if layer == "bronze":
        interval = text_literal(forecast.interval)
        yield BRONZE_BARS, f'{own} AND "interval" = {interval} AND symbol IN ({symbols})'
        if forecast.topics:
            yield BRONZE_NEWS, f"source = {news} AND list_has_any(topics, [{topics}])"
        return
    yield forecast.table, own
    if forecast.topics:
        yield NEWS_SIGNALS, f"source = {news} AND topic IN ({topics})"


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(map(text_literal, names))


def _as_warning(verdict: Verdict) -> Verdict:
    """Return a verdict that stops nothing, unless it is about the key."""
    return verdict if verdict.check.startswith("unique") else replace(verdict, kind="warning")
