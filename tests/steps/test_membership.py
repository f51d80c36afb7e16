"""Members at a bar are those of its date: in training, scoring, signals and backtest."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from pipelines.backtest.market import BacktestRequest
from pipelines.core.calendar import interval_of, utc
from pipelines.forecasts import NASDAQ100_HOURLY, Forecast
from pipelines.forecasts.combination import ComponentWeighted
from pipelines.lake import Lake
from pipelines.modeling.candidates import Logistic
from pipelines.sources.sample import Sample
from pipelines.steps import ingest, ingest_weights, refresh_features
from pipelines.steps.backtest.walk import backtest
from pipelines.steps.data.rows import read_training_rows
from pipelines.steps.models.train import TrainingReport, train
from pipelines.steps.scoring.report import ScoringReport
from pipelines.steps.scoring.score import score
from tests.dated_universe import write_universe
from tests.empty_lake import lake_of_a_module
from tests.steps.served import fresh_registry

SPANS = {  # from and until when each is a member
    "AAPL": [(date.min, date.max)],
    "MSFT": [(date(2026, 2, 2), date.max)],
    "NVDA": [(date.min, date(2026, 3, 17))],
    "AMZN": [(date.min, date(2026, 2, 2)), (date(2026, 3, 17), date.max)],
}
LINES = (
    "AAPL,,,", "MSFT,,2026-02-02,", "NVDA,,,2026-03-17", "AMZN,,,2026-02-02", "AMZN,,2026-03-17,",
    "NOWHERE,,,",
)  # fmt: skip
START, END = utc("2025-11-03"), utc("2026-04-02")
AS_OF = utc("2026-03-14")
SCORED = utc("2026-03-14"), utc("2026-03-21")


def is_member(symbol: str, day: date) -> bool:
    return any(start <= day < end for start, end in SPANS[symbol])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("universes")


@pytest.fixture(autouse=True)
def dated(folder: Path, lake_settings: object, monkeypatch: pytest.MonkeyPatch) -> None:
    write_universe(folder, monkeypatch, "dated", *LINES)


@pytest.fixture
def forecast() -> Forecast:
    (target,) = NASDAQ100_HOURLY.targets
    combinations = (ComponentWeighted("dated"),)
    quick = replace(target, candidates=(Logistic(),), challengers=(), combinations=combinations)
    return replace(NASDAQ100_HOURLY, universe="dated", targets=(quick,))


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory, folder: Path) -> Iterator[Lake]:
    with lake_of_a_module(tmp_path_factory) as lake, pytest.MonkeyPatch.context() as patch:
        write_universe(folder, patch, "dated", *LINES)
        ingest(lake, Sample(rank_ic=0.4), tuple(SPANS), interval_of("1h"), START, END)
        ingest_weights(lake, Sample(), "dated", as_of=END)
        yield lake


@pytest.fixture
def trained(
    lake: Lake, forecast: Forecast, tmp_path: Path, without_pictures: None
) -> tuple[TrainingReport, ScoringReport]:
    registry = fresh_registry(tmp_path / "mlflow")
    report = train(lake, registry, forecast.target_forecast(), "sample", as_of=AS_OF)
    start, end = SCORED
    return report, score(lake, registry, forecast, "sample", start=start, end=end)


def test_training_has_the_rows_of_members_alone_and_features_of_every_bar(
    lake: Lake, forecast: Forecast
) -> None:
    refresh_features(lake, forecast, "sample")
    with lake.view() as view:
        rows = read_training_rows(view, forecast.target_forecast(), "sample", END)
    read = {
        (forecast.symbols[code], day)
        for code, day in zip(rows.symbol.tolist(), rows.session.tolist(), strict=True)
    }
    in_table = lake.rows(
        f"SELECT DISTINCT symbol, session FROM {forecast.table.full_name} "
        f"WHERE outcome_action IS NOT NULL AND known_at_action <= '{END}'"
    )
    assert read == {(symbol, day) for symbol, day in in_table if is_member(symbol, day)}
    assert {symbol for symbol, day in in_table if not is_member(symbol, day)} == {
        "MSFT", "NVDA", "AMZN",
    }  # fmt: skip


def test_predictions_and_shares_are_of_the_members_of_the_session(
    lake: Lake, forecast: Forecast, trained: tuple[TrainingReport, ScoringReport]
) -> None:
    training, scoring = trained
    assert "4 of 5 members had bars; without bars: NOWHERE" in training.summary()
    assert "4 of 5 members had bars; without bars: NOWHERE" in scoring.summary()
    assert (scoring.counts["members"], scoring.counts["members_with_bars"]) == (5, 4)
    sessions = [date(2026, 3, day) for day in range(16, 21)]
    expected = {(s, day) for s in SPANS for day in sessions if is_member(s, day)}
    assert len(expected) == 15
    for table in ("predictions", "contributions"):
        rows = lake.rows(f"SELECT DISTINCT symbol, ts::DATE FROM gold.{table} WHERE NOT live")
        assert set(rows) == expected, table
    sums = lake.rows("SELECT round(sum(share), 9) FROM gold.contributions GROUP BY universe, ts")
    assert set(sums) == {(1.0,)}
    coverage = lake.rows("SELECT DISTINCT coverage, instrument FROM gold.index_signals")
    assert coverage == [(1.0, "DATED")]
    # The weight that they stand for is that of the members of the day.
    weights = dict(lake.rows("SELECT DISTINCT symbol, weight FROM gold.contributions"))
    shares = lake.rows("SELECT DISTINCT ts::DATE, index_share FROM gold.index_signals")
    for day, index_share in shares:
        total = sum(weights[symbol] for symbol in SPANS if is_member(symbol, day))
        assert index_share == pytest.approx(total)
    assert scoring.not_scored["no_bar"].keys() == {"NOWHERE"}


def test_a_backtest_walks_with_the_members_of_each_bar(lake: Lake, forecast: Forecast) -> None:
    request = BacktestRequest("dated", utc("2026-03-02"), utc("2026-04-02"), retrain=30)
    result = backtest(lake, forecast.target_forecast(), "sample", request)
    rows = {
        (symbol, day)
        for symbol, day in zip(
            *(result.predictions[name].to_pylist() for name in ("symbol", "session")), strict=True
        )
    }
    assert rows
    assert all(is_member(symbol, day) for symbol, day in rows)
    assert ("NVDA", date(2026, 3, 16)) in rows
    assert ("AMZN", date(2026, 3, 17)) in rows
    assert (result.about["members"], result.about["members_with_bars"]) == (5, 4)
    notes = " ".join(result.notes)
    assert "1 joined and 1 left within the span. 4 of 6 memberships have no 'from'" in notes
    assert "4 of 5 members had bars; without bars: NOWHERE." in notes
    assert "Not scored at all: NOWHERE." in notes
