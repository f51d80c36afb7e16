"""A restored lake is the lake of the backup, to the row, or it is refused with what is wrong."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pipelines.backup.create import create_backup
from pipelines.backup.objects import Objects
from pipelines.core.errors import InvalidRequest, LakeError
from pipelines.lake import Lake
from pipelines.lake.compaction import compact
from pipelines.lake.verification import verify
from tests.backup.restored import restore_into, rows_of_all_tables
from tests.busy_lake import find_damage
from tests.lake_rows import list_symbols, replace_series


def test_everything_is_there_again_when_all_was_destroyed(
    lake: Lake, objects: Objects, tmp_path: Path
) -> None:
    before = rows_of_all_tables(lake)
    create_backup(lake, objects, None)
    lake.close()
    folder = tmp_path / "lake"
    shutil.rmtree(folder)
    with restore_into(objects, folder) as restored:
        assert rows_of_all_tables(restored) == before
        assert find_damage(restored) == []
        replace_series(restored, list_symbols("E", 10), source="e")  # it is a lake like any other
        assert compact(restored).warnings() == []


def test_a_place_that_is_not_empty_is_refused(lake: Lake, objects: Objects, tmp_path: Path) -> None:
    create_backup(lake, objects, None)
    with pytest.raises(InvalidRequest, match="there is a catalog"):
        restore_into(objects, tmp_path / "lake").__enter__()
    stranger = tmp_path / "other" / "files" / "silver" / "mine.parquet"
    stranger.parent.mkdir(parents=True)
    stranger.write_bytes(b"mine")
    with pytest.raises(InvalidRequest, match="1 files that are not of this backup"):
        restore_into(objects, tmp_path / "other").__enter__()
    assert stranger.read_bytes() == b"mine"


def test_a_restore_that_was_interrupted_goes_on(
    lake: Lake, objects: Objects, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    create_backup(lake, objects, None)
    place = tmp_path / "restored"

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("pipelines.backup.restore.load_database", die)
        with pytest.raises(KeyboardInterrupt):
            restore_into(objects, place).__enter__()
    assert not (place / "catalog.sqlite").exists()
    half = next((place / "files").rglob("*.parquet"))
    half.write_bytes(half.read_bytes()[:100])
    with restore_into(objects, place) as restored:
        assert rows_of_all_tables(restored) == rows_of_all_tables(lake)


@pytest.mark.parametrize("damage", ["flipped", "gone"])
def test_a_damaged_backup_is_refused_by_its_content(
    lake: Lake, objects: Objects, tmp_path: Path, damage: str
) -> None:
    manifest = create_backup(lake, objects, None).manifest
    digest = next(iter(manifest.files.values())).digest
    file = tmp_path / "backups" / "objects" / digest[:2] / digest
    if damage == "gone":
        file.unlink()
    else:
        content = bytearray(file.read_bytes())
        content[9] ^= 1
        file.write_bytes(content)
    with pytest.raises(LakeError, match=digest):
        restore_into(objects, tmp_path / "restored").__enter__()
    assert not (tmp_path / "restored" / "catalog.sqlite").exists()


@pytest.mark.parametrize("compacted", [False, True])
def test_a_lake_is_taken_back_to_any_time_that_its_snapshots_reach(
    lake: Lake, objects: Objects, tmp_path: Path, compacted: bool
) -> None:
    states: list[tuple[datetime, dict[str, str]]] = []
    for version in ("2", "3"):
        replace_series(lake, list_symbols("C", 25), version, source="c")
        replace_series(lake, list_symbols("A", 1100), version, source="a")
        states.append((datetime.now(UTC), rows_of_all_tables(lake)))
    if compacted:
        compact(lake)
    replace_series(lake, list_symbols("Z", 5), source="z")
    create_backup(lake, objects, None)
    for number, (time, rows) in enumerate(states):
        with restore_into(objects, tmp_path / str(number), time) as restored:
            assert rows_of_all_tables(restored) == rows
            assert verify(restored).problems == []
            replace_series(restored, list_symbols("Q", 5), source="q")


def test_a_time_before_all_backups_is_refused(lake: Lake, objects: Objects, tmp_path: Path) -> None:
    create_backup(lake, objects, None)
    long_ago = datetime.now(UTC) - timedelta(days=9000)
    with pytest.raises(InvalidRequest, match="reach back to"):
        restore_into(objects, tmp_path / "restored", long_ago).__enter__()
