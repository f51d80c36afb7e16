"""A symbol that is forecast alone gets a signal of its own, with an outcome, from score to API."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import timedelta
from itertools import pairwise

import pytest

from pipelines.core.calendar import utc
from pipelines.forecasts import AAPL_DAILY, NVDA_5M
from pipelines.lake import Lake
from pipelines.registry.mlflow import Registry
from pipelines.sources.sample import Sample
from pipelines.steps import ingest
from pipelines.steps.scoring.outcomes import refresh_outcomes
from pipelines.steps.scoring.score import score
from serving.state.cache import SignalCache, load
from tests import models
from tests.empty_lake import lake_of_a_module
from tests.serving import daily
from tests.steps.served import fresh_registry

START, END = utc("2026-08-31"), utc("2026-09-03")
TRAINED, CLOSE = utc("2026-09-01"), utc("2026-09-02T20:00+00:00")
SOON, NIGHT = CLOSE + timedelta(minutes=1), utc("2026-09-03T05:00+00:00")
SIGNALS = """SELECT universe, ts, signal, wss, instrument, weights_partial, live
             FROM gold.index_signals WHERE forecast = ? ORDER BY ts, live"""
Row = dict[str, object]


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Registry:
    return fresh_registry(tmp_path_factory.mktemp("mlflow"))


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory, registry: Registry) -> Iterator[Lake]:
    """Two sessions of NVDA are scored, the last bar of them live; and months of AAPL."""
    with lake_of_a_module(tmp_path_factory) as lake:
        ingest(lake, Sample(), NVDA_5M.symbols, NVDA_5M.bar, START, END)
        model = models.store_verified(registry, NVDA_5M, models.body(NVDA_5M))
        models.decide(lake, NVDA_5M, "sample", model, TRAINED)
        before = CLOSE - timedelta(minutes=1)
        score(lake, registry, NVDA_5M, "sample", start=TRAINED, end=before, now=NIGHT)
        score(lake, registry, NVDA_5M, "sample", start=before, end=SOON, now=SOON)
        refresh_outcomes(lake, registry, NVDA_5M, "sample")
        daily.write_bars(lake, "sample")
        for target in AAPL_DAILY.per_target():
            served = models.store_verified(registry, target, models.body(target))
            models.decide(lake, target, "sample", served, daily.TRAINED)
        score(lake, registry, AAPL_DAILY, "sample", start=daily.TRAINED, end=END, now=NIGHT)
        refresh_outcomes(lake, registry, AAPL_DAILY, "sample")
        yield lake


def rows(lake: Lake, query: str, *values: object) -> list[Row]:
    with lake.view() as view:
        answer: list[Row] = view.sql(query, list(values)).to_pylist()
    return answer


def test_each_prediction_of_classes_is_a_signal_by_its_score(lake: Lake) -> None:
    signals = rows(lake, SIGNALS, "nvda_5m")
    predictions = rows(
        lake, "SELECT ts, score FROM gold.predictions WHERE forecast = 'nvda_5m' ORDER BY ts"
    )
    assert len(signals) == 2 * 78
    assert [row["wss"] for row in signals] == [row["score"] for row in predictions]
    for row in signals:
        side = (float(str(row["wss"])) >= 0.5) - (float(str(row["wss"])) <= -0.5)
        assert row["signal"] == ("SELL", "HOLD", "BUY")[side + 1]
        assert (row["universe"], row["instrument"]) == ("nvda", "NVDA")
    assert [row["live"] for row in signals[-2:]] == [False, True]
    assert rows(lake, "FROM silver.weights") == [], "no source was asked for a weight"


def test_a_value_is_a_signal_by_its_sign_and_a_risk_is_none(lake: Lake) -> None:
    signals = rows(lake, SIGNALS, "aapl_daily")
    values = rows(lake, "SELECT value FROM gold.predictions WHERE target = 'return' ORDER BY ts")
    assert len(signals) == len(values) > 20
    for signal, row in zip(signals, values, strict=True):
        assert signal["wss"] == math.copysign(1.0, float(str(row["value"])))
        assert signal["universe"] == "aapl"


def test_what_the_symbol_did_after_its_signal_is_its_own_return(lake: Lake) -> None:
    closes = rows(lake, "SELECT ts, close FROM silver.bars WHERE symbol = 'NVDA' ORDER BY ts")
    expected = {
        now["ts"]: math.log(float(str(later["close"])) / float(str(now["close"])))
        for now, later in pairwise(closes)
    }
    outcomes = rows(lake, "FROM gold.index_outcomes WHERE forecast = 'nvda_5m' ORDER BY ts")
    assert len(outcomes) == 2 * 78 - 1, "the newest is not known yet"
    for row in outcomes:
        assert row["next_return"] == pytest.approx(expected[row["ts"]], abs=1e-12)
        assert (row["origin"], row["coverage"]) == ("NVDA", 1.0)
    assert sum(bool(row["spans_night"]) for row in outcomes) == 1


def test_the_api_holds_its_newest_signal_like_any_other(lake: Lake) -> None:
    with lake.view() as view:
        cache: SignalCache = load(view, (NVDA_5M, AAPL_DAILY), "sample", timedelta(0), NIGHT)
    answer = cache.forecasts["nvda_5m"].signals["nvda"]
    assert (answer["live"], answer["closes_at"]) == (True, CLOSE)
    (member,) = answer["members"]
    assert (member["symbol"], member["share"]) == ("NVDA", 1.0)
    assert sum(member["probabilities"].values()) == pytest.approx(1)
    assert ("/forecasts/nvda_5m/signal", b"universe=nvda") in cache.hot
    (member,) = cache.forecasts["aapl_daily"].signals["aapl"]["members"]
    assert member["action"] in ("buy", "sell")
    expected = cache.forecasts["aapl_daily"].signals["aapl"]["expected_wss"]
    assert member["expected_score"] == pytest.approx(expected, abs=1e-12)
    assert member["probabilities"] is None
    body = cache.hot["/forecasts/aapl_daily/signal", b""].body(NIGHT.timestamp())
    assert b"old weights" not in body
