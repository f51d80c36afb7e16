"""Lines of a CSV file that are cut one by one, and those that cannot be cut."""

from __future__ import annotations

import pytest

from pipelines.sources.files.limits import MOST_LINE, MOST_REJECTS
from pipelines.sources.files.lines import BrokenLines, Lines, decode_line, too_long


def cut(body: bytes, width: int = 2, skip: int = 0, first: int = 1) -> tuple[list, list, list]:
    """Cells, their line numbers, and the broken lines."""
    broken = BrokenLines()
    table, rows = Lines(body, width, skip, ",", first).cut(broken)
    return [tuple(row.values()) for row in table.to_pylist()], rows.tolist(), broken.list()


def test_lines_have_their_numbers_and_empty_cells_are_null() -> None:
    cells, rows, broken = cut(b"head,er\n1,2\n\n3,\n", skip=1)
    assert cells == [("1", "2"), ("3", None)]
    assert (rows, broken) == ([2, 4], [])
    assert cut(b"1,2\n", first=90)[1] == [90], "a later piece goes on counting"


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"1\n", "1 cells where 2 are due"),
        (b"1,2,3\n", "3 cells where 2 are due"),
        (b'"1,2\n', "not CSV: unexpected end of data"),
        (b"\xff,2\n", "not UTF-8 text"),
    ],
)
def test_a_line_that_cannot_be_cut_says_why_and_the_others_are_read(
    line: bytes, reason: str
) -> None:
    cells, rows, broken = cut(b"1,2\n" + line + b"5,6\n")
    assert (cells, rows) == ([("1", "2"), ("5", "6")], [1, 3])
    assert broken == [(2, reason, decode_line(line))]


def test_quotes_hold_delimiters_and_one_more_delimiter_at_the_end_is_valid() -> None:
    assert cut(b'"1,5",2\n3,4,\n')[0] == [("1,5", "2"), ("3", "4")]


def test_a_line_that_is_too_long_is_named_by_its_length_and_its_beginning() -> None:
    line = b"9" * (MOST_LINE + 1)
    _, _, [(row, reason, text)] = cut(b"1,2\n" + line + b"\n")
    assert (row, reason) == (2, too_long(len(line)))
    assert len(text) < 2_000


def test_of_very_many_broken_lines_the_last_stands_for_the_rest() -> None:
    broken = BrokenLines()
    for row in range(1, MOST_REJECTS + 6):
        broken.add(row, "broken", str(row))
    listed = broken.list()
    assert len(listed) == MOST_REJECTS + 1
    row = MOST_REJECTS + 5
    assert listed[-1] == (
        row, "the last of 5 more lines that cannot be cut into cells", str(row),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("body", "clean"),
    [(b"1,2\n", True), ("ä,2\n".encode(), True), (b"\xff,2\n", False), (b"1,2\r\n", False)],
)
def test_what_duckdb_may_read_itself_is_known_from_the_bytes(body: bytes, clean: bool) -> None:
    assert Lines(body, 2, 0, ",").clean is clean
