"""What yahoo makes of good answers, with yfinance's own code asking a local server."""

from __future__ import annotations

import json
import socket
from dataclasses import replace
from datetime import UTC, date, datetime

import numpy as np
import pytest
from hypothesis import strategies as st

from pipelines.sources.base import ACTIONS, BARS
from pipelines.sources.yahoo import Yahoo
from tests.servers.yahoo import YahooServer
from tests.sources.yahoo.requests import (
    at,
    build_source,
    days,
    opens,
    price_rows,
    read_one,
    request,
    values,
)


def test_hourly_bars_arrive_as_they_were_through_a_change_of_clocks(server: YahooServer) -> None:
    bars = price_rows(opens("1h", "2026-10-29", "2026-11-05"))
    server.add("AAPL", "1h", bars)
    _, parsed = read_one(build_source(), request("AAPL", "1h", "2026-10-29", "2026-11-05"))
    assert parsed.bars.schema == BARS
    assert values(parsed.bars) == [tuple(row.values()) for row in bars]
    assert {t.hour for t in parsed.bars["ts"].to_pylist()[:7]} == set(range(13, 20))
    assert {t.hour for t in parsed.bars["ts"].to_pylist()[-7:]} == set(range(14, 21))
    assert parsed.bars["row"].to_pylist() == list(range(1, len(bars) + 1))
    assert (parsed.split_adjusted, parsed.calendar, parsed.grid) == (True, "XNYS", "session")


@pytest.mark.parametrize("interval", ["5m", "1h", "1d"])
def test_clean_bars_equal_those_of_yfinance_itself(server: YahooServer, interval: str) -> None:
    import yfinance

    span = "2026-11-09", "2026-11-14"
    times = days(*span) if interval == "1d" else opens(interval, *span)
    server.add("MSFT", interval, price_rows(times))
    source = build_source()
    _, parsed = read_one(source, request("MSFT", interval, *span))
    client = source._client()
    door = yfinance.scrapers.history.PriceHistory(client.data, "MSFT", "UTC", client.session)
    frame = door.history(
        start=at(span[0]), end=at(span[1]), interval=interval, auto_adjust=False, keepna=True
    )
    frame.index = frame.index.tz_localize(None).tz_localize("UTC") if interval == "1d" else (
        frame.index.tz_convert("UTC")
    )  # fmt: skip
    expected = frame.reset_index(names="ts")[["ts", "Open", "High", "Low", "Close", "Volume"]]
    assert values(parsed.bars) == [tuple(row) for row in expected.itertuples(index=False)]


def test_an_answer_reads_the_same_later_offline_and_after_a_round_trip(
    server: YahooServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.add("AAPL", "30m", [])
    server.add("AAPL", "15m", price_rows(opens("15m", "2026-11-16", "2026-11-18")))
    source = build_source()
    answer, parsed = read_one(source, request("AAPL", "30m", "2026-11-16", "2026-11-18"))
    stored = replace(answer, query=json.loads(json.dumps(dict(answer.query))))
    server.__exit__()

    def no_network(*_: object, **__: object) -> None:
        raise AssertionError("parse went to the network")

    monkeypatch.setattr(socket, "socket", no_network)
    monkeypatch.setattr("curl_cffi.requests.Session.request", no_network)
    reparsed = Yahoo().parse(stored)
    assert reparsed == parsed
    assert "crumb" not in json.dumps(dict(answer.query))


def test_thirty_minutes_are_made_of_fifteen_and_a_gap_in_a_part_is_one_in_the_whole(
    server: YahooServer,
) -> None:
    bars = price_rows(opens("15m", "2026-11-19", "2026-11-20"))
    bars[3]["high"] = None
    server.add("AAPL", "15m", bars)
    _, parsed = read_one(build_source(), request("AAPL", "30m", "2026-11-19", "2026-11-20"))
    rows = parsed.bars.to_pylist()
    assert [r["ts"] for r in rows] == opens("30m", "2026-11-19", "2026-11-20")
    assert (rows[0]["open"], rows[0]["close"]) == (bars[0]["open"], bars[1]["close"])
    assert rows[0]["high"] == max(bars[0]["high"], bars[1]["high"])
    assert rows[0]["volume"] == bars[0]["volume"] + bars[1]["volume"]
    assert np.isnan(rows[1]["high"])
    assert rows[1]["row"] == 3


def test_a_gap_stays_a_gap_also_in_the_volume(server: YahooServer) -> None:
    bars = price_rows(opens("1h", "2026-11-19", "2026-11-20"))
    bars[2] |= dict.fromkeys(("open", "high", "low", "close", "volume"))
    server.add("AAPL", "1h", bars)
    _, parsed = read_one(build_source(), request("AAPL", "1h", "2026-11-19", "2026-11-20"))
    assert parsed.bars.num_rows == 7
    assert all(np.isnan(value) for value in values(parsed.bars)[2][1:])


@pytest.mark.parametrize(
    ("zone", "market", "hours", "kind"),
    [
        ("America/New_York", "XNYS", ("09:30", "16:00"), "EQUITY"),
        ("Asia/Tokyo", "XTKS", ("09:00", "15:30"), "EQUITY"),
        ("Australia/Sydney", "XASX", ("10:00", "16:00"), "EQUITY"),
        ("Europe/Berlin", "XETR", ("09:00", "17:30"), "EQUITY"),
        ("Europe/London", "24/5", ("00:00", "23:59"), "CURRENCY"),
        ("UTC", "24/7", ("00:00", "23:59"), "CRYPTOCURRENCY"),
    ],
)
def test_daily_bars_are_named_by_the_date_of_their_exchange(
    server: YahooServer, zone: str, market: str, hours: tuple[str, str], kind: str
) -> None:
    dates = days("2026-10-19", "2026-11-07", market)
    server.add("X", "1d", price_rows(dates), zone=zone, hours=hours, kind=kind)
    got = []
    for start, end in (("2026-10-19", "2026-10-28"), ("2026-10-28", "2026-11-07")):
        _, parsed = read_one(build_source(), request("X", "1d", start, end))
        assert parsed.calendar == market
        got += parsed.bars["ts"].to_pylist()
    assert got == dates


def test_a_week_is_asked_for_whole_and_the_running_one_merged(server: YahooServer) -> None:
    mondays = [at("2026-11-02"), at("2026-11-09"), at("2026-11-16")]
    now = at("2026-11-18T16:00")
    live = {"ts": at("2026-11-18T15:47:13"), "open": 9.0, "high": 999.0, "low": 9.0, "close": 9.0}
    server.add("SPY", "1wk", price_rows(mondays), kind="ETF", live=live | {"volume": 1.0})
    bars_request = request("SPY", "1w", "2026-11-04", "2026-11-18T16:00", as_of=now)
    _, parsed = read_one(build_source(now), bars_request)
    assert parsed.bars["ts"].to_pylist() == mondays[1:]
    assert parsed.bars["high"].to_pylist()[-1] == 999.0
    (params,) = server.charts()
    assert int(params["period1"]) <= mondays[0].timestamp()
    assert int(params["period2"]) == now.timestamp()


@pytest.mark.parametrize("interval", ["1h", "30m", "1d"])
def test_the_newest_trade_goes_to_the_bar_it_belongs_to(server: YahooServer, interval: str) -> None:
    now = at("2026-11-19T15:47:30")
    live = {"ts": at("2026-11-19T15:47:13"), **dict.fromkeys(("open", "high", "low", "close"), 7.0)}
    asked_of = {"30m": "15m"}.get(interval, interval)
    closed = opens("15m" if interval == "30m" else "1h", "2026-11-19", "2026-11-20")
    times = days("2026-11-18", "2026-11-19") if interval == "1d" else [t for t in closed if t < now]
    server.add("AAPL", asked_of, price_rows(times), live=live | {"volume": 0.0})
    bars_request = request("AAPL", interval, "2026-11-18", "2026-11-19T15:47:30", as_of=now)
    _, parsed = read_one(build_source(now), bars_request)
    bar = {"1h": "2026-11-19T15:30", "30m": "2026-11-19T15:30", "1d": "2026-11-19"}[interval]
    last = parsed.bars.to_pylist()[-1]
    assert (last["ts"], last["close"]) == (at(bar), 7.0)
    on_grid = opens(interval, "2026-11-18", "2026-11-20")
    if interval != "1d":
        assert set(parsed.bars["ts"].to_pylist()) <= set(on_grid)
    assert parsed.rejects.num_rows == 0


def test_a_bar_that_late_quotes_still_change_is_put_aside(server: YahooServer) -> None:
    now = at("2026-11-19T16:35")  # five minutes after the close of the 15:30 bar
    live = {"ts": at("2026-11-19T16:19:58"), "open": 7.0, "high": 7.0, "low": 7.0, "close": 7.0}
    times = [t for t in opens("1h", "2026-11-19", "2026-11-20") if t < at("2026-11-19T16:00")]
    server.add("AAPL", "1h", price_rows(times), live=live | {"volume": 0.0})
    bars_request = request("AAPL", "1h", "2026-11-19", "2026-11-19T16:30", as_of=now)
    answer, parsed = read_one(build_source(now), bars_request)
    assert parsed.bars["ts"].to_pylist() == times[:-1]
    assert set(parsed.rejects["reason"].to_pylist()) == {"unclosed"}
    assert parsed.rejects.num_rows == 2
    later = Yahoo().parse(replace(answer, received_at=at("2026-11-19T17:00")))
    assert later.bars.num_rows == len(times) + 1


def test_a_print_at_the_close_is_left_for_the_quarantine(server: YahooServer) -> None:
    bars = price_rows([*opens("1h", "2026-11-19", "2026-11-20"), at("2026-11-19T21:00")])
    server.add("AAPL", "1h", bars)
    _, parsed = read_one(build_source(), request("AAPL", "1h", "2026-11-19", "2026-11-20"))
    assert parsed.bars["ts"].to_pylist()[-1] == at("2026-11-19T21:00")


def test_nothing_after_as_of_is_asked_for_nor_taken(server: YahooServer) -> None:
    as_of = at("2026-11-12T18:30")
    live = {"ts": at("2026-11-20T21:59:59"), "open": 7.0, "high": 7.0, "low": 7.0, "close": 7.0}
    server.add(
        "AAPL", "1d", price_rows(days("2026-11-02", "2026-11-20")), live=live | {"volume": 1.0}
    )
    server.add("AAPL", "1h", price_rows(opens("1h", "2026-11-02", "2026-11-20")))
    for interval in ("1d", "1h"):
        _, parsed = read_one(
            build_source(), request("AAPL", interval, "2026-11-02", "2026-11-20", as_of)
        )
        assert max(parsed.bars["ts"].to_pylist()) <= as_of
    assert {int(params["period2"]) for params in server.charts()} == {as_of.timestamp()}
    assert (
        list(build_source().pieces(request("AAPL", "1h", "2026-11-16", "2026-11-17", as_of))) == []
    )


def test_splits_and_dividends_are_noted_on_their_date(server: YahooServer) -> None:
    server.add(
        "7203.T", "1d", price_rows(days("2026-11-02", "2026-11-14", "XTKS")),
        zone="Asia/Tokyo", hours=("09:00", "15:30"),
        splits=[(date(2026, 11, 5), 4.0)], dividends=[(date(2026, 11, 9), 0.205)],
    )  # fmt: skip
    _, parsed = read_one(build_source(), request("7203.T", "1d", "2026-11-02", "2026-11-14"))
    assert parsed.actions.schema == ACTIONS
    assert parsed.actions.to_pylist() == [
        {"symbol": "7203.T", "date": date(2026, 11, 5), "kind": "split", "value": 4.0},
        {"symbol": "7203.T", "date": date(2026, 11, 9), "kind": "dividend", "value": 0.205},
    ]


def test_no_bars_are_an_answer_for_a_weekend_and_before_the_listing(server: YahooServer) -> None:
    server.add("AAPL", "1h", [])
    server.add(
        "NEWCO", "1d", price_rows(days("2026-11-02", "2026-11-14")), listed=at("2026-11-02T14:30")
    )
    for bars_request in (
        request("AAPL", "1h", "2026-11-14", "2026-11-16"),
        request("NEWCO", "1d", "2026-10-01", "2026-10-20"),
    ):
        _, parsed = read_one(build_source(), bars_request)
        assert parsed.bars.num_rows == 0


def test_cookie_and_crumb_are_asked_for_once_and_kept_off_the_disk(
    server: YahooServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused() -> None:
        raise AssertionError("yfinance opened its cache")

    monkeypatch.setattr("yfinance.cache.get_cookie_cache", refused)
    monkeypatch.setattr("yfinance.cache.get_tz_cache", refused)
    server.add("AAPL", "1d", price_rows(days("2026-11-02", "2026-11-14")))
    source = build_source()
    for _ in range(2):
        read_one(source, request("AAPL", "1d", "2026-11-02", "2026-11-14"))
    assert [path for path, _ in server.questions] == [
        "/", "/v1/test/getcrumb", "/v8/finance/chart/AAPL", "/v8/finance/chart/AAPL"
    ]  # fmt: skip


moments = st.datetimes(datetime(2026, 10, 22), datetime(2026, 11, 20, 22), timezones=st.just(UTC))


def test_an_index_is_asked_for_as_yahoo_spells_it(server: YahooServer) -> None:
    dates = days("2026-10-19", "2026-11-07", "XNYS")
    server.add("^VIX", "1d", price_rows(dates), kind="INDEX")
    _, parsed = read_one(build_source(), request("VIX", "1d", "2026-10-19", "2026-11-07"))
    assert set(parsed.bars["symbol"].to_pylist()) == {"VIX"}
    assert parsed.bars["ts"].to_pylist() == dates
