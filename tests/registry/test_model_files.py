"""A model's file is a regular file of a size that a model has; nothing else is read."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from pipelines.registry import model_files
from pipelines.registry.errors import UnsoundModel
from pipelines.registry.model_files import read_model_file


def test_the_bytes_of_a_regular_file_are_read_also_by_a_link(tmp_path: Path) -> None:
    file, link = tmp_path / "model.onnx", tmp_path / "link"
    file.write_bytes(b"model" * 1000)
    link.symlink_to(file)
    assert read_model_file(file, "") == read_model_file(link, "") == b"model" * 1000


@pytest.mark.parametrize("name", ["/dev/zero", "/dev/null", "pipe", "folder", "socket"])
def test_a_device_a_pipe_or_a_folder_is_refused_at_once(tmp_path: Path, name: str) -> None:
    file = tmp_path / name  # of a path from the root, that path
    if name == "pipe":
        os.mkfifo(file)
    elif name == "folder":
        file.mkdir()
    elif name == "socket":
        with socket.socket(socket.AF_UNIX) as opened:
            opened.bind(str(file))
    with pytest.raises(UnsoundModel) as refused:
        read_model_file(file, "name another")
    assert refused.value.hint == "name another"
    assert str(tmp_path) not in refused.value.message


def test_a_file_larger_than_a_model_is_not_read(tmp_path: Path) -> None:
    file = tmp_path / "model.onnx"
    with file.open("wb") as sparse:
        sparse.truncate(model_files.LARGEST + 1)
    with pytest.raises(UnsoundModel, match="larger than 67,108,864 bytes"):
        read_model_file(file, "")


@pytest.mark.parametrize("name", ["missing", "no\0file"])
def test_a_missing_file_is_an_error_without_its_path(tmp_path: Path, name: str) -> None:
    with pytest.raises(UnsoundModel, match="cannot be read") as refused:
        read_model_file(tmp_path / name, "")
    assert str(tmp_path) not in str(refused.value)
