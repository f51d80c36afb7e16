"""A user's file is read if it is a regular one of its folder, and not too large."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pipelines.core.errors import SourceError
from pipelines.core.input_files import read_file


def test_a_file_is_read_as_it_is_and_so_is_a_link_within_its_folder(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"x\r\n\0")
    (tmp_path / "b.csv").symlink_to("a.csv")
    for name in ("a.csv", "b.csv"):
        assert read_file(tmp_path / name, tmp_path) == b"x\r\n\0"


def test_a_link_out_of_the_folder_is_followed_only_where_no_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("x")
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "a.csv").symlink_to("../secret")
    assert read_file(folder / "a.csv") == b"x"
    with pytest.raises(SourceError, match="leads out of its folder"):
        read_file(folder / "a.csv", folder)


def test_what_is_no_regular_file_is_never_opened(tmp_path: Path) -> None:
    """Opening a pipe would wait for a writer that never comes."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    for path, kind in ((tmp_path / "pipe", "a pipe"), (tmp_path / "folder", "a folder"),
                       (Path("/dev/zero"), "a device")):  # fmt: skip
        with pytest.raises(SourceError, match=f"is {kind}, not a regular file"):
            read_file(path)
    with pytest.raises(SourceError, match="No such file"):
        read_file(tmp_path / "absent.csv")


def test_a_file_has_as_many_bytes_as_may_be_read_and_no_more(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"1234")
    assert read_file(path, max_bytes=4) == b"1234"
    with pytest.raises(SourceError, match="has 4 bytes, more than the 3 that are read"):
        read_file(path, max_bytes=3)
