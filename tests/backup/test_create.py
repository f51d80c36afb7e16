"""A backup holds one snapshot, whole or not at all, and copies what is new alone."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from pipelines.backup.create import create_backup
from pipelines.backup.objects import Objects
from pipelines.core.errors import CheckFailed, LakeError
from pipelines.lake import Lake
from tests.backup.restored import restore_into, rows_of_all_tables
from tests.busy_lake import files
from tests.lake_rows import list_symbols, replace_series


def test_a_backup_copies_each_content_once(lake: Lake, objects: Objects) -> None:
    first = create_backup(lake, objects, None)
    assert set(first.manifest.files) == set(files(lake))
    assert first.copied == len(first.manifest.digests())
    second = create_backup(lake, objects, None)
    assert second.copied <= 1, "the catalog, whose pages may lie otherwise"
    replace_series(lake, list_symbols("D", 1200), source="d")
    third = create_backup(lake, objects, None)
    assert third.copied == 1 + len(set(third.manifest.files) - set(first.manifest.files))
    assert f"{third.copied} of them new" in third.summary()


def test_a_damaged_file_is_named_and_makes_no_backup(lake: Lake, objects: Objects) -> None:
    path, file = sorted(files(lake).items())[0]
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    with pytest.raises(CheckFailed, match=path):
        create_backup(lake, objects, None)
    assert objects.manifest_times() == []


def test_a_file_that_is_gone_is_named(lake: Lake, objects: Objects) -> None:
    path, file = sorted(files(lake).items())[0]
    file.unlink()
    with pytest.raises(LakeError, match=path):
        create_backup(lake, objects, None)
    assert objects.manifest_times() == []


def test_a_backup_beside_a_writer_is_of_one_of_its_commits(
    lake: Lake, objects: Objects, tmp_path: Path
) -> None:
    stop = threading.Event()
    written: list[int] = []

    def write() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            size = 1200 if number % 3 == 0 else 20  # to files, and to the catalog
            replace_series(lake, list_symbols("W", size), str(number), source="w")
            written.append(number)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        while len(written) < 4:
            os.sched_yield()
        created = [create_backup(lake, objects, None) for _ in range(2)]
    finally:
        stop.set()
        writer.join()
    assert created[1].manifest.snapshot >= created[0].manifest.snapshot
    with restore_into(objects, tmp_path / "restored") as restored:
        counts = restored.rows(
            "SELECT calendar, count(*) FROM silver.series WHERE source = 'w' GROUP BY 1"
        )
        assert len(counts) == 1, "rows of one commit, and all of them"
        [(number, count)] = counts
        assert count == (1200 if int(number) % 3 == 0 else 20)
        with lake.view(created[1].manifest.snapshot) as then:
            assert rows_of_all_tables(restored) == rows_of_all_tables(then)
