"""bullion stream: what cannot be streamed is a sentence, and a stop leaves a record."""

from __future__ import annotations

import threading

import pytest

from pipelines.lake import Lake
from pipelines.stream import process
from tests.commands import Bullion


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--source", "yahoo"), "unknown source of live prices 'yahoo'"),
        (("--symbols", ","), "no symbols were named"),
        (("--symbols", "ESX"), "unknown symbol 'ESX'"),
        (("--speed", "0.5"), "a speed of 0.5"),
        (("--source", "oanda", "--symbols", "EUR_USD"), "BULLION_OANDA_TOKEN is not set"),
        (("--source", "oanda", "--speed", "2"), "oanda streams in real time"),
    ],
    ids=["source", "empty", "symbol", "speed", "token", "haste"],
)
def test_what_cannot_be_streamed_is_a_sentence(
    bullion: Bullion, words: tuple[str, ...], sentence: str
) -> None:
    code, out, err = bullion("stream", *words)
    assert (code, out) == (2, "")
    assert sentence in err


def test_minutes_of_the_forecast_s_own_symbols_are_landed_until_it_is_stopped(
    bullion: Bullion, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, first_commit = process.run_stream, threading.Event()

    class Events:
        def post(self, bars: object) -> None:
            first_commit.set()

        def stop(self) -> None: ...

    monkeypatch.setattr(process, "run_stream", lambda *arguments: run(*arguments, first_commit))
    monkeypatch.setattr("pipelines.stream.events.choose_events", lambda source: Events())
    monkeypatch.setenv("BULLION_STREAM_SPEED", "600")
    assert bullion("stream", "--start", "2026-11-25T14:30:30Z")[0] == 0
    assert lake.rows("SELECT DISTINCT symbol, built_from FROM silver.bars") == [("ES", "stream")]
    assert lake.rows("SELECT step, source, status FROM gold.runs") == [("stream", "sample", "ok")]
