"""Features of news: the newest ended window, a neutral value where there is none, and a flag."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from pipelines.contracts.news import NEWS_SIGNALS
from pipelines.features.inputs import NEWS, OLDEST_NEWS
from pipelines.features.news import SIGNALS, news_ages, news_signal, news_signals, sentiment_change
from pipelines.sentiment.windows import EVERY


def test_every_signal_can_be_read_and_is_a_column_of_the_table() -> None:
    assert set(SIGNALS) <= set(NEWS.columns) <= set(NEWS_SIGNALS.column_names)
    for column, (_, _, low, high) in SIGNALS.items():
        declared = NEWS_SIGNALS.column(column)
        assert (declared.low, declared.high) == (low, high)


def test_a_missing_window_is_neutral_and_flagged() -> None:
    *signals, flag = news_signals("sp500")
    assert {feature.neutral for feature in signals} == {0.0}
    assert flag.is_flag
    assert flag.name == "has_news_sp500_avg_sentiment"


def test_a_feature_is_its_input() -> None:
    feature = news_signal("sp500", "avg_sentiment")
    (reference,) = feature.references
    assert reference.name == "news(sp500).avg_sentiment"
    values = np.array([0.5, -0.25])
    np.testing.assert_array_equal(feature.compute({reference.name: values}), values)


def test_a_change_of_sentiment_is_between_two_bars() -> None:
    feature = sentiment_change("sp500", 2)
    (reference,) = feature.references
    values = feature.compute({reference.name: np.array([0.5, 0.1, -0.25, 0.3])})
    np.testing.assert_allclose(values, [-0.75, 0.2])
    assert (feature.neutral, feature.window) == (0.0, 3)


def test_ages_count_on_to_the_close() -> None:
    """A story that came 100 s before its window ended is 160 s old a minute later."""
    window, story, flag = news_ages("sp500")
    arrays = {
        "news(sp500).age": np.array([60.0]),
        "news(sp500).newest_age_seconds": np.array([100.0]),
    }
    assert window.compute(arrays) == 60
    assert story.compute(arrays) == 160
    assert flag.compute(arrays) == 1
    assert (window.neutral, story.neutral) == (0, 3600)


def test_windows_of_a_day_that_nobody_computed_are_missing() -> None:
    assert EVERY < OLDEST_NEWS < timedelta(days=1)


def test_an_unknown_signal_is_no_feature() -> None:
    with pytest.raises(KeyError):
        news_signal("sp500", "window_end")


def test_a_window_is_joined_by_its_end() -> None:
    """Named by its start, an hour of news would be seen an hour early."""
    assert (NEWS.about, NEWS.known_at) == ("window_end", "known_at")
    assert datetime(2026, 9, 1, tzinfo=UTC).utcoffset() == timedelta(0)
