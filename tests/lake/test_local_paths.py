"""A path that cannot be used is named, with the reason and what to do."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import pytest

from pipelines.core.errors import InvalidRequest
from pipelines.lake import Lake
from pipelines.lake.local_paths import CHECK_OWNER, local_path, permission_hint
from tests.job_server import Jobs
from tests.lake_rows import (
    count_versions,
    list_symbols,
    replace_series,
)
from tests.small_disk import run_on

MOUNTED = """
import os, subprocess
from pipelines.core.errors import LakeError
from pipelines.lake import Lake
from tests.lake_rows import list_symbols, replace_series

with Lake() as lake:
    replace_series(lake, list_symbols(), "kept")
subprocess.run(["mount", "-o", "remount,ro", os.environ["DISK"]], check=True)
elsewhere = os.environ["BULLION_LAKE_CATALOG"].replace("/lake/", "/other/")
for catalog in (os.environ["BULLION_LAKE_CATALOG"], elsewhere):
    os.environ["BULLION_LAKE_CATALOG"] = catalog
    try:
        Lake()
    except LakeError as error:
        assert "the disk is mounted read-only" in error.hint, error
        assert "who owns" not in error.hint, error
        print("refused")
"""


def test_a_read_only_disk_has_a_hint_of_its_own(jobs: Jobs, tmp_path: Path) -> None:
    process = run_on(jobs, tmp_path / "disk", 8, MOUNTED)
    assert process.stdout == "refused\nrefused\n", process.stderr


def test_a_read_only_folder_is_a_clear_error(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    # Root may write anywhere, so the write is made as someone else, outside pytest's own folder.
    folder = Path(tempfile.mkdtemp(prefix="bullion-lake-"))
    try:
        monkeypatch.setenv("BULLION_LAKE_CATALOG", f"sqlite:{folder}/lake/catalog.sqlite")
        monkeypatch.setenv("BULLION_LAKE_DATA", f"{folder}/lake/files")
        user = "nobody" if os.geteuid() == 0 else ""
        folder.chmod(0o555)
        error = jobs.run("failing_write", 10, 0, user)
        assert "ermission denied" in error["message"]
        assert str(folder) in error["message"]
        folder.chmod(0o755)
        with Lake() as lake:
            replace_series(lake, list_symbols(), "kept")
            for path in (folder / "lake", *(folder / "lake").rglob("*")):
                path.chmod(0o555 if path.is_dir() else 0o444)
            for rows in (10, 5000):
                error = jobs.run("failing_write", rows, 0, user)
                assert str(folder) in error["message"]
                assert "permissions" in error["hint"]
            assert count_versions(lake) == {"kept": len(list_symbols())}
    finally:
        for path in folder.rglob("*"):
            path.chmod(0o755)
        shutil.rmtree(folder)


@pytest.mark.parametrize("path", ["~no-such-user/lake", "a\0b", "x" * 5000])
def test_a_path_that_cannot_be_is_refused_by_the_name_of_its_setting(path: str) -> None:
    with pytest.raises(InvalidRequest, match="BULLION_X cannot be used"):
        local_path(path, "BULLION_X")


def test_the_home_folder_is_written_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert local_path("~/lake", "BULLION_X") == tmp_path / "lake"


def test_the_hint_of_a_missing_file_is_that_of_its_folder(tmp_path: Path) -> None:
    assert permission_hint(tmp_path / "not" / "there") == CHECK_OWNER
