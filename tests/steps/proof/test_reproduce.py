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
from pipelines.steps.proof.published import Kind, parse_reference
from pipelines.steps.proof.reproduce import Reproduction, reproduce
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
    lake, registry = copied
    hour, begin = interval_of("1h"), LIVE[1] - BAR
    corrected = Sample(rank_ic=0.1)  # the same names, and other prices
    ingest(lake, corrected, ("AAPL",), hour, begin - 3 * BAR, LIVE[1], as_of=LIVE[1] + 3 * LATE)
    replaced = lake.rows(
        "SELECT count(*) FROM silver.bars WHERE symbol = 'AAPL' AND batch = ?", [lake.snapshot]
    )
    assert replaced[0][0] > 0
    for text in ("qqq@2026-11-20T15:30Z", "qqq@2026-11-19T19:30Z"):
        assert ask(copied, "signal", text).difference is None
    score(lake, registry, HOURLY, "sample", start=LIVE[0] - 8 * BAR, end=LIVE[1])
    assert ask(copied, "signal", "qqq@2026-11-20T15:30Z").difference is None  # it was live
    assert ask(copied, "signal", "qqq@2026-11-19T19:30Z").difference is None


def test_a_withdrawal_counts_from_its_commit_on(copied: Opened) -> None:
    lake, registry = copied
    selection = Selection("sample", "1h", ("AAPL",), LIVE[0] - BAR, LIVE[0])
    withdraw(lake, selection, "test")
    assert ask(copied, "prediction", f"{AAPL}@2026-11-20T15:30Z").difference is None
    ingest(
        lake, Sample(), ("AAPL",), interval_of("1h"), LIVE[1], LIVE[1] + BAR, as_of=LIVE[1] + BAR
    )
    end = LIVE[1] + BAR
    score(lake, registry, HOURLY, "sample", start=end - LATE, end=end, now=end + LATE)
    after = ask(copied, "prediction", f"{AAPL}@2026-11-20T16:30Z")
    assert after.difference is None
    assert "AAPL: 20 bars" in "\n".join(after.lineage.lines())


@pytest.mark.parametrize(
    ("change", "column"),
    [
        ("UPDATE silver.bars SET close = close * (1 + 1e-15) WHERE symbol = 'AAPL' AND "
         "ts = TIMESTAMPTZ '2026-11-19 15:30Z'", "silver.bars AAPL 2026-11-19T15:30Z: close was"),
        ("UPDATE gold.features_nasdaq100_hourly SET log_return_1 = log_return_1 * 1.0001",
         "gold.features_nasdaq100_hourly AAPL 2026-11-20T15:30Z: log_return_1 was"),
        ("UPDATE gold.predictions SET expected_score = expected_score + 1e-15",
         "gold.predictions action AAPL 2026-11-20T15:30Z: expected_score was"),
        ("UPDATE gold.contributions SET weight = weight * 0.5",
         "gold.contributions qqq AAPL 2026-11-20T15:30Z: weight was"),
        ("UPDATE gold.index_signals SET reason = 'because'",
         "gold.index_signals qqq 2026-11-20T15:30Z: reason was because, and is now WSS"),
    ],
    ids=["bar", "feature", "prediction", "weight", "signal"],
)  # fmt: skip
def test_the_first_value_that_differs_is_named(copied: Opened, change: str, column: str) -> None:
    lake, _ = copied
    with lake.write("tamper") as writer:
        writer.touch(change.split()[1])
        writer.run(change)
    result = ask(copied, "signal", "qqq")
    assert result.verdict.startswith(f"differs: {column}")


def test_a_flipped_bit_in_a_raw_answer_is_named(copied: Opened, tmp_path: Path) -> None:
    folder = tmp_path / "copy" / "files" / "bronze" / "answers"
    file = min(folder.rglob("*.parquet"))  # the first answer: the history
    body = bytearray(file.read_bytes())
    frame = body.index(b"\x28\xb5\x2f\xfd", 8)  # where a zstd frame begins
    body[frame + 60] ^= 1
    file.write_bytes(body)
    with pytest.raises(DamagedAnswer, match="the raw answer sample bars 'NVDA.* is not what was"):
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
