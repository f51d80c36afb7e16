"""A candidate may read a part of the features, chosen by patterns of their names."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pipelines.core.errors import InvalidRequest
from pipelines.modeling.candidates import Logistic, XGBoostClasses, only, parameters, without
from pipelines.modeling.candidates.feature_choice import EVERY_FEATURE, choice_of, select_places

NAMES = ("rsi_14", "news_tone", "spread", "news_age")
COLUMNS = (*NAMES, "symbol")


def test_patterns_name_what_is_left_out_or_what_alone_is_read() -> None:
    assert without("news_*").select(NAMES) == ("rsi_14", "spread")
    assert only("news_*", "rsi_14").select(NAMES) == ("rsi_14", "news_tone", "news_age")
    assert EVERY_FEATURE.select(NAMES) == NAMES


def test_the_columns_of_a_choice_end_with_the_symbols_code() -> None:
    assert select_places(Logistic(inputs=without("news_*")), COLUMNS) == (0, 2, 4)
    assert select_places(Logistic(), COLUMNS) is None


@pytest.mark.parametrize("choice", [without("news"), only("rsi_14", "macd_*")], ids=str)
def test_a_pattern_that_no_feature_has_is_refused(choice: object) -> None:
    with pytest.raises(InvalidRequest, match="no feature is named"):
        choice.select(NAMES)  # type: ignore[attr-defined]


def test_a_choice_that_leaves_nothing_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="leaves no feature"):
        without("*").select(NAMES)


def test_a_candidate_says_its_choice_in_words_and_keeps_it_where_it_is_tuned() -> None:
    candidate = XGBoostClasses(inputs=without("news_*"), name="xgboost_market")
    assert parameters(candidate)["inputs"] == "all but news_*"
    assert parameters(Logistic(inputs=only("a", "b")))["inputs"] == "a, b"
    assert parameters(Logistic())["inputs"] == "all"
    assert choice_of(replace(candidate, rounds=5)) == without("news_*")
