"""The figure of news has the signals, the stories and the price at their times."""

from __future__ import annotations

from datetime import UTC, datetime

from dashboard import palette
from dashboard.clock import Clock
from dashboard.figures.news import draw_strength

SPAN = (datetime(2026, 8, 31, tzinfo=UTC), datetime(2026, 9, 1, tzinfo=UTC))
FIELDS = ("window_end", "avg_sentiment", "article_count", "trading_signal")
SIGNALS = [
    dict(zip(FIELDS, ("2026-08-31T14:00:00Z", 0.3, 4, 1), strict=True)),
    dict(zip(FIELDS, ("2026-08-31T14:15:00Z", -0.1, 2, 0), strict=True)),
]
BARS = [{"closes_at": "2026-08-31T14:30:00Z", "close": 101.5}]


def test_bars_have_the_colour_of_their_side_and_signals_a_mark() -> None:
    sentiment, stories, buy, sell, price = draw_strength(
        SIGNALS, BARS, "SPY", SPAN, Clock("America/New_York")
    ).data
    assert list(sentiment.marker.color) == [palette.UP, palette.DOWN]
    assert list(sentiment.x) == [datetime(2026, 8, 31, 10, 0), datetime(2026, 8, 31, 10, 15)]
    assert list(stories.y) == [4, 2]
    assert (len(buy.x), len(sell.x)) == (1, 0)
    assert (list(price.y), price.name) == ([101.5], "SPY close")


def test_without_a_price_the_signals_stand_alone() -> None:
    assert len(draw_strength(SIGNALS, [], "SPY", SPAN, Clock()).data) == 4
