"""A run's work and its faults: each told in words and in gold.runs, and nothing half done."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pipelines import jobs
from pipelines.core.errors import (
    CheckFailed,
    InvalidRequest,
    LakeError,
    NothingToDo,
    SourceError,
    SourceUnavailable,
)
from pipelines.core.settings import Settings
from pipelines.jobs import Asked
from pipelines.lake import Lake
from pipelines.registry.mlflow import RegistryError
from pipelines.sources.base import Answer, Request
from pipelines.sources.sample import Sample
from tests import empty_lake, models
from tests.recent import HOURLY, NOW, SESSIONS, all_rows, bars, doubled, noted, rows_of, spans
from tests.small_disk import run_on
from tests.steps.served import fresh_registry

NAME = HOURLY.name
SYMBOLS = HOURLY.symbols[:4]
BARS = spans(bars("1h", SESSIONS[-4][0]))  # of the newest four sessions
NEWEST = BARS[-1]


class Faulty(Sample):
    """The sample market, down or silent, or without the bars after an instant or of a symbol."""

    def __init__(
        self, fault: str = "", until: datetime | None = None, lacks: str | None = None
    ) -> None:
        super().__init__()
        self.fault, self.until, self.lacks = fault, until, lacks

    def fetch(self, request: Request) -> Iterator[Answer]:
        if self.fault == "down":
            raise SourceUnavailable("the sample does not answer", "try later")
        if self.fault == "silent":
            return iter(())
        if self.until is not None:
            request = replace(request, end=self.until)
        symbols = tuple(s for s in request.symbols if s != self.lacks)
        return super().fetch(replace(request, symbols=symbols)) if symbols else iter(())


def asked(run: str, span: tuple[datetime, datetime] = NEWEST, **more: Any) -> Asked:
    return Asked(**{"source": "sample", "symbols": SYMBOLS, "run": run} | more, **ends(span))


def ends(span: tuple[datetime, datetime]) -> dict[str, Any]:
    return {"start": span[0], "at": span[1]}


def faulty(patch: pytest.MonkeyPatch, **how: Any) -> None:
    patch.setattr("pipelines.jobs.bars.source_named", lambda _: Faulty(**how))


@pytest.fixture
def served(tmp_path: Path, lake_settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A lake whose forecast has a model, verified before, from long ago."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    made = models.kept(fresh_registry(tmp_path), HOURLY, models.body(HOURLY))
    with empty_lake.opened(lake_settings) as lake:
        models.decide(lake, HOURLY, "sample", made, NOW - timedelta(days=300))
    return lake_settings


def hour(told: Asked) -> dict[str, Any]:
    jobs.bring(NAME, told)
    return jobs.score(NAME, told)


def test_a_run_after_a_gap_fills_it_and_publishes_only_the_newest(served: Settings) -> None:
    assert hour(asked("first", BARS[0]))["bars"] == 1
    assert hour(asked("next"))["bars"] == len(BARS) - 1
    rows = rows_of(served, "predictions")
    assert {row["closes_at"] for row in rows} == {close for _, close in BARS}
    assert {row["closes_at"] for row in rows if row["live"]} == {NEWEST[1]}
    assert not any(doubled(served).values())


def test_a_hole_that_a_backfill_left_is_filled(served: Settings) -> None:
    hour(asked("first", BARS[0]))
    hour(asked("backfill", BARS[-2], fill=False))
    hour(asked("next"))
    assert {row["closes_at"] for row in rows_of(served, "predictions")} == {c for _, c in BARS}


def test_one_bar_at_a_time_gives_the_rows_of_the_range(served: Settings) -> None:
    some = BARS[-4:-1]
    whole = asked("bulk", (some[0][0], some[-1][1]), fill=False)
    assert "fresh" not in jobs.bring(NAME, whole, weights=True).values()
    assert "fresh" in jobs.bring(NAME, whole, weights=True).values()
    jobs.score(NAME, whole)
    bulk = all_rows(served)
    for place, span in enumerate(reversed(some)):
        hour(asked(f"backfill {place}", span, fill=False))
    assert all_rows(served) == bulk
    assert len(bulk["index_signals"]) == len(some) * len(HOURLY.combinations)
    assert jobs.outcomes(NAME, whole)["written"] == (len(some) - 1) * len(SYMBOLS)


def test_a_run_without_an_interval_is_about_the_newest_bar(served: Settings) -> None:
    told = replace(asked("manual"), start=None, at=NOW)
    hour(told)
    assert {row["closes_at"] for row in rows_of(served, "predictions")} == {NEWEST[1]}


def test_a_bar_that_was_published_is_not_published_again(served: Settings) -> None:
    hour(asked("first"))
    before = all_rows(served)
    with pytest.raises(NothingToDo, match="was published before"):
        jobs.score(NAME, asked("second"))
    assert all_rows(served) == before


def test_a_doubled_run_has_one_result(served: Settings) -> None:
    with ThreadPoolExecutor(2) as pool:
        told = [pool.submit(_or_skip, asked(f"run {n}")) for n in range(2)]
    assert [one.result() for one in told].count(True) == 1
    assert len(rows_of(served, "predictions")) == len(SYMBOLS)
    assert not any(doubled(served).values())


def _or_skip(told: Asked) -> bool:
    try:
        return bool(hour(told))
    except NothingToDo:
        return False


@pytest.mark.parametrize(
    ("fault", "error", "words"),
    [("down", SourceError, "does not answer"), ("silent", CheckFailed, "no rows at all")],
)
def test_a_source_that_gives_nothing_ends_the_run_and_the_lake_stays(
    served: Settings,
    monkeypatch: pytest.MonkeyPatch,
    fault: str,
    error: type[Exception],
    words: str,
) -> None:
    hour(asked("yesterday", BARS[-8]))
    faulty(monkeypatch, fault=fault)
    with Lake() as lake:
        before = lake.sql("FROM silver.bars ORDER BY ALL")
        with pytest.raises(error, match=words):
            jobs.bring(NAME, asked("today"))
        assert lake.sql("FROM silver.bars ORDER BY ALL").equals(before)
    [(step, status, message)] = noted(served, "today")
    assert (step, status) == ("ingest", "failed")
    assert words in message


def test_a_bar_that_the_source_has_not_got_yet_is_asked_for_again(
    served: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    faulty(monkeypatch, until=NEWEST[0])
    with pytest.raises(SourceUnavailable, match="has no bar yet that closed after"):
        jobs.bring(NAME, asked("early"))
    assert "no bar yet" in noted(served, "early")[-1][2]


def test_symbols_that_came_later_get_their_history_too(served: Settings) -> None:
    jobs.bring(NAME, asked("few", BARS[-2], symbols=SYMBOLS[:2]))
    told = jobs.bring(NAME, asked("more"))
    assert told["accepted"] == 2, "of those that were there the newest bar alone"
    with Lake(read_only=True) as lake:
        first = lake.rows("SELECT symbol, count(*) FROM silver.bars GROUP BY 1 ORDER BY 1")
    assert [symbol for symbol, *_ in first] == sorted(SYMBOLS)
    assert all(count > HOURLY.look_back for *_, count in first)


def test_a_symbol_that_the_source_lacks_stops_nothing(
    served: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    some = HOURLY.symbols[:12]  # too many missing ones would stop it
    faulty(monkeypatch, lacks=some[0])
    hour(asked("first", BARS[-2], symbols=some))
    hour(asked("next", symbols=some))
    assert {row["symbol"] for row in rows_of(served, "predictions")} == set(some[1:])


def test_without_weights_there_are_predictions_and_the_signal_says_why_not(
    served: Settings,
) -> None:
    jobs.bring(NAME, asked("run"))
    jobs.score(NAME, asked("run"))
    assert len(rows_of(served, "predictions")) == len(SYMBOLS)
    assert rows_of(served, "index_signals") == []
    assert "no signal of qqq at 1 bars" in noted(served, "run")[-1][2]


def test_without_mlflow_scoring_goes_on_and_training_says_so(
    served: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "pipelines.registry.mlflow.DEFAULT", tmp_path
    )  # where the verified models are
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:1")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    assert hour(asked("hour"))["scored"] == len(SYMBOLS)
    with pytest.raises(RegistryError, match=r"127\.0\.0\.1:1"):
        jobs.train(NAME, asked("day"))
    [(step, status, message)] = noted(served, "day")
    assert (step, status) == ("train", "failed")
    assert "127.0.0.1:1" in message


def test_where_nothing_was_trained_the_run_is_skipped_and_says_so(
    lake_settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    jobs.bring(NAME, asked("run"))
    with pytest.raises(NothingToDo, match="nothing was trained before"):
        jobs.score(NAME, asked("run"))
    assert "nothing was trained" in noted(lake_settings, "run")[-1][2]


def test_a_lake_held_by_another_writer_is_told_with_its_holder(
    served: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BULLION_LAKE_LOCK_TIMEOUT", "0.2")
    with (
        Lake() as lake,
        lake.write("a long one"),
        pytest.raises(LakeError, match="held by a long one"),
    ):
        jobs.bring(NAME, asked("run"))


@pytest.mark.parametrize("back", [timedelta(hours=12), timedelta(days=40)])
def test_with_a_clock_moved_back_nothing_is_published(
    served: Settings, monkeypatch: pytest.MonkeyPatch, back: timedelta
) -> None:
    jobs.bring(NAME, asked("before"))
    now = NEWEST[1] - back

    class Clock(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:
            return now

    monkeypatch.setattr("pipelines.jobs.run.datetime", Clock)
    for told in (asked("ahead"), replace(asked("manual"), start=None, at=now)):
        with pytest.raises(InvalidRequest, match="by the clock of this machine"):
            jobs.score(NAME, told)
        assert noted(served, told.run)[-1][1] == "failed"
    assert rows_of(served, "predictions") == []


FULL = """
import os, sys
from dataclasses import replace
from pathlib import Path
from pipelines import jobs
from pipelines.core.errors import LakeError
from pipelines.lake import Lake
from pipelines.lake.maintenance import verify
from tests.jobs.test_jobs import BARS, NAME, asked

disk = Path(os.environ["DISK"])
jobs.bring(NAME, asked("fits", BARS[-2]))
with Lake() as lake:
    before = lake.snapshot
room = os.statvfs(disk)
(disk / "ballast").write_bytes(bytes(room.f_bavail * room.f_bsize))
try:
    jobs.bring(NAME, asked("does not"))
except LakeError as error:
    assert "full" in error.message, error
else:
    raise AssertionError("it fitted")
(disk / "ballast").unlink()
with Lake() as lake:
    assert lake.snapshot == before
    assert verify(lake).problems == []
jobs.bring(NAME, asked("does now"))
print("kept")
"""


def test_on_a_full_disk_a_run_says_so_and_leaves_nothing(tmp_path: Path) -> None:
    ran = run_on(tmp_path / "disk", 32, FULL)
    assert ran.stdout.endswith("kept\n"), ran.stderr
