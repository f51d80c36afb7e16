"""spy_next_day: from at least 35 features, with what lies beside SPY's own bars."""

from __future__ import annotations

from pipelines.forecasts import SPY_NEXT_DAY
from pipelines.gates import BeyondChance, BeyondFrequent


def test_it_reads_its_own_bars_and_those_of_five_companions() -> None:
    assert len(SPY_NEXT_DAY.features) >= 35
    assert SPY_NEXT_DAY.companions == ("QQQ", "TLT", "GLD", "IWM", "VIX")
    beside = [feature for feature in SPY_NEXT_DAY.features if feature.references]
    assert len(beside) >= 15
    own = {"rsi_14", "macd_12_26", "bollinger_width_20", "atr_14", "volatility_5", "volatility_21"}
    assert own <= set(SPY_NEXT_DAY.feature_names)


def test_only_small_companies_may_be_missing() -> None:
    optional = {
        r.subject for f in SPY_NEXT_DAY.features if f.neutral is not None for r in f.references
    }
    assert optional == {"IWM"}
    assert "has_iwm_log_close" in SPY_NEXT_DAY.flags


def test_the_predictions_of_all_its_models_are_published() -> None:
    (target,) = SPY_NEXT_DAY.targets
    assert target.label.classes == ("down", "up")
    assert set(target.challengers) == {candidate.name for candidate in target.candidates}
    assert {type(gate) for gate in target.gates} >= {BeyondChance, BeyondFrequent}
