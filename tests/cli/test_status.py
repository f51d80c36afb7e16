"""What `bullion status` shows of the lake, the last runs, and the quotas."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest

from pipelines.cli.status import quota_rows
from pipelines.lake import Lake
from pipelines.sources.alphavantage import AlphaVantage
from pipelines.sources.quota import Quota
from tests.commands import Bullion


def line_with(out: str, *words: str) -> str:
    (line,) = [line for line in out.splitlines() if all(word in line for word in words)]
    return line


def add_run(lake: Lake, step: str, status: str, about: str, hour: int) -> None:
    at = datetime(2026, 11, 20, hour, tzinfo=UTC)
    row = {
        "run": f"cli:{hour}", "step": step, "source": "rss", "about": about, "interval_start": at,
        "interval_end": at, "status": status, "counts": "{}", "message": None, "finished_at": at,
    }  # fmt: skip
    with lake.write("run") as writer:
        writer.append("gold.runs", pa.Table.from_pylist([row]))


def test_the_last_successful_ingest_of_each_dataset_and_source_is_shown(
    bullion: Bullion, lake: Lake
) -> None:
    add_run(lake, "ingest_news", "ok", "sp500", 10)
    add_run(lake, "ingest_news", "warned", "oil", 11)
    add_run(lake, "ingest_news", "failed", "gold", 12)
    add_run(lake, "ingest", "ok", "qqq", 9)
    add_run(lake, "score", "ok", "qqq", 13)
    lake.close()
    code, out, _ = bullion("status")
    assert code == 0
    section = out[out.index("last successful ingest") : out.index("last runs")]
    assert "oil" in line_with(section, "news", "rss")
    assert "11:00" in line_with(section, "news", "rss")
    assert "qqq" in line_with(section, "bars", "rss")
    assert "score" not in section


def test_what_is_used_and_left_of_each_quota_is_shown(bullion: Bullion, lake: Lake) -> None:
    lake.close()
    quota = Quota("alphavantage", AlphaVantage.limits())
    for _ in range(2):
        quota.take()
    _, out, _ = bullion("status")
    assert "25/day" in line_with(out, "alphavantage", "/day")
    used = line_with(out, "alphavantage", "/day").split("│")
    assert [cell.strip() for cell in used[3:5]] == ["2", "23"]
    assert "UTC" in used[5]
    assert line_with(out, "finnhub", "60/minute").split("│")[5].strip() == "-"
    assert line_with(out, "gdelt", "1/7 s")


def test_no_key_is_needed_or_shown_and_no_file_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BULLION_FINNHUB_KEY", "secret-of-mine")
    assert "secret" not in str(quota_rows())
    assert {row[0] for row in quota_rows()} == {"alphavantage", "finnhub", "gdelt", "oanda"}
    assert not (tmp_path / "lake").exists()


def test_a_limit_that_cannot_be_read_is_said_after_the_rest(
    bullion: Bullion, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake.close()
    monkeypatch.setenv("BULLION_FINNHUB_LIMITS", "many")
    code, out, err = bullion("status")
    assert code == 2
    assert "silver bars" in out
    assert "BULLION_FINNHUB_LIMITS" in err
