"""Lists of feeds are read whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.core.errors import InvalidRequest
from pipelines.sources.rss.feed_list import FOLDER, Feed, read_feed_list

HEADER = "name,url,language\n"


def read(folder: Path, text: str | bytes) -> tuple[Feed, ...]:
    (folder / "mine.csv").write_bytes(text.encode() if isinstance(text, str) else text)
    return read_feed_list("mine", str(folder))


def test_a_list_has_remarks_and_quotes(tmp_path: Path) -> None:
    text = (
        f'\ufeff# mine\n{HEADER}"One, Inc.",https://a.example/x/?a=1,en\n\nTwo,http://b.example/,\n'
    )
    assert read(tmp_path, text) == (
        Feed("One, Inc.", "https://a.example/x/?a=1", "en"),
        Feed("Two", "http://b.example/", ""),
    )


def test_a_list_of_ones_own_takes_the_place_of_a_shipped_one(tmp_path: Path) -> None:
    shipped = sorted(FOLDER.glob("*.csv"))[0].stem
    assert read_feed_list(shipped)
    (tmp_path / f"{shipped}.csv").write_text(f"{HEADER}A,https://a.example,\n")
    assert [feed.name for feed in read_feed_list(shipped, str(tmp_path))] == ["A"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "does not begin with"),
        ("name,url\n", "does not begin with"),
        (HEADER, "lists 0 feeds"),
        (f"{HEADER}A,https://a.example\n", "2 cells"),
        (f"{HEADER},https://a.example,\n", "without a name"),
        (f"{HEADER}A,file:///etc/passwd,\n", "no address"),
        (f"{HEADER}A,javascript:alert(1),\n", "no address"),
        (f"{HEADER}A\x01,https://a.example,\n", "cannot be read"),
        (f"{HEADER}{'A' * 200},https://a.example,\n", "too long"),
        (f"{HEADER}A,https://a.example,\nA,https://b.example,\n", "two feeds"),
        (b"\xff\xfe", "UTF-8"),
        (f'{HEADER}"A', "no CSV"),
    ],
)
def test_what_is_wrong_is_said_with_the_file(tmp_path: Path, text: str | bytes, words: str) -> None:
    with pytest.raises(InvalidRequest, match=words) as caught:
        read(tmp_path, text)
    assert "mine.csv" in caught.value.message


@pytest.mark.parametrize("name", ["../mine", "nothing", "", "a/b"])
def test_a_name_is_one_of_a_file_in_the_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(InvalidRequest, match="unknown list of feeds"):
        read_feed_list(name, str(tmp_path))
    with pytest.raises(InvalidRequest, match="no folder"):
        read_feed_list("sp500", str(tmp_path / "nowhere"))
