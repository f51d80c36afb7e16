"""Processes of releases: started by their own code, told from strangers, and ended."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from pipelines.core.errors import InvalidRequest
from pipelines.release.processes import end_process, is_running, last_words, start_process
from pipelines.release.records import Release
from pipelines.release.settings import ReleaseSettings
from tests.serving.scored_api import wait_until

SLEEP = """
import os, time
names = "BULLION_API_PORT", "BULLION_API_MODELS"
print(*map(os.environ.get, names), flush=True)
time.sleep(60)
"""
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True)"


@pytest.fixture
def settings(tmp_path: Path) -> ReleaseSettings:
    (tmp_path / "release").mkdir()
    return ReleaseSettings(folder=str(tmp_path / "release"), second="127.0.0.1:8123")


@pytest.fixture
def release(tmp_path: Path) -> Iterator[Release]:
    release = Release(1, "second", str(tmp_path / "code"), "spy_next_day=2", "starting", 1.0)
    yield release
    end_process(release)


def write_code(release: Release, text: str) -> None:
    serving = Path(release.code) / "serving"
    serving.mkdir(parents=True)
    (serving / "__init__.py").touch()
    (serving / "__main__.py").write_text(text)


def test_a_process_runs_its_own_code_at_its_place(
    settings: ReleaseSettings, release: Release
) -> None:
    write_code(release, SLEEP)
    start_process(settings, release)
    wait_until(lambda: last_words(settings, release))
    assert last_words(settings, release) == "8123 spy_next_day=2"
    assert is_running(release)
    end_process(release)
    assert not is_running(release)


def test_a_process_that_does_not_end_by_itself_is_killed(
    settings: ReleaseSettings, release: Release, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipelines.release.processes.END_WITHIN", 0.2)
    write_code(release, STUBBORN + SLEEP)
    start_process(settings, release)
    wait_until(lambda: "up" in last_words(settings, release))
    end_process(release)
    assert not is_running(release)


def test_a_later_process_of_the_same_number_is_a_stranger_and_lives_on(release: Release) -> None:
    own = psutil.Process(os.getpid())
    release.pid, release.born_at = own.pid, own.create_time()
    assert is_running(release)
    release.born_at = own.create_time() - 100
    assert not is_running(release)
    end_process(release)
    release.pid = None


def test_one_that_ended_is_noticed_with_its_last_words(
    settings: ReleaseSettings, release: Release
) -> None:
    write_code(release, "raise SystemExit('no such lake')")
    start_process(settings, release, sys.executable)
    wait_until(lambda: not is_running(release))
    time.sleep(0.01)
    assert "no such lake" in last_words(settings, release)


def test_a_container_counts_as_running_and_is_left_alone(release: Release) -> None:
    assert is_running(release)
    end_process(release)


def test_a_folder_without_code_is_refused(settings: ReleaseSettings, release: Release) -> None:
    with pytest.raises(InvalidRequest, match=r"no serving/__main__\.py"):
        start_process(settings, release)
