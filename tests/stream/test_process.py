"""The whole process: prices of a real connection in, minutes and the newest prices out."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta

import pytest

from pipelines.core.errors import AccessRefused, InvalidRequest
from pipelines.lake import Lake
from pipelines.sources.oanda import NEW_CONNECTIONS
from pipelines.sources.quota import Limit, Quota
from pipelines.stream import newest_prices, process
from pipelines.stream.messages import Message
from pipelines.stream.minutes import MinuteBar
from pipelines.stream.newest_prices import StreamState, prices_file, read_state
from pipelines.stream.oanda import OandaPrices
from pipelines.stream.process import StreamOptions, run_stream
from tests.servers.oanda import TOKEN
from tests.servers.oanda_stream import Hang, Lost, Step, StreamServer, heartbeat, price

START = datetime(2026, 11, 25, 14, 30, tzinfo=UTC)
Use = Callable[[StreamServer], None]


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def minute(place: int) -> list[Step]:
    """The prices of a minute, and the heartbeat after it."""
    begin = 60 * place
    return [
        price(at(begin + 1), 1.1, 1.2),
        price(at(begin + 30), 1.2, 1.3),
        price(at(begin + 59), 1.1, 1.3),
        heartbeat(at(begin + 61)),
    ]


class Events:
    """Ends the process once so many minutes are committed."""

    def __init__(self, stop: threading.Event, count: int) -> None:
        self.bars: list[MinuteBar] = []
        self._stop, self._count = stop, count

    def post(self, bars: Sequence[MinuteBar]) -> None:
        self.bars += bars
        if len(self.bars) >= self._count:
            self._stop.set()

    def stop(self) -> None: ...


def follow(server: StreamServer, count: int, silence: float = 0.4) -> Events:
    """Run the process until so many minutes are committed."""
    stop = threading.Event()
    events = Events(stop, count)
    feed = OandaPrices(("EUR_USD",), silence)
    run_stream(feed, StreamOptions(events=events, write_every=0.02), stop)  # type: ignore[arg-type]
    return events


def last_state() -> StreamState:
    state = read_state(prices_file("oanda"))
    assert state is not None
    return state


@pytest.fixture
def quick_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipelines.stream.connection.FIRST_WAIT", 0.01)


@pytest.mark.usefixtures("quick_waits")
def test_breaks_cost_the_minutes_that_they_cut_and_no_other(
    use_server: Use, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    turns, take = list[tuple[Limit, ...]](), Quota.take
    monkeypatch.setattr(Quota, "take", lambda quota: (turns.append(quota._limits), take(quota))[1])
    beats = [step for _ in range(200) for step in (0.05, heartbeat(at(420)))]
    scripts: list[list[Step]] = [
        [heartbeat(at(-1)), b"<garbage>", *minute(0), price(at(70), 9, 9.1), Lost()],
        [heartbeat(at(100)), price(at(110), 9, 9.1), *minute(2), price(at(181), 9, 9), Hang()],
        [heartbeat(at(200)), *minute(4), price(at(310), 9, 9.1)],  # and an end in order
        [heartbeat(at(330)), *minute(6), *beats],
    ]
    with StreamServer(*scripts) as server:
        use_server(server)
        events = follow(server, 3 + 1)
    assert [bar.ts for bar in events.bars] == [at(60 * place) for place in (0, 2, 4, 6)]
    assert (
        lake.rows(
            """SELECT symbol, open, high, low, close, volume, bid, ask, built_from
               FROM silver.bars"""
        )
        == [("EUR_USD", 1.15, 1.25, 1.15, 1.2, 3.0, 1.1, 1.3, "stream")] * 4
    )
    ((missing,),) = lake.rows("SELECT missing_ts FROM silver.gaps")
    missed = {ts.astimezone(UTC) for ts in missing}
    assert {at(60 * place) for place in (1, 3, 5)} <= missed
    assert not {bar.ts for bar in events.bars} & missed
    state = last_state()
    assert (state.connected, state.reconnects, state.garbage, state.bars) == (False, 3, 1, 4)
    assert state.newest_bar == at(420)
    assert (state.prices["EUR_USD"].mid, state.prices["EUR_USD"].at) == (1.2, at(419))
    # Each new connection waited for its turn, the one that asked for the account too.
    assert turns == [NEW_CONNECTIONS] * (len(scripts) + 1)


def test_a_refused_token_ends_it(use_server: Use, monkeypatch: pytest.MonkeyPatch) -> None:
    with StreamServer([]) as server:
        use_server(server)
        monkeypatch.setenv("BULLION_OANDA_TOKEN", "wrong" + TOKEN)
        with pytest.raises(AccessRefused):
            follow(server, 1)
    assert last_state().connected is False


def test_a_slow_disk_costs_prices_for_display_and_no_bar(
    use_server: Use, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    written_states: list[StreamState] = []

    def write_slowly(path: object, state: StreamState) -> None:
        time.sleep(0.3)
        written_states.append(state)

    monkeypatch.setattr(process, "write_state", write_slowly)
    count = 30
    script = [heartbeat(at(-1)), *(step for place in range(count) for step in minute(place))]
    beats = [step for _ in range(500) for step in (0.02, heartbeat(at(60 * count)))]
    with StreamServer([*script, *beats]) as server:
        use_server(server)
        events = follow(server, count)
    assert [bar.ts for bar in events.bars] == [at(60 * place) for place in range(count)]
    assert len(written_states) < 3 * count  # prices


def test_a_second_process_of_a_source_is_refused(use_server: Use) -> None:
    with StreamServer([]) as server:
        use_server(server)
        feed = OandaPrices(("EUR_USD",))
        with process._only_process("oanda"), pytest.raises(InvalidRequest, match="already"):
            run_stream(feed)


def test_it_says_that_it_lives_though_nothing_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "ALIVE_EVERY", 0.05)
    stop = threading.Event()
    states: list[StreamState] = []

    class Silent:
        source, symbols = "silent", ("A",)

        def connect(self) -> Iterator[Message]:
            stop.wait(10)
            yield from ()

        def now(self) -> datetime:
            return datetime.now(UTC)

    def note(path: object, state: StreamState) -> None:
        states.append(state)
        if len(states) == 3:
            stop.set()

    monkeypatch.setattr(process, "write_state", note)
    run_stream(Silent(), StreamOptions(write_every=0.01), stop)  # type: ignore[arg-type]
    times = [state.written_at for state in states]
    assert sorted(set(times)) == times
    assert newest_prices.EVERY == 0.25  # four a second
