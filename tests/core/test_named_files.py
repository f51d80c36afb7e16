"""Files are found by their names; the user's take the place of the shipped ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.core.errors import InvalidRequest
from pipelines.core.named_files import NamedFiles


def test_a_file_of_the_users_takes_the_place_of_a_shipped_one(tmp_path: Path) -> None:
    shipped, own = tmp_path / "shipped", tmp_path / "own"
    for folder, names in ((shipped, ("a", "b")), (own, ("b", "c", "B-side", "1"))):
        folder.mkdir()
        for name in names:
            (folder / f"{name}.yaml").write_text("")
    (own / "d.csv").write_text("")
    files = NamedFiles("topics", shipped, "BULLION_TOPICS", ".yaml")
    assert files.list_files("") == {n: shipped / f"{n}.yaml" for n in "ab"}
    paths = files.list_files(str(own))
    assert paths == {"a": shipped / "a.yaml", "b": own / "b.yaml", "c": own / "c.yaml"}
    assert files.place_for("x", str(own)) == own / "x.yaml"
    assert files.place_for("x", "") == shipped / "x.yaml"


def test_a_folder_that_is_not_there_names_its_setting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = NamedFiles("topics", tmp_path, "BULLION_TOPICS", ".yaml")
    monkeypatch.setenv("BULLION_TOPICS", "gone")
    with pytest.raises(InvalidRequest, match="there is no folder gone") as caught:
        files.list_files(files.folder)
    assert caught.value.hint == "set BULLION_TOPICS to the folder of your topics"
