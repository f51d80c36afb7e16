"""OANDA's stream by the real HTTP code, from a local server that plays its faults."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import takewhile

import pytest

from pipelines.core.errors import AccessRefused, InvalidRequest, SourceError
from pipelines.sources.transport.retries import Busy
from pipelines.stream.messages import Garbage, Heartbeat, Message, Price
from pipelines.stream.oanda import STREAM_SERVERS, OandaPrices
from tests.servers.oanda import TOKEN
from tests.servers.oanda_stream import (
    ACCOUNT,
    Drip,
    Hang,
    Lost,
    Refusal,
    Step,
    StreamServer,
    heartbeat,
    price,
)

AT = datetime(2026, 11, 25, 14, 30, 0, 123456, tzinfo=UTC)
SECOND = timedelta(seconds=1)
SILENCE = 0.4
Use = Callable[[StreamServer], None]


def read_all(use_server: Use, *script: Step) -> tuple[list[Message], str]:
    """The messages, and why the connection broke."""
    with StreamServer(script) as server:
        use_server(server)
        stream, messages = OandaPrices(("EUR_USD",), SILENCE).connect(), list[Message]()
        try:
            messages.extend(iter(lambda: next(stream), None))
        except Busy as broken:
            return messages, broken.reason
    raise AssertionError("the connection did not break")


def test_prices_and_heartbeats_are_read_and_the_first_account_is_asked(use_server: Use) -> None:
    levels = [{"price": "1.10001"}, {"price": "1.10003"}]
    script = [
        heartbeat(AT),
        price(AT, 1.1, 1.1002),
        price(AT + SECOND, 1.1, 1.2, bids=levels, tradeable=False),
        price(AT + SECOND, 1.1, 1.10004, bids=levels),
        price(AT, 5, 6, "XAU_USD"),
    ]
    with StreamServer(script) as server:
        use_server(server)
        feed = OandaPrices(("EUR_USD", "SPX500_USD"), SILENCE)
        messages = list(takewhile(lambda m: m.at < AT + SECOND, feed.connect()))  # type: ignore[union-attr]
        question = server.questions[-1]
    assert messages == [Heartbeat(AT), Price("EUR_USD", AT, 1.1, 1.1002, 1.1001)]
    assert question.path == f"/v3/accounts/{ACCOUNT}/pricing/stream"
    assert question.params["instruments"] == "EUR_USD,SPX500_USD"
    assert feed.calendar_of("SPX500_USD") == "US_INDEX_CFD"
    messages, reason = read_all(use_server, *script)
    # The best of several levels; no price that nobody can trade at; none that was not asked for.
    assert messages[-1] == Price("EUR_USD", AT + SECOND, 1.10003, 1.10004, 1.100035)
    assert len(messages) == 3
    assert reason == "the provider ended the stream"


def test_a_connection_that_is_half_open_or_drips_is_left_after_the_silence(use_server: Use) -> None:
    for script in ([heartbeat(AT), Hang()], [heartbeat(AT), Drip(heartbeat(AT), 0.05)]):
        messages, reason = read_all(use_server, *script)
        assert messages == [Heartbeat(AT)]
        assert reason == f"nothing came for {SILENCE:g} s"


def test_heartbeats_alone_keep_it(use_server: Use) -> None:
    script = [step for _ in range(4) for step in (heartbeat(AT), SILENCE / 2)]
    messages, reason = read_all(use_server, *script)
    assert len(messages) == 4
    assert "ended" in reason


def test_a_connection_lost_within_a_message_loses_that_alone(use_server: Use) -> None:
    messages, reason = read_all(use_server, heartbeat(AT), Lost())
    assert messages == [Heartbeat(AT)]
    assert "RemoteProtocolError" in reason


@pytest.mark.parametrize(
    "line",
    [
        b"<html>",
        b"[]",
        b'{"type": "PRICE"}',
        b'{"type": "NEWS", "time": "2026-11-25T14:30:00Z"}',
        price(AT, float("nan"), 1.1),
        price(AT, -1.0, 1.1),
        price(AT, 1.0, 1.1, bids=[]),
        price(AT, 1.0, 1.1, time="yesterday"),
    ],
    ids=["page", "list", "bare", "other", "nan", "negative", "empty", "time"],
)
def test_lines_that_are_no_messages_are_garbage_and_end_nothing(
    use_server: Use, line: bytes
) -> None:
    messages, _ = read_all(use_server, line, heartbeat(AT))
    assert [type(m) for m in messages] == [Garbage, Heartbeat]


def test_a_refused_token_is_final_and_shown_nowhere(
    use_server: Use, monkeypatch: pytest.MonkeyPatch
) -> None:
    with StreamServer([heartbeat(AT)]) as server:
        use_server(server)
        monkeypatch.setenv("BULLION_OANDA_TOKEN", "wrong" + TOKEN)
        with pytest.raises(AccessRefused) as refused:
            list(OandaPrices(("EUR_USD",), SILENCE).connect())
    assert TOKEN not in str(refused.value)


def test_too_many_requests_are_waited_for_as_long_as_it_says(use_server: Use) -> None:
    with StreamServer([Refusal(429, headers={"Retry-After": "7"})]) as server:
        use_server(server)
        with pytest.raises(Busy) as busy:
            list(OandaPrices(("EUR_USD",), SILENCE).connect())
    assert (busy.value.reason, busy.value.wait) == ("HTTP 429", 7.0)


def test_an_unknown_instrument_or_account_is_final(
    use_server: Use, monkeypatch: pytest.MonkeyPatch
) -> None:
    with StreamServer([Refusal(400, "Invalid value specified for 'instruments'")]) as server:
        use_server(server)
        with pytest.raises(SourceError, match="EUR_USX"):
            list(OandaPrices(("EUR_USX",), SILENCE).connect())
        monkeypatch.setenv("BULLION_OANDA_ACCOUNT", "another")
        with pytest.raises(SourceError, match="404"):
            list(OandaPrices(("EUR_USD",), SILENCE).connect())
    with pytest.raises(InvalidRequest, match="cannot be an instrument"):
        OandaPrices(("eurusd",))


def test_each_server_has_a_stream_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BULLION_OANDA_TOKEN", TOKEN)
    for name, address in STREAM_SERVERS.items():
        monkeypatch.setenv("BULLION_OANDA_URL", name)
        assert OandaPrices(("EUR_USD",))._stream_base == address
