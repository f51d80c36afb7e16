"""Candlesticks: no night takes room, and every mark stands at its own bar."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from dashboard.clock import Clock
from dashboard.figures.market import Chart, Marked, bar_times, draw_market, places_of

UTC, NEW_YORK = Clock("UTC"), Clock("America/New_York")


def bar(ts: str, close: float = 100.0, **more: Any) -> dict[str, Any]:
    return {
        "ts": ts, "closes_at": ts[:-6] + "59:59Z", "open": close - 1, "high": close + 2,
        "low": close - 2, "close": close, "volume": 5.0, "bars": 1, "sma_20": None,
        "rsi_14": 50.0, "macd_12_26": 0.01, "macd_signal_12_26_9": 0.02,
        "macd_histogram_12_26_9": -0.01, "bollinger_low_20": 90.0, "bollinger_high_20": 110.0,
    } | more  # fmt: skip


FRIDAY, MONDAY = bar("2026-08-28T19:00:00Z"), bar("2026-08-31T13:00:00Z", 105.0)
BARS = [FRIDAY, MONDAY]


def traces(chart: Chart) -> dict[str, Any]:
    return {trace.name: trace for trace in draw_market(chart, UTC).data}


def test_bars_lie_side_by_side_whatever_time_lies_between() -> None:
    figure = draw_market(Chart("1h", "UTC", BARS), UTC)
    axis = figure.layout.xaxis
    assert axis.type == figure.layout.xaxis2.type == "category"
    assert list(axis.categoryarray) == ["2026-08-28<br>19:00", "2026-08-31<br>13:00"]
    assert figure.layout.xaxis2.matches == "x"
    assert axis.rangeslider.visible
    assert tuple(axis.range) == tuple(axis.rangeslider.range) == (-0.5, 1.5)


def test_days_are_named_by_the_date_of_their_exchange() -> None:
    sydney = bar("2026-08-27T23:00:00Z")
    assert bar_times(Chart("1d", "Australia/Sydney", [sydney]), UTC) == ["2026-08-28"]


def test_an_hour_that_comes_twice_is_two_bars() -> None:
    twice = [bar("2026-11-01T05:30:00Z"), bar("2026-11-01T06:30:00Z")]
    times = bar_times(Chart("1h", "America/New_York", twice), NEW_YORK)
    assert times == ["2026-11-01<br>01:30 -0400", "2026-11-01<br>01:30 -0500"]


def test_a_mark_stands_at_its_bar_by_shape_and_not_by_colour_alone() -> None:
    predictions = [
        Marked(FRIDAY["closes_at"], 2.0, live=True, words="strong buy"),
        Marked(MONDAY["closes_at"], -1.0, live=False, words="sell"),
        Marked("2026-01-01T00:00:00Z", 1.0, live=True, words="of no bar here"),
    ]
    traces_by_name = traces(Chart("1h", "UTC", BARS, predictions=predictions))
    up, down = traces_by_name["predicted up"], traces_by_name["predicted down"]
    assert list(up.x) == ["2026-08-28<br>19:00"]
    assert list(down.x) == ["2026-08-31<br>13:00"]
    assert up.y[0] < FRIDAY["low"]
    assert down.y[0] > MONDAY["high"]
    assert list(up.marker.symbol) == ["triangle-up"]
    assert list(down.marker.symbol) == ["triangle-down-open"]
    assert up.marker.size[0] > down.marker.size[0]
    assert [place for place, _ in places_of(predictions, BARS)] == [0, 1]


def test_signals_have_a_strip_with_a_row_for_each_direction() -> None:
    signals = [
        Marked(FRIDAY["closes_at"], 0.0, live=True, words="HOLD"),
        Marked(MONDAY["closes_at"], -1.0, live=True, words="SELL"),
    ]
    traces_by_name = traces(Chart("1h", "UTC", BARS, signals=signals))
    assert (list(traces_by_name["signal SELL"].y), list(traces_by_name["signal HOLD"].y)) == (
        [-1],
        [0],
    )
    assert traces_by_name["signal SELL"].marker.symbol == ("triangle-down",)


def test_each_indicator_that_was_chosen_is_drawn_and_no_other() -> None:
    everything = Chart("1h", "UTC", BARS, ["sma_20", "bollinger_20", "rsi_14", "macd"])
    names = set(traces(everything))
    assert names == {
        "price", "volume", "SMA 20", "Bollinger 20", "RSI 14", "MACD 12 26", "MACD signal 9",
        "histogram",
    }  # fmt: skip
    assert set(traces(Chart("1h", "UTC", BARS))) == {"price", "volume"}
    tall, short = (
        draw_market(c, UTC).layout.height for c in (everything, Chart("1h", "UTC", BARS))
    )
    assert tall > short


def test_panels_do_not_overlap() -> None:
    signals = [Marked(FRIDAY["closes_at"], 1.0, live=True, words="BUY")]
    chart = Chart("1h", "UTC", BARS, ["rsi_14", "macd"], signals=signals)
    layout = draw_market(chart, UTC).layout
    domains = [layout[name].domain for name in ("yaxis", "yaxis2", "yaxis3", "yaxis4", "yaxis5")]
    for upper, lower in pairwise(domains):
        assert lower[1] < upper[0]
    assert domains[0][1] == 1
    assert domains[-1][0] >= 0


def test_a_rise_is_hollow_and_a_fall_is_filled() -> None:
    price = traces(Chart("1h", "UTC", BARS))["price"]
    assert price.increasing.fillcolor == "rgba(0,0,0,0)"
    assert price.decreasing.fillcolor == price.decreasing.line.color
