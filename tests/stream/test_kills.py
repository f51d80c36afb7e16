"""A stream that is killed, cut and half open: bars equal the candles, none lost, none doubled."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from pipelines.core.calendar import interval_of
from pipelines.core.settings import ROOT
from pipelines.lake import Lake
from pipelines.sources.oanda import Oanda
from pipelines.sources.sample import Sample
from pipelines.steps import ingest
from pipelines.stream.minutes import MINUTE, floor_minute
from pipelines.stream.newest_prices import StreamState, prices_file, read_state
from pipelines.stream.oanda import OandaPrices
from pipelines.stream.process import StreamOptions, run_stream
from tests.servers.oanda import OandaServer
from tests.servers.oanda_stream import Hang, Lost, Step, StreamServer, heartbeat, price

START = datetime(2026, 11, 25, 14, 30, tzinfo=UTC)  # the open of a session
SECOND = timedelta(seconds=1)
SPEED = 60.0
UNSURE = 10 * SECOND  # in haste these are some milliseconds
PRICES = "symbol, ts, open, high, low, close, bid, ask"
Rows = list[tuple[object, ...]]


def read_streamed(lake: Lake) -> Rows:
    """The bars that silver has of the stream; bronze has each of them once."""
    streamed = lake.rows(f"SELECT {PRICES} FROM silver.bars WHERE built_from = 'stream'")
    assert lake.rows(
        """SELECT count(*), count(DISTINCT (symbol, ts)) FROM bronze.bars
           WHERE built_from = 'stream'"""
    ) == [(len(streamed), len(streamed))]
    return streamed


def assert_settled(lake: Lake, streamed: Rows, minutes: int) -> None:
    """Every bar of the stream equals its candle, and every candle is there."""
    candles = lake.rows(f"SELECT {PRICES} FROM silver.bars WHERE built_from IS NULL")
    assert len(candles) == minutes
    assert {row[:2] for row in streamed} <= {row[:2] for row in candles}
    assert lake.rows(
        """SELECT sum(rows_checked)::BIGINT, sum(offenders)::BIGINT FROM gold.checks
           WHERE "check" = 'stream_agreement'"""
    ) == [(len(streamed), 0)]
    assert lake.rows("SELECT count(*) FROM silver.bars WHERE built_from IS NOT NULL") == [(0,)]


class Worker:
    """A process that streams the sample, by a clock that goes on while none runs."""

    def __init__(self, began: datetime) -> None:
        self.began, started = began, datetime.now(UTC)
        words = [START.isoformat(), began.isoformat(), str(SPEED)]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.stream.stream_worker", *words], cwd=ROOT
        )
        state = self.wait(lambda state: state.started_at > started and state.connected)
        self.seen_from = self.sample_time(state.heard_at or state.started_at)

    def sample_time(self, at: datetime) -> datetime:
        return START + (at - self.began) * SPEED

    def wait(self, is_reached: Callable[[StreamState], bool]) -> StreamState:
        while True:
            state = read_state(prices_file("sample"))
            if state is not None and is_reached(state):
                return state
            assert self.process.poll() is None
            time.sleep(0.01)

    def end(self, number: signal.Signals) -> datetime:
        """End it; return the time of the newest price that it said to have.

        A machine under load is behind its own clock, and so far behind that minute was running.
        """
        self.process.send_signal(number)
        assert self.process.wait(60) == (0 if number == signal.SIGTERM else -number)
        state = read_state(prices_file("sample"))
        assert state is not None
        return state.prices["ES"].at


@pytest.mark.parametrize(
    ("minutes", "kills"),
    [(4, 1), pytest.param(60, 10, marks=[pytest.mark.torture, pytest.mark.timeout(900)])],
)
def test_a_killed_stream_loses_the_minutes_that_it_did_not_see_whole(
    lake: Lake, minutes: int, kills: int
) -> None:
    draw = random.Random(kills)
    began = datetime.now(UTC)
    unseen: list[tuple[datetime, datetime]] = []
    ended_at, bars_of_each = START, minutes // (kills + 1)
    for place in range(kills + 1):
        worker = Worker(began)
        unseen.append((ended_at - UNSURE, worker.seen_from + UNSURE))
        worker.wait(lambda state: state.bars >= bars_of_each)
        time.sleep(draw.uniform(0, 1))  # a minute of the sample's
        ended_at = worker.end(signal.SIGTERM if place == kills else signal.SIGKILL)
    streamed = read_streamed(lake)
    opens = {row[1].astimezone(UTC) for row in streamed}  # type: ignore[attr-defined]
    count = (floor_minute(ended_at - UNSURE) - START) // MINUTE
    expected = {START + place * MINUTE for place in range(count)}
    lost = {
        minute
        for minute in expected - opens
        if not any(low < minute + MINUTE and minute <= high for low, high in unseen)
    }
    assert lost == set()
    assert len(opens) >= bars_of_each * (kills + 1)
    print(f"\n{len(opens)} of {len(expected)} minutes streamed, {kills} kills")
    last = max(opens) + MINUTE
    ingest(lake, Sample(), ("ES",), interval_of("1m"), START, last).enforce()
    assert_settled(lake, streamed, (last - START) // MINUTE)


def quotes(minutes: int, draw: random.Random) -> list[tuple[datetime, float, float]]:
    """Prices of so many minutes, some of them with none: a time, a bid and an ask."""
    prices, mid = [], 1.1
    for minute in range(minutes):
        if draw.random() < 0.05:
            continue
        for second in sorted(draw.sample(range(60), draw.randint(1, 4))):
            mid = round(mid * (1 + draw.gauss(0, 1e-4)), 5)
            at = START + minute * MINUTE + second * SECOND
            prices.append((at, round(mid - 0.0001, 5), round(mid + 0.0001, 5)))
    return prices


def candles_of(prices: list[tuple[datetime, float, float]]) -> list[dict[str, object]]:
    """OANDA's candles of these prices."""
    by_minute: dict[datetime, list[tuple[float, float]]] = {}
    for at, bid, ask in prices:
        by_minute.setdefault(floor_minute(at), []).append((bid, ask))
    candles: list[dict[str, object]] = []
    for ts, pairs in by_minute.items():
        sides = {
            "bid": [bid for bid, _ in pairs],
            "mid": [(bid + ask) / 2 for bid, ask in pairs],
            "ask": [ask for _, ask in pairs],
        }
        streamed_minutes = {
            side: {
                "o": f"{v[0]:.5f}", "h": f"{max(v):.5f}", "l": f"{min(v):.5f}", "c": f"{v[-1]:.5f}",
            }
            for side, v in sides.items()
        }  # fmt: skip
        stamp = f"{ts:%Y-%m-%dT%H:%M:%S}.000000000Z"
        candles.append({"complete": True, "volume": len(pairs), "time": stamp, **streamed_minutes})
    return candles


@pytest.mark.torture
@pytest.mark.timeout(600)
def test_hours_of_breaks_and_half_open_connections(
    lake: Lake, use_server: Callable[[StreamServer | OandaServer], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr("pipelines.stream.connection.LONGEST_WAIT", 0.05)
    draw = random.Random(3)
    minutes, connections = 7 * 60, 60
    prices = quotes(minutes, draw)
    end = START + minutes * MINUTE
    cuts = sorted(draw.sample(range(len(prices)), connections))
    scripts, whole, seen_from = list[list[Step]](), set[datetime](), START - SECOND
    for place, cut in enumerate([*cuts, len(prices)]):
        is_last = place == connections
        until = end + 2 * SECOND if is_last else max(prices[cut][0], seen_from)
        own = [p for p in prices if seen_from <= p[0] < until]
        script: list[Step] = [heartbeat(seen_from)]
        script += [line for at, bid, ask in own for line in _lines(at, bid, ask)]
        if is_last:
            script += [heartbeat(until), Hang()]
        else:
            script += [heartbeat(until), draw.choice([Lost(), Hang(), b"", 0.0])]
        scripts.append(script)
        whole |= {
            floor_minute(at) for at, *_ in own
            if seen_from <= floor_minute(at) and floor_minute(at) + MINUTE <= until
        }  # fmt: skip
        seen_from = until + draw.randint(1, 200) * SECOND
    with StreamServer(*scripts) as server:
        use_server(server)
        stop = threading.Event()

        def stop_at_the_end() -> None:
            while len(server.connections) <= connections:
                time.sleep(0.05)
            time.sleep(3)
            stop.set()

        threading.Thread(target=stop_at_the_end, daemon=True).start()
        run_stream(OandaPrices(("EUR_USD",), 2.0), StreamOptions(), stop)
    state = read_state(prices_file("oanda"))
    assert state is not None
    assert state.reconnects >= connections - 1
    streamed = read_streamed(lake)
    assert {row[1].astimezone(UTC) for row in streamed} == whole  # type: ignore[attr-defined]
    with OandaServer() as oanda:
        use_server(oanda)
        candles = candles_of(prices)
        oanda.add("EUR_USD", "M1", candles)
        ingest(lake, Oanda(), ("EUR_USD",), interval_of("1m"), START, end).enforce()
    print(f"\n{len(whole)} of {len(candles)} minutes streamed over {connections + 1} connections")
    assert_settled(lake, streamed, len(candles))


def _lines(at: datetime, bid: float, ask: float) -> list[Step]:
    """A price, and at times a heartbeat or garbage after it."""
    lines: list[Step] = [price(at, bid, ask)]
    if at.second % 7 == 0:
        lines.append(heartbeat(at))
    if at.second % 31 == 0:
        lines.append(b"}{")
    return lines
