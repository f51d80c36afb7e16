"""A published row is derived again from the raw answers, to the bit, or what differs is named."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from pipelines.core.calendar import utc
from pipelines.core.errors import InvalidRequest
from pipelines.core.intervals import interval_of
from pipelines.lake import Lake
from pipelines.landing.withdrawal import Selection
from pipelines.registry.mlflow import Registry
from pipelines.sources.sample import Sample
from pipelines.steps import ingest
from pipelines.steps.data.withdraw import withdraw
from pipelines.steps.proof.differences import DamagedAnswer
from pipelines.steps.proof.published import Kind, parse_reference, read_published
from pipelines.steps.proof.replay import Replay, scratch_lake
from pipelines.steps.proof.reproduce import (
    Reproduction,
    compare,
    rebuild,
    reproduce,
    span_of,
)
from pipelines.steps.scoring.score import score
from tests.steps.proof.proven_lake import HOURLY, LATE, LATE_MEMBER, LIVE

AAPL = "nasdaq100_hourly/action/AAPL"
BAR = timedelta(hours=1)
Opened = tuple[Lake, Registry]


def ask(opened: Opened, kind: Kind, text: str) -> Reproduction:
    return reproduce(*opened, parse_reference(kind, text), "sample")


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("signal", "qqq"),
        ("signal", "qqq@2026-11-13T14:30Z"),
        ("prediction", f"nasdaq100_hourly/action/{LATE_MEMBER}"),
        ("outcome", f"{AAPL}@2026-11-20T14:30Z"),
        ("signal", "sp500_future"),
        ("prediction", "sp500_intraday/return_30/ES"),
    ],
    ids=str,
)
def test_what_was_published_is_derived_again(proven: Opened, kind: Kind, text: str) -> None:
    result = ask(proven, kind, text)
    assert result.difference is None
    assert result.verdict == "the same"
    lines = "\n".join(result.lineage.lines())
    for words in ("raw answers", "bars, adjusted", "features of the bar", "SHA-256", "version 1"):
        assert words in lines


def test_the_live_signal_is_the_one_without_the_late_member(proven: Opened) -> None:
    result = ask(proven, "signal", "qqq@2026-11-20T15:30Z")
    lines = "\n".join(result.lineage.lines())
    assert result.difference is None
    assert ", live" in lines
    assert "100.0% scored" not in lines


def test_what_came_later_changes_no_earlier_number(copied: Opened) -> None:
    lake, _ = copied
    begin, end = LIVE[1] - 4 * BAR, LIVE[1]
    corrected = Sample(rank_ic=0.1)  # the same names, and other prices
    ingest(lake, corrected, ("AAPL",), interval_of("1h"), begin, end, as_of=end + 3 * LATE)
    replaced = lake.rows(
        "SELECT count(*) FROM silver.bars WHERE symbol = 'AAPL' AND batch = ?", [lake.snapshot]
    )
    assert replaced[0][0] > 0
    for text in ("@2026-11-20T15:30Z", "@2026-11-19T19:30Z"):
        assert ask(copied, "prediction", AAPL + text).difference is None


def test_a_withdrawal_counts_from_its_commit_on(copied: Opened) -> None:
    lake, registry = copied
    selection = Selection("sample", "1h", ("AAPL",), LIVE[0] - BAR, LIVE[0])
    withdraw(lake, selection, "test")
    assert ask(copied, "prediction", f"{AAPL}@2026-11-20T15:30Z").difference is None
    end = LIVE[1] + BAR
    ingest(lake, Sample(), ("AAPL",), interval_of("1h"), LIVE[1], end, as_of=end)
    score(lake, registry, HOURLY, "sample", start=end - LATE, end=end, now=end + LATE)
    assert ask(copied, "prediction", f"{AAPL}@2026-11-20T16:30Z").difference is None


TAMPERED = (
    ("gold.index_signals", "reason = 'because'",
     "gold.index_signals qqq 2026-11-20T15:30Z: reason was because, and is now WSS"),
    ("gold.contributions", "weight = weight * 0.5",
     "gold.contributions qqq AAPL 2026-11-20T15:30Z: weight was"),
    ("gold.predictions", "expected_score = expected_score + 1e-15",
     "gold.predictions action AAPL 2026-11-20T15:30Z: expected_score was"),
    ("gold.features_nasdaq100_hourly", "log_return_1 = log_return_1 * 1.0001",
     "gold.features_nasdaq100_hourly AAPL 2026-11-20T15:30Z: log_return_1 was"),
    ("silver.bars", "close = close * (1 + 1e-15)", "silver.bars AAPL 2026-11-"),
)  # fmt: skip


def test_the_first_value_that_differs_is_named(copied: Opened) -> None:
    """Of each layer in turn, from the last to the first: what comes first is named."""
    lake, registry = copied
    reference = parse_reference("signal", "qqq")
    with lake.view() as view:
        published = read_published(view, reference, "sample")
        span = span_of(view, published)
        with scratch_lake(HOURLY) as scratch:
            rebuild(Replay(view, scratch, span), registry, published)
            for table, change, words in TAMPERED:
                tamper(lake, table, change, published.batch)
                with lake.view() as now, scratch.view() as reproduced:
                    published = read_published(now, reference, "sample")
                    difference = next(compare(now, reproduced, published, span), None)
                assert str(difference).startswith(words)


def tamper(lake: Lake, table: str, change: str, batch: int) -> None:
    """Change rows behind the back of all steps: they keep their commit."""
    with lake.write("tamper") as writer:
        writer.touch(table)
        writer.run(f"UPDATE {table} SET {change} WHERE batch <= ?", [batch])


def test_a_flipped_bit_in_a_raw_answer_is_named(copied: Opened, tmp_path: Path) -> None:
    folder = tmp_path / "copy" / "files" / "bronze" / "answers"
    file = min(folder.rglob("*.parquet"))  # the first answer: the history
    body = bytearray(file.read_bytes())
    frame = body.index(b"\x28\xb5\x2f\xfd", 8)  # where a zstd frame begins
    body[frame + 60] ^= 1
    file.write_bytes(body)
    with pytest.raises(DamagedAnswer, match=r"the raw answer sample bars 'NVDA.* is not what was"):
        ask(copied, "signal", "qqq")


@pytest.mark.parametrize(
    ("kind", "text", "message"),
    [
        ("signal", "qqq@2026-11-20T15:31Z", "sample has no signal qqq@2026-11-20T15:31Z"),
        ("signal", "spx", "unknown universe 'spx'"),
        ("signal", "qqq/x", "names no signal"),
        ("prediction", "AAPL", "names no prediction"),
        ("prediction", "nasdaq100_hourly/risk/AAPL", "unknown target"),
        ("outcome", "nasdaq100_hourly/action/AAPL@yesterday", "is not a time"),
    ],
)
def test_slips_are_sentences(proven: Opened, kind: Kind, text: str, message: str) -> None:
    with pytest.raises(InvalidRequest, match=message):
        ask(proven, kind, text)


def test_utc_is_meant(proven: Opened) -> None:
    reference = parse_reference("signal", "qqq@2026-11-20T16:30+01:00")
    assert reference.ts == utc("2026-11-20T15:30+00:00")
