"""The laws of every declared forecast, and the errors of wrong declarations."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from datetime import timedelta

import pytest

from pipelines.core.errors import InvalidRequest
from pipelines.features import HOURLY
from pipelines.features.inputs import bars
from pipelines.features.intermarket import correlation, is_there, relative_return, return_of
from pipelines.features.news import news_signals
from pipelines.features.returns import log_return
from pipelines.forecasts import (
    AAPL_DAILY,
    FORECASTS,
    NASDAQ100_HOURLY,
    NVDA_5M,
    Forecast,
    forecast,
)
from pipelines.forecasts.combination import ComponentWeighted
from pipelines.forecasts.tables import FEATURE_TABLES
from pipelines.labels import Action, Risk
from pipelines.modeling.action_rules import LikeliestIfConfident
from pipelines.modeling.candidates import Logistic, without

HEAVY = ("pandas", "pyarrow", "duckdb", "sklearn", "mlflow", "evidently", "onnxruntime", "scipy")
ACTION = FORECASTS[0].targets[0]
EACH_FORECAST = pytest.mark.parametrize("declared", FORECASTS, ids=lambda f: f.name)


def test_reading_the_declarations_imports_nothing_heavy() -> None:
    """A DAG file does so every few seconds."""
    code = f"import sys, pipelines.forecasts; print([m for m in {HEAVY} if m in sys.modules])"
    process = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert process.stdout.strip() == "[]"


@EACH_FORECAST
def test_it_has_a_table_with_a_column_for_each_feature(declared: Forecast) -> None:
    assert declared.table in FEATURE_TABLES
    assert set(declared.feature_names) <= set(declared.table.column_names)
    assert declared.meaning
    assert forecast(declared.name) is declared


def test_a_forecast_that_reads_news_names_their_source() -> None:
    assert NASDAQ100_HOURLY.news_source("yahoo") is None
    reader = replace(NASDAQ100_HOURLY, features=(log_return(1), *news_signals("sp500")))
    sources = ("sample", "yahoo", "oanda", "files", "of_my_own")
    assert [reader.news_source(source) for source in sources] == [
        "sample", "gdelt", "gdelt", "files", "of_my_own",
    ]  # fmt: skip


@EACH_FORECAST
def test_its_fingerprints_change_with_the_meaning_of_features_and_labels(
    declared: Forecast,
) -> None:
    # Shorter than a run, whatever it has; and another than its own.
    shorter = "5m" if declared.schedule.every else "30m"
    interval = shorter if declared.interval != shorter else "15m"
    assert interval != declared.interval
    renamed = replace(declared, meaning="in other words")
    assert renamed.table_fingerprint == declared.table_fingerprint
    for name in declared.target_names:
        target = declared.target_forecast(name)
        assert renamed.target_forecast(name).model_fingerprint == target.model_fingerprint
        label = replace(target.label, horizon=3)  # type: ignore[type-var]
        for other in (
            replace(declared, features=declared.features[1:]),
            replace(declared, features=declared.features[::-1]),
            replace(declared, interval=interval),
            target.replace(label=label).forecast,
        ):
            assert other.target_forecast(name).model_fingerprint != target.model_fingerprint
            assert other.table_fingerprint != declared.table_fingerprint


@EACH_FORECAST
def test_each_target_has_its_own_forecast_on_the_same_table(declared: Forecast) -> None:
    assert [target_forecast.target.name for target_forecast in declared.per_target()] == list(
        declared.target_names
    )
    assert len(
        {target_forecast.model_fingerprint for target_forecast in declared.per_target()}
    ) == len(declared.targets)
    for target_forecast in declared.per_target():
        assert (target_forecast.forecast, target_forecast.table) == (declared, declared.table)
        assert {target_forecast.target.outcome, target_forecast.target.known_at} <= set(
            target_forecast.table.column_names
        )
        changed = target_forecast.replace(challengers=())
        assert changed.forecast.target_names == declared.target_names
        assert changed.target.challengers == ()


def test_of_several_targets_one_must_be_named() -> None:
    with_two_targets = replace(
        FORECASTS[0], targets=(ACTION, replace(ACTION, label=Risk(), combinations=()))
    )
    with pytest.raises(InvalidRequest, match="has the targets action, risk"):
        with_two_targets.target_forecast()
    assert with_two_targets.target_forecast("risk").label.name == "risk"
    with pytest.raises(InvalidRequest, match="unknown target") as error:
        with_two_targets.target_forecast("actions")
    assert "action" in error.value.hint


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": "Next Hour"}, "cannot name a forecast"),
        ({"universe": "nasdaq"}, "the forecast nasdaq100_hourly: unknown universe 'nasdaq'"),
        ({"interval": "2h"}, "unknown interval"),
        ({"features": ()}, "has no features"),
        ({"features": (HOURLY[0], HOURLY[0])}, "twice"),
        ({"targets": ()}, "has no targets"),
        ({"targets": (ACTION, ACTION)}, "twice"),
        ({"targets": (replace(ACTION, candidates=()),)}, "has no candidates"),
        ({"targets": (replace(ACTION, gates=()),)}, "has no gate that blocks"),
        ({"targets": (replace(ACTION, baseline="mean"),)}, "unknown candidate"),
    ],
)
def test_a_wrong_declaration_proposes_the_fix(change: dict[str, object], message: str) -> None:
    with pytest.raises(InvalidRequest, match=message) as error:
        replace(FORECASTS[0], **change)  # type: ignore[arg-type]
    assert error.value.hint


def test_a_candidate_may_read_a_part_of_the_features_under_a_name_of_its_own() -> None:
    declared = FORECASTS[0].target_forecast(FORECASTS[0].target_names[0])
    first = declared.forecast.feature_names[0]
    market = Logistic(inputs=without(first), name="market")
    changed = declared.replace(candidates=(Logistic(), market), challengers=(), baseline="")
    assert changed.candidates[1].inputs.select(changed.feature_names) == changed.feature_names[1:]
    for candidates, message in (
        ((Logistic(), Logistic(inputs=without(first))), "the candidate logistic_regression twice"),
        ((Logistic(inputs=without("no_such_*")),), "logistic_regression: no feature is named"),
        ((Logistic(inputs=without("*")),), "leaves no feature"),
    ):
        with pytest.raises(InvalidRequest, match=message):
            declared.replace(candidates=candidates, challengers=(), baseline="")


def test_a_symbol_that_is_forecast_alone_has_a_signal_of_its_own() -> None:
    """By the first target with a direction: of classes by their scores, of a value by its sign."""
    assert NVDA_5M.combinations == (ComponentWeighted("nvda"),)
    by_return, risk = AAPL_DAILY.per_target()
    assert by_return.combinations == AAPL_DAILY.combinations
    assert [rule.actions for rule in by_return.combinations] == [("sell", "hold", "buy")]
    assert risk.combinations == (), "risks have no direction"
    assert (AAPL_DAILY.combined_universes, AAPL_DAILY.funds) == (("aapl",), ())
    only_risk = replace(AAPL_DAILY, targets=(risk.target,))
    assert only_risk.combinations == ()


def test_what_is_declared_comes_before_a_signal_of_its_own() -> None:
    bolder = ComponentWeighted("nvda", buy_at=1.5, sell_at=-1.5)
    declared = NVDA_5M.target_forecast().replace(combinations=(bolder,)).forecast
    assert declared.combinations == (bolder,)
    several = NASDAQ100_HOURLY.target_forecast().replace(combinations=()).forecast
    assert several.combinations == (), "several symbols have no signal that was not declared"


def test_a_rule_that_holds_needs_a_class_to_hold_with() -> None:
    class UpOrDown(Action):
        classes = ("down", "up")
        scores = (-1.0, 1.0)

    with pytest.raises(InvalidRequest, match="none of the scores -1, 1 is 0"):
        replace(ACTION, label=UpOrDown(), combinations=(), rule=LikeliestIfConfident())


def test_an_unknown_forecast_is_an_error_that_lists_the_known() -> None:
    with pytest.raises(InvalidRequest) as error:
        forecast("nasdaq_hourly")
    assert "nasdaq100_hourly" in error.value.hint


def test_what_lies_beside_its_bars_follows_from_its_features() -> None:
    features = (log_return(1), correlation(bars("MSFT"), 5), relative_return(bars("TLT"), 20))
    declared = replace(NASDAQ100_HOURLY, features=features)
    assert declared.companions == ("TLT",), "MSFT is one of its own symbols"
    assert [reference.name for reference in declared.references] == [
        "MSFT.log_close",
        "TLT.log_close",
    ]
    assert declared.look_back == 20
    assert declared.look_back_on(bars("MSFT").log_close) == 5
    assert declared.own_columns == ("open", "high", "low", "close", "volume")
    assert NASDAQ100_HOURLY.companions == ()


def test_a_neutral_value_without_a_flag_is_refused() -> None:
    spread = replace(relative_return(bars("TLT"), 5), neutral=0.0)
    with pytest.raises(InvalidRequest, match=r"tlt_relative_5 has a neutral value.*TLT\.log_close"):
        replace(NASDAQ100_HOURLY, features=(log_return(1), spread))
    flag = is_there(bars("TLT").log_close)
    declared = replace(NASDAQ100_HOURLY, features=(log_return(1), spread, flag))
    assert declared.flags == ("tlt_relative_5", "has_tlt_log_close")


def test_one_reference_is_missing_at_one_age() -> None:
    young = bars("TLT", oldest=timedelta(days=1))
    features = (return_of(bars("TLT"), 1), return_of(young, 2))
    with pytest.raises(InvalidRequest, match=r"TLT\.log_close as missing at two ages"):
        replace(NASDAQ100_HOURLY, features=features)
