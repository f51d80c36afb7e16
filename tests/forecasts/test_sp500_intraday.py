"""sp500_intraday: 114 features of minutes, three targets, a run every quarter of an hour."""

from __future__ import annotations

from datetime import timedelta

from pipelines.features import INTRADAY, INTRADAY_MARKET
from pipelines.forecasts import SP500_INTRADAY
from pipelines.modeling.candidates.feature_choice import choice_of
from pipelines.modeling.selection import ByOutOfTimeAuc
from pipelines.sources.sample import Sample


def test_it_reads_quotes_and_news_of_114_features() -> None:
    assert SP500_INTRADAY.features == INTRADAY
    assert {"volume", "bid", "ask"} <= set(SP500_INTRADAY.own_columns)
    assert {(r.dataset.name, r.subject) for r in SP500_INTRADAY.references} == {("news", "sp500")}
    assert SP500_INTRADAY.companions == ()


def test_it_says_up_or_down_in_half_an_hour_and_in_an_hour_and_the_return_of_half_an_hour() -> None:
    targets = {target.name: target.label for target in SP500_INTRADAY.targets}
    assert [(n, t.kind, t.horizon) for n, t in targets.items()] == [
        ("direction_30", "classes", 30),
        ("direction_60", "classes", 60),
        ("return_30", "value", 30),
    ]
    assert all(label.within_session for label in targets.values())
    assert SP500_INTRADAY.own_signal
    assert SP500_INTRADAY.own_signal[0].name == "direction_30"


def test_a_run_covers_a_quarter_of_an_hour_and_its_last_row_can_be_live() -> None:
    schedule = SP500_INTRADAY.schedule
    assert SP500_INTRADAY.cadence.minutes == 15
    assert schedule.grace < timedelta(seconds=30)


def test_the_first_start_brings_half_a_year_of_what_is_made_up_and_all_of_a_real_history() -> None:
    schedule = SP500_INTRADAY.schedule
    assert schedule.history_of(is_sample=False) == schedule.history > timedelta(days=1800)
    assert schedule.history_of(is_sample=True) == timedelta(days=180)


def test_the_sample_has_its_instrument() -> None:
    assert SP500_INTRADAY.symbols == ("ES",)
    assert set(SP500_INTRADAY.symbols) <= set(Sample().symbols())


def test_what_news_add_is_seen_beside_candidates_of_the_market_alone() -> None:
    direction, hour, value = SP500_INTRADAY.targets
    market = tuple(feature.name for feature in INTRADAY_MARKET)
    read = {c.name: choice_of(c).select(SP500_INTRADAY.feature_names) for c in direction.candidates}
    assert read == {
        "xgboost": SP500_INTRADAY.feature_names,
        "xgboost_market": market,
        "lightgbm_market": market,
    }
    assert [c.name for c in hour.candidates] == ["xgboost"]
    assert [c.name for c in value.candidates] == ["mean", "xgboost"]
    for target in (direction, hour):
        assert target.selection == ByOutOfTimeAuc(floor=0.5, most_gap=0.25)
