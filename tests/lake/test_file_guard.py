"""No row is read from a file that is not what was committed, and no file is hashed in vain."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from pipelines.core.errors import LakeError
from pipelines.core.settings import Settings
from pipelines.lake import Lake, file_guard
from pipelines.lake.catalog import FILES, query_catalog
from pipelines.lake.compaction import compact
from pipelines.lake.file_guard import check_file
from pipelines.lake.file_store import YOUNG_NS, FolderStore
from pipelines.lake.verification import verify
from tests.lake_rows import count_versions, list_symbols, replace_series


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    """A lake with data files and a file of deletes; every test leaves it as it was."""
    folder = tmp_path_factory.mktemp("full")
    config = Settings(
        lake_catalog=f"sqlite:{folder}/catalog.sqlite", lake_data=str(folder / "files")
    )
    with Lake(config) as lake:
        replace_series(lake, list_symbols("A"), source="a")
        replace_series(lake, list_symbols("B"), source="b")
        with lake.write() as writer:
            writer.delete("silver.series", "symbol BETWEEN 'A00100' AND 'A01899'")
        yield lake


def files(lake: Lake) -> dict[str, Path]:
    with lake.view() as view:
        rows = view.rows(f"SELECT DISTINCT path FROM ({FILES}) ORDER BY 1")
    return {path: Path(lake.config.lake_data) / path for (path,) in rows}


def flip(file: Path, place: int, bit: int = 0) -> bytes:
    """Flip a bit of a file; return its content before."""
    content = file.read_bytes()
    flipped = bytearray(content)
    flipped[place % len(content)] ^= 1 << bit
    file.write_bytes(flipped)
    return content


READS: list[Callable[[Lake], object]] = [
    lambda lake: lake.rows("FROM silver.series ORDER BY ALL"),
    lambda lake: lake.sql("SELECT count(*) FROM silver.series").to_pylist(),
    lambda lake: count_versions(lake),
    lambda lake: count_versions(lake, lake.snapshot),
]


@hypothesis_settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_flipped_bit_is_refused_by_every_way_to_read(full: Lake, data: st.DataObject) -> None:
    read = data.draw(st.sampled_from(READS))
    path, file = data.draw(st.sampled_from(sorted(files(full).items())))
    before = read(full)
    content = flip(file, data.draw(st.integers(0, 10**6)), data.draw(st.integers(0, 7)))
    try:
        with pytest.raises(LakeError) as caught:
            read(full)
        assert f"{full.store.root}{path} is damaged" in caught.value.message
        assert "bullion verify" in caught.value.hint
        assert "backup" in caught.value.hint
    finally:
        file.write_bytes(content)
    assert read(full) == before


def test_a_writer_reads_nothing_damaged_and_commits_nothing(full: Lake) -> None:
    file = sorted(files(full).values())[0]
    content, before = flip(file, 200), full.snapshot
    copy = "INSERT INTO silver.series SELECT * FROM silver.series"
    try:
        for statement in (copy, "UPDATE silver.series SET grid = 'x'"):
            with pytest.raises(LakeError, match="is damaged"), full.write() as writer:
                writer.run(statement)
        with pytest.raises(LakeError, match="is damaged"), full.write() as writer:
            writer.delete("silver.series", "symbol = 'A00001'")
    finally:
        file.write_bytes(content)
    assert full.snapshot == before


def test_compaction_gives_damaged_rows_no_new_checksum(lake: Lake) -> None:
    for number in range(6):
        replace_series(lake, list_symbols(count=1100), source=f"s{number}")
    path, file = sorted(files(lake).items())[0]
    flip(file, 200)
    with pytest.raises(LakeError, match="is damaged"):
        compact(lake)
    assert [problem.path for problem in verify(lake).problems] == [path]


def test_a_query_needs_no_file_of_a_table_that_it_does_not_read(lake: Lake) -> None:
    replace_series(lake, list_symbols())
    for file in files(lake).values():
        file.unlink()
    assert lake.rows("SELECT count(*) FROM silver.bars") == [(0,)]
    with lake.write() as writer:
        assert writer.append("silver.series", lake.sql("FROM silver.bars LIMIT 0")) == 0
    with pytest.raises(LakeError, match=r"silver/series/.* is missing"):
        count_versions(lake)


def test_a_file_without_a_checksum_is_not_read(lake: Lake) -> None:
    replace_series(lake, list_symbols())
    with lake.write() as writer:
        writer.delete("meta.checksums", "true")
    with pytest.raises(LakeError, match="has no recorded checksum"):
        count_versions(lake)


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files that were hashed; all of them count as written long ago."""
    paths: list[str] = []
    checksum = FolderStore.checksum

    def counted(self: FolderStore, path: str) -> tuple[int, str]:
        paths.append(path)
        return checksum(self, path)

    monkeypatch.setattr(FolderStore, "checksum", counted)
    monkeypatch.setattr("pipelines.lake.file_store.YOUNG_NS", 0)
    return paths


def test_a_file_is_hashed_once_by_all_processes_until_it_changes(
    lake: Lake, hashed: list[str]
) -> None:
    replace_series(lake, list_symbols())
    (path, file) = next(iter(files(lake).items()))
    hashed.clear()
    count_versions(lake)
    assert hashed == [path]
    count_versions(lake)
    with Lake(lake.config, read_only=True) as reader:
        count_versions(reader)
    assert hashed == [path]

    content = file.read_bytes()
    stat = file.stat()
    file.write_bytes(content[:-1] + b"X")
    os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))  # its change time remains
    with Lake(lake.config) as reader, pytest.raises(LakeError, match="is damaged"):
        count_versions(reader)
    file.write_bytes(content)
    count_versions(lake)


@pytest.mark.parametrize("body", [b"", b"{", b"[1]", b"\xff"])
def test_a_damaged_memory_of_what_was_verified_costs_a_hash(
    lake: Lake, hashed: list[str], body: bytes
) -> None:
    replace_series(lake, list_symbols())
    count_versions(lake)
    memory = Path(lake.target + ".verified")
    assert memory.exists()
    memory.write_bytes(body)
    hashed.clear()
    with Lake(lake.config) as reader:
        count_versions(reader)
    assert hashed == list(files(lake))


def test_a_file_that_verify_found_damaged_is_refused_though_its_mark_is_the_same(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace_series(lake, list_symbols())
    path, file = next(iter(files(lake).items()))
    # A disk that loses a bit leaves no trace of it.
    monkeypatch.setattr(FolderStore, "marks", lambda self, paths: dict.fromkeys(paths, "same"))
    count_versions(lake)
    flip(file, 100)
    assert [problem.path for problem in verify(lake).problems] == [path]
    with Lake(lake.config) as reader, pytest.raises(LakeError, match="is damaged"):
        count_versions(reader)


def test_only_so_many_verified_files_are_remembered(
    lake: Lake, hashed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_guard, "MOST_MARKS", 2)
    for number in range(4):
        replace_series(lake, list_symbols(), source=f"s{number}")
        count_versions(lake)
    hashed.clear()
    with Lake(lake.config) as reader:
        count_versions(reader)
    assert len(hashed) == 2


def test_the_catalog_is_asked_for_files_once_and_anew_after_a_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    queries = 0

    def count_queries(*arguments: object) -> list[tuple[object, ...]]:
        nonlocal queries
        queries += 1
        return query_catalog(*arguments)  # type: ignore[arg-type]

    config = Settings(
        lake_catalog=f"sqlite:{tmp_path}/catalog.sqlite", lake_data=str(tmp_path / "files")
    )
    with Lake(config) as lake:
        replace_series(lake, list_symbols("A"), source="a")
    monkeypatch.setattr(file_guard, "query_catalog", count_queries)
    with Lake(config, read_only=True) as reader:
        count = reader.rows("SELECT count(*) FROM silver.series")
        time.sleep(1.1 * YOUNG_NS / 1e9)  # until a second commit cannot be taken for this one
        queries = 0
        for _ in range(3):
            assert reader.rows("SELECT count(*) FROM silver.series") == count
        assert queries == 1
        before = files(reader)
        with Lake(config) as writer:
            replace_series(writer, list_symbols("B"), source="b")
        time.sleep(1.1 * YOUNG_NS / 1e9)
        checked: list[str] = []
        monkeypatch.setattr(
            file_guard,
            "check_file",
            lambda store, path, recorded: checked.append(path) or check_file(store, path, recorded),
        )
        assert reader.rows("SELECT count(*) FROM silver.series") > count
        assert set(checked) == set(files(reader)) - set(before)
        assert checked
