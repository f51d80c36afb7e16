"""The command that takes rows out again."""

from __future__ import annotations

from pipelines.lake import Lake
from tests.commands import Bullion

ASK = ("withdraw", "--source", "sample", "--interval", "1h", "--reason", "of another market")


def test_a_withdrawal_says_what_went_and_what_follows(bullion: Bullion, lake: Lake) -> None:
    bullion("ingest", "--source", "sample", "--symbols", "AAPL,NVDA", "--interval", "1h",
            "--start", "2026-09-01", "--end", "2026-09-03")  # fmt: skip
    code, out, _ = bullion(*ASK, "--symbols", "AAPL", "--dry-run")
    assert code == 0
    assert "sample 1h AAPL: 14 rows of bars would be withdrawn" in out
    assert "nothing was changed" in out
    count = "SELECT symbol, count(*) FROM silver.bars GROUP BY ALL ORDER BY ALL"
    assert lake.rows(count) == [("AAPL", 14), ("NVDA", 14)]
    code, out, _ = bullion(*ASK, "--symbols", "AAPL")
    assert code == 0
    assert "14 rows of bars withdrawn" in out
    assert "silver: 14 bars removed" in out
    assert "features follow" in out
    assert lake.rows(count) == [("NVDA", 14)]


def test_slips_are_sentences(bullion: Bullion, lake: Lake) -> None:
    for words, message in (
        ((*ASK, "--symbols", " "), "no symbols were named"),
        (ASK, "sample has no rows of 1h"),
        (("withdraw", "--source", "sample", "--reason", "x"), "neither interval nor batch"),
        ((*ASK, "--start", "yesterday"), "yesterday"),
        ((*ASK, "--end", "2026-13-45"), "'2026-13-45' is not a time"),
        ((*ASK, "--start", "2026-09-20", "--end", "2026-09-10"), "swap --start and --end"),
        (("withdraw", "--source", "sample", "--reason", "x", "--batch", "999"), "of batch 999"),
    ):
        code, _, complaint = bullion(*words)
        assert code == 2
        assert message in complaint


def test_a_symbol_that_is_not_there_is_answered_with_those_that_are(
    bullion: Bullion, lake: Lake
) -> None:
    day = ("--start", "2026-09-01", "--end", "2026-09-04")
    ingest = ("ingest", "--source", "sample", "--symbols", "AAPL,MSFT", "--interval", "1d", *day)
    assert bullion(*ingest)[0] == 0
    ask = ("withdraw", "--source", "sample", "--interval", "1d", "--reason", "x")
    for symbol, near in (("APL", "AAPL"), ("???", "AAPL, MSFT")):
        code, _, complaint = bullion(*ask, "--symbols", symbol)
        assert code == 2
        assert f"no bars of {symbol}, but of {near}" in complaint
