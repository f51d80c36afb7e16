"""Closed minutes outlive the process."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pipelines.stream.journal import Journal
from pipelines.stream.minutes import MinuteBar

BAR = MinuteBar("ES", datetime(2026, 11, 25, 14, 30, tzinfo=UTC), 1.5, 3, 1, 2, 4, None, 2.25)
NEXT = replace(BAR, ts=BAR.ts + timedelta(minutes=1))


def test_what_was_added_is_read_by_the_next_process(tmp_path: Path) -> None:
    path = tmp_path / "new" / "stream.journal"
    journal = Journal(path)
    journal.append([BAR])
    journal.append([NEXT])
    assert Journal(path).read() == [BAR, NEXT]
    journal.forget([BAR])
    assert Journal(path).read() == [BAR, NEXT]  # to commit one again changes nothing
    journal.forget([NEXT])
    assert Journal(path).read() == []
    journal.append([NEXT])
    journal.close()
    assert Journal(path).read() == [NEXT]
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_line_cut_off_by_a_kill_costs_that_line_alone(tmp_path: Path) -> None:
    path = tmp_path / "stream.journal"
    Journal(path).append([BAR])
    whole = path.read_bytes()
    path.write_bytes(whole + whole[: len(whole) // 2])
    journal = Journal(path)
    assert journal.read() == [BAR]
    journal.append([NEXT])
    assert journal.read() == [BAR, NEXT]
