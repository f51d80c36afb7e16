"""The file of releases: written whole, one change after another, and readable by anybody."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pipelines.core.errors import BullionError, InvalidRequest
from pipelines.release.records import FILE, KEPT, change_releases, read_releases


def add(folder: Path, state: str = "starting") -> int:
    with change_releases(folder) as releases:
        release = releases.add(code="here", models="", started_at=1.0)
        release.state = state  # type: ignore[assignment]
        return release.number


def test_a_release_is_read_as_it_was_written(tmp_path: Path) -> None:
    assert read_releases(tmp_path).rows == []
    add(tmp_path, "serving")
    with change_releases(tmp_path) as releases:
        releases.rows[0].counts.reads = 7
        row = releases.rows[0]
    (release,) = read_releases(tmp_path).rows
    assert release == row
    assert release.counts.reads == 7


def test_a_release_goes_where_the_serving_one_is_not(tmp_path: Path) -> None:
    assert add(tmp_path, "serving") == 1
    add(tmp_path, "withdrawn")
    add(tmp_path)
    releases = read_releases(tmp_path)
    assert [row.place for row in releases.rows] == ["first", "second", "second"]
    serving, candidate = releases.serving(), releases.candidate()
    assert serving
    assert candidate
    assert (serving.number, candidate.number) == (1, 3)


def test_a_block_that_raises_changes_nothing(tmp_path: Path) -> None:
    add(tmp_path)

    def clear_and_fail() -> None:
        with change_releases(tmp_path) as releases:
            releases.rows.clear()
            raise RuntimeError

    with pytest.raises(RuntimeError):
        clear_and_fail()
    assert len(read_releases(tmp_path).rows) == 1


def test_changes_at_once_take_their_turns(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        numbers = list(pool.map(lambda _: add(tmp_path, "withdrawn"), range(24)))
    assert sorted(numbers) == list(range(1, 25))


def test_the_oldest_are_forgotten_and_no_number_comes_again(tmp_path: Path) -> None:
    with change_releases(tmp_path) as releases:
        for _ in range(KEPT + 5):
            releases.add(code="here", models="", started_at=1.0)
    assert len(read_releases(tmp_path).rows) == KEPT
    assert add(tmp_path) == KEPT + 6


def test_a_damaged_file_and_a_folder_that_is_none_are_named(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text("{")
    with pytest.raises(InvalidRequest, match="cannot be read"):
        read_releases(tmp_path)
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(BullionError, match=str(file)):
        add(file)
