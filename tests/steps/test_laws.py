"""The laws of every declared forecast and each of its targets."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from itertools import count

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.core.calendar import utc
from pipelines.forecasts import FORECASTS, Forecast, TargetForecast
from pipelines.lake import Lake
from pipelines.modeling.compare import compare
from pipelines.modeling.dataset import Rows
from pipelines.modeling.required import Minimums
from pipelines.registry.mlflow import Registry
from pipelines.sources.sample import Sample
from pipelines.steps.data.features import refresh_features
from pipelines.steps.data.rows import read_training_rows
from pipelines.steps.scoring.outcomes import refresh_outcomes
from pipelines.steps.scoring.score import score
from tests import models
from tests.empty_lake import lake_of_a_module
from tests.laws import law
from tests.steps.forecast_market import END, build_market, write_bars
from tests.steps.markets import rows_of
from tests.steps.scored_market import all_rows
from tests.steps.served import fresh_registry

EACH_FORECAST = pytest.mark.parametrize("forecast", FORECASTS, ids=lambda forecast: forecast.name)
TARGETS = [target for forecast in FORECASTS for target in forecast.per_target()]
EACH_TARGET = pytest.mark.parametrize("target", TARGETS, ids=lambda f: f"{f.name}.{f.target.name}")
ROWS = 1000  # enough to fit on, few enough to fit often
fresh_name = (f"market_{n}" for n in count())


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    with lake_of_a_module(tmp_path_factory) as lake:
        yield lake


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Registry:
    return fresh_registry(tmp_path_factory.mktemp("mlflow"))


def promote_models(lake: Lake, registry: Registry, forecast: Forecast, source: str) -> None:
    """Promote a model of each target before all bars."""
    for target in forecast.per_target():
        model = models.store_verified(registry, target, models.body(target))
        models.decide(lake, target, source, model, utc("2020-01-01"))


@EACH_FORECAST
@law(2)
@given(st.floats(0.6, 0.95), st.floats(0.9, 1.1))
def test_no_later_bar_changes_a_prediction(
    lake: Lake, registry: Registry, forecast: Forecast, share: float, factor: float
) -> None:
    rows = build_market(forecast)
    times = sorted({r["ts"] for r in rows})  # type: ignore[type-var]
    cut = times[int(len(times) * share)]
    prices = ("open", "high", "low", "close")
    known = [r for r in rows if r["ts"] < cut]  # type: ignore[operator]
    changed = [
        r | {p: float(str(r[p])) * factor for p in prices} if r["ts"] >= cut else r  # type: ignore[operator]
        for r in rows
    ]
    end, tables = cut, []  # what closed by then opened before
    for market in (known, changed, rows):
        name = next(fresh_name)
        write_bars(lake, name, market, interval=forecast.interval)
        promote_models(lake, registry, forecast, name)
        span = timedelta(days=10) if forecast.bar.intraday else timedelta(days=40)
        if forecast.bar.minutes == 1:  # a day has hundreds of them
            span = timedelta(days=1)
        score(lake, registry, forecast, name, start=end - span, end=end)
        tables.append([[r | {"live": None} for r in table] for table in all_rows(lake, name)])
    assert tables[0] == tables[1] == tables[2]
    assert {r["target"] for r in tables[0][0]} == set(forecast.target_names)


@EACH_FORECAST
def test_scoring_in_pieces_equals_scoring_at_once(
    lake: Lake, registry: Registry, forecast: Forecast
) -> None:
    rows, name = build_market(forecast), next(fresh_name)
    write_bars(lake, name, rows, interval=forecast.interval)
    promote_models(lake, registry, forecast, name)
    times = sorted({r["ts"] for r in rows})  # type: ignore[type-var]
    edges = [times[place] for place in (-40, -25, -12)] + [utc(END)]
    score(lake, registry, forecast, name, start=edges[0], end=edges[-1])
    refresh_outcomes(lake, registry, forecast, name)
    tables = ("predictions", "index_signals", "contributions", "outcomes", "index_outcomes")

    def states() -> list[str]:
        return [repr(sorted(_rows(lake, table, name))) for table in tables]

    whole = states()
    assert len(_rows(lake, "outcomes", name)) > 0
    with lake.write("forget") as writer:
        for table in tables:
            writer.delete(f"gold.{table}", "source = ?", [name])
    for low, high in (edges[2:4], edges[0:2], edges[1:3], edges[0:2]):
        score(lake, registry, forecast, name, start=low, end=high)
        refresh_outcomes(lake, registry, forecast, name)
    assert states() == whole


def _rows(lake: Lake, table: str, name: str) -> list[tuple[object, ...]]:
    unsteady = ("batch", "scored_at", "delay_seconds")
    rows = lake.sql(f"SELECT * FROM gold.{table} WHERE source = ?", [name])
    steady_columns = rows.select([n for n in rows.schema.names if n not in unsteady])
    return sorted((repr(row),) for row in steady_columns.to_pylist())


@EACH_TARGET
def test_nothing_later_than_as_of_is_trained_on(lake: Lake, target: TargetForecast) -> None:
    forecast = target.forecast
    rows, name = build_market(forecast), next(fresh_name)
    write_bars(lake, name, rows, interval=forecast.interval)
    refresh_features(lake, forecast, name)
    times = sorted({r["ts"] for r in rows})  # type: ignore[type-var]
    at = times[-10]
    with lake.view() as view:
        known = read_training_rows(view, target, name, at)
    limit = np.datetime64(at.replace(tzinfo=None), "us")
    assert len(known)
    assert (known.known_at <= limit).all()
    assert (known.closes_at < known.known_at).all()
    training, selection, judging = target.split.cut(known)
    for older, newer in ((training, selection), (selection, judging)):
        assert older.known_at.max() < newer.closes_at.min(), "no label's span is shared"


def sample_of(forecast: TargetForecast) -> Rows:
    """The newest rows of a few of its symbols, of the sample market."""
    symbols = forecast.symbols[:4]
    days = ROWS // len(symbols) * (7 / 5 if not forecast.bar.intraday else 7 / 5 / 6) + 40
    end = utc("2026-09-01")
    return rows_of(Sample(), symbols, forecast, end - timedelta(days=int(days)), end)


@EACH_TARGET
def test_fits_depend_on_training_rows_alone(target: TargetForecast) -> None:
    """Shuffle the outcomes of all newer rows: no fit changes, tuning included."""
    rows = sample_of(target)
    rows = rows.take(np.isfinite(rows.features).all(axis=1))
    selecting = target.split.cut(rows)[1].session.min()
    newer = np.flatnonzero(rows.session >= selecting)
    outcome = rows.outcome.copy()
    outcome[newer] = np.random.default_rng(1).permutation(outcome[newer])
    comparisons = [
        compare(
            market,
            target.label,
            target.candidates,
            replace(target.split, stretches=0),
            3,
            names=target.feature_names,
            flags=target.forecast.flags,
            minimums=Minimums(300),
        )
        for market in (rows, replace(rows, outcome=outcome))
    ]
    first, second = comparisons
    assert (first.thresholds, first.shares) == (second.thresholds, second.shares)
    assert (first.selection.truth != second.selection.truth).any()
    known = {result.name: result for result in second.ranking}
    for result in first.ranking:
        same = known[result.name]
        if result.failure.startswith("MissingLibrary"):  # an extra that is not installed here
            continue
        assert result.failure == same.failure == ""
        assert result.parameters == same.parameters
        np.testing.assert_array_equal(result.predictions, same.predictions)
