"""A universe's file says what it means, or is refused with the file, the line and the next step."""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path

import pytest

from pipelines.core.errors import InvalidRequest
from pipelines.core.universe_files import Member, read_universe_file

HEAD = "symbol,name,sector,from,to\n"


def read(folder: Path, text: str | bytes) -> tuple[dict[str, str], tuple[Member, ...]]:
    path = folder / "mine.csv"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    content = read_universe_file(path, folder)
    return dict(content.settings), content.members


def test_settings_remarks_and_memberships_are_read(tmp_path: Path) -> None:
    text = """# A remark: with a colon, and a formula a = b.
# index = SPY
#listed=2026-09-01
symbol,name,sector,from,to

AAPL,"Apple, Inc.",Tech,,
AIG,AIG,,2010-01-04,2013-06-03
AIG,AIG,,2013-06-03,
"""
    settings, members = read(tmp_path, text)
    assert settings == {"index": "SPY", "listed": "2026-09-01"}
    assert members == (
        Member("AAPL", "Apple, Inc.", "Tech"),
        Member("AIG", "AIG", "", date(2010, 1, 4), date(2013, 6, 3)),
        Member("AIG", "AIG", "", date(2013, 6, 3)),  # it left and came back on the same day
    )


def test_a_spreadsheets_file_is_read(tmp_path: Path) -> None:
    lines = ["\ufeff# index = SPY,,,,", "to,from,sector,name,symbol"]
    lines += [",2020-01-02,Tech,Apple,AAPL", ",,,,", ""]
    settings, members = read(tmp_path, "\r\n".join(lines))
    assert settings == {"index": "SPY"}
    assert members == (Member("AAPL", "Apple", "Tech", date(2020, 1, 2)),)


@pytest.mark.parametrize(
    ("text", "words", "hint"),
    [
        ("", "mine.csv is empty", "symbol,name,sector,from,to"),
        ("# index = SPY\n", "is empty", "begin it with"),
        (HEAD, "lists no members", "a line for each"),
        ("since,symbol,name,sector\n", "line 1: unknown column 'since'", "the columns are"),
        ("symbol;name;sector;from;to\n", "line 1: unknown column", "with commas"),
        ("symbol,name,from,to\nA,A,,\n", "line 1: the column 'sector' is missing", "add it"),
        ("symbol,name,sector,from,to,to\n", "line 1: the column 'to' is there twice", "one away"),
        (HEAD + "A,A,T,\n", "line 2: 4 cells under 5 columns", "quote a name"),
        (HEAD + "A,A, Inc,T,,\n", "line 2: 6 cells", "quote a name"),
        (HEAD + "A,A,T,,\n,Name,T,,\n", "line 3: '' is no symbol", "AAPL"),
        (HEAD + "A\u200b,A,T,,\n", "line 2: .* is no symbol", "AAPL"),
        (HEAD + "A" * 65 + ",A,T,,\n", "line 2: .* is no symbol", "AAPL"),
        (HEAD + "A,A\x00,T,,\n", "line 2", "take them out|separate cells"),
        (HEAD + 'A,"A,T,,\n', "line 2: is not CSV", "end each quote"),
        (HEAD + "A,A,T,soon,\n", "line 2: from 'soon' is no date", "2026-09-01"),
        (HEAD + "A,A,T,,2020-02-30\n", "line 2: to '2020-02-30' is no date", "2026-09-01"),
        (HEAD + "A,A,T,20200101,\n", "line 2: from '20200101' is no date", "2026-09-01"),
        (HEAD + "A,A,T,2020-01-02,2019-01-02\n", "line 2: A is a member from", "after 'from'"),
        (HEAD + "A,A,T,2020-01-02,2020-01-02\n", "line 2: A is a member from", "after 'from'"),
        (HEAD + "A,A,T,,\nB,B,T,,\nA,A,T,,\n", "line 4: A is a member already by line 2", "one"),
        (
            HEAD + "A,A,T,2020-01-02,\nA,A,T,,2020-01-03\n",
            "line 3: A is a member already by line 2",
            "end the first",
        ),
        ("# indx = SPY\n" + HEAD, "line 1: unknown setting 'indx'", "did you mean index"),
        ("# index =\n" + HEAD, "line 1: index has no value", "write one"),
        ("# listed = today\n" + HEAD, "line 1: listed 'today' is no date", "2026-09-01"),
        (HEAD.encode() + b"A,\xff,T,,\n", "mine.csv is not UTF-8 text", "UTF-8"),
        (HEAD.encode("utf-16"), "mine.csv is not UTF-8 text", "UTF-8"),
        (b"PAR1\x00\x15\x04", "line 1", "columns are"),
    ],
)
def test_what_cannot_be_used_is_a_sentence_with_its_line(
    tmp_path: Path, text: str | bytes, words: str, hint: str
) -> None:
    with pytest.raises(InvalidRequest, match=words) as refused:
        read(tmp_path, text)
    assert str(tmp_path / "mine.csv") in refused.value.message
    assert any(part in refused.value.hint for part in hint.split("|"))


def test_a_pipe_a_folder_and_a_link_out_of_the_folder_are_not_opened(tmp_path: Path) -> None:
    outside = tmp_path / "outside.csv"
    outside.write_text(HEAD + "A,A,T,,\n")
    folder = tmp_path / "folder"
    folder.mkdir()
    os.mkfifo(folder / "pipe.csv")
    (folder / "link.csv").symlink_to(outside)
    (folder / "folder.csv").mkdir()
    for name, words in (("pipe", "a pipe"), ("link", "out of its folder"), ("folder", "a folder")):
        with pytest.raises(InvalidRequest, match=words) as refused:
            read_universe_file(folder / f"{name}.csv", folder)
        assert refused.value.hint
