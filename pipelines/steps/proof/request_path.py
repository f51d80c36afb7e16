"""Check of an audit: the API's path of scoring says of the same bars what was published."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow.compute as pc

from pipelines.core.calendar import utc
from pipelines.core.errors import BullionError, InvalidField
from pipelines.forecasts import Forecast
from pipelines.lake import View
from pipelines.lake.series import series_calendar
from pipelines.registry.decisions import ModelDecision, ServingModel, read_decisions
from pipelines.registry.mlflow import Registry
from pipelines.requests.bars import VALUES, place_bars
from pipelines.requests.features import align_companions, compute_features
from pipelines.requests.model import Model, Models, TargetDecisions, decided_model
from pipelines.requests.predictions import predict_rows
from pipelines.steps.models.load import load_champion
from pipelines.steps.proof.differences import Difference, Findings, describe_key, is_same
from pipelines.steps.proof.draw import DrawnSeries
from pipelines.steps.proof.published import PublishedBar

# What an answer says of a row, by the columns of gold.predictions.
ANSWERED = (
    "action", "score", "likeliest", "action_reason", "expected_score", "confidence",
    "probabilities", "value", "value_low", "value_high",
)  # fmt: skip
ADDED_LATER = ("likeliest", "action_reason")
ModelKey = tuple[str, int]  # a target and a version


def check_requests(view: View, registry: Registry, series: DrawnSeries) -> Findings:
    """Predict the drawn rows from stored bars as the API does for bars that a caller sends."""
    declared, findings = series.forecast, Findings()
    models = _ModelsOfRows(view, registry, declared, series.source)
    for bar in series.bars:
        unchanged = _unchanged_symbols(view, bar)
        for symbol in sorted(set(bar.predictions["symbol"].to_pylist())):
            rows = bar.predictions.filter(pc.equal(bar.predictions["symbol"], symbol)).to_pylist()
            if symbol not in unchanged:
                findings.left_out += len(rows)
                continue
            by_target = {row["target"]: row for row in rows}
            try:
                answer = _predict(view, models.of(by_target), symbol, bar)
            except InvalidField:  # such as a leap, which no request may have
                findings.left_out += len(rows)
                continue
            findings.rows += len(rows)
            findings.differences += _compare(bar, by_target, answer)
    return findings


def _unchanged_symbols(view: View, bar: PublishedBar) -> set[str]:
    """Return the symbols whose features are still those from which the rows were scored."""
    rows = view.rows(
        f"""SELECT symbol, batch FROM {bar.forecast.table.full_name}
            WHERE source = ? AND ts = ?""",
        [bar.source, bar.ts],
    )
    batch_of = dict(rows)
    return {
        row["symbol"]
        for row in bar.predictions.to_pylist()
        if batch_of.get(row["symbol"], row["batch"]) < row["batch"]
    }


class _ModelsOfRows:
    """The models that scored the drawn rows, each loaded once."""

    def __init__(self, view: View, registry: Registry, forecast: Forecast, source: str) -> None:
        self._registry, self._forecast = registry, forecast
        series = series_calendar(
            view, source, forecast.interval, forecast.symbols, forecast.schedule.calendar
        )
        self._decisions = {
            f.target.name: TargetDecisions(
                source,
                rows=read_decisions(view, f, source),
                calendar=series.calendar,
                grid=series.grid,
            )
            for f in forecast.per_target()
        }
        self._loaded: dict[ModelKey, Model] = {}

    def of(self, rows: Mapping[str, Mapping[str, Any]]) -> Models:
        """Return the models of one bar's rows, by target."""
        by_target = {
            target: self._load(target, rows[target]["model_version"])
            for target in self._forecast.target_names
            if target in rows
        }
        return Models(self._forecast, by_target, {})

    def _load(self, target: str, version: int) -> Model:
        key = (target, version)
        if key not in self._loaded:
            forecast = self._forecast.target_forecast(target)
            decision = self._find(target, version)
            scorer = load_champion(self._registry, forecast, decision)
            serving = ServingModel(decision, decision.proven, None)
            self._loaded[key] = decided_model(forecast, self._decisions[target], serving, scorer)
        return self._loaded[key]

    def _find(self, target: str, version: int) -> ModelDecision:
        for row in self._decisions[target].rows:
            if row.model_version == version:
                return row
        raise BullionError(
            f"gold.model_decisions knows no version {version} of {self._forecast.name}.{target}, "
            f"whose predictions stand in gold.predictions"
        )


def _predict(
    view: View, models: Models, symbol: str, bar: PublishedBar
) -> Mapping[str, Mapping[str, Any]] | None:
    """Answer a request of one symbol's bars up to the drawn one."""
    declared, main = bar.forecast, models.main
    stored = view.sql(
        f"""SELECT ts, {", ".join(VALUES)} FROM silver.bars
            WHERE source = ? AND "interval" = ? AND symbol = ? AND ts <= ?
            ORDER BY ts DESC LIMIT ?""",
        [bar.source, declared.interval, symbol, bar.ts, declared.look_back + 1],
    ).sort_by("ts")
    values = np.column_stack([stored[name].to_numpy() for name in VALUES]).astype(np.float64)
    times: list[datetime] = [utc(ts) for ts in stored["ts"].to_pylist()]
    series = [place_bars(values, times, main.market, declared.bar, main.grid, bar.closes_at)]
    features = compute_features(main, series, align_companions(main, series, view))
    return predict_rows(models, [symbol], features[-1:])[0]


def _compare(
    bar: PublishedBar,
    rows: Mapping[str, Mapping[str, Any]],
    answer: Mapping[str, Mapping[str, Any]] | None,
) -> list[str]:
    """Compare what was published of one bar and symbol with an answer, target by target."""
    differences = []
    for target, row in rows.items():
        name = f"gold.predictions {describe_key((target, row['symbol'], bar.ts))}"
        if answer is None:
            differences.append(f"{name}: the API's path gives no prediction")
            continue
        for column in ANSWERED:
            published, answered = row[column], answer[target].get(column)
            if column in ADDED_LATER and published is None:
                continue
            if not is_same(_plain(published), _plain(answered)):
                difference = Difference(name, column, published, answered)
                differences.append(f"{difference} (by the API's path)")
                break
    return differences


def _plain(value: Any) -> Any:
    """Return a map as sorted pairs, however it is written."""
    if isinstance(value, dict):
        return sorted(value.items())
    if isinstance(value, list) and value and isinstance(value[0], tuple):
        return sorted(value)
    return value
