"""Universes are found by their files, and their members at a bar are those of its date."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pytest

from pipelines.core.errors import InvalidRequest
from pipelines.core.universes import (
    Universe,
    count_members,
    members_between,
    name_some,
    universe,
    universe_names,
)
from tests.dated_universe import write_universe

DAYS = np.array(["2020-01-01", "2020-01-02", "2020-06-01", "2020-06-02"], "datetime64[D]")


@pytest.fixture
def dated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Universe:
    """A always; B from 2020-01-02; C until 2020-06-02; D left and came back."""
    lines = ["A,,,", "B,,2020-01-02,", "C,,,2020-06-02", "D,,,2020-01-02", "D,,2020-06-01,"]
    write_universe(tmp_path / "mine", monkeypatch, "dated", *lines)
    return universe("dated")


def test_a_member_is_one_from_the_first_day_on_and_not_on_the_day_it_left(dated: Universe) -> None:
    assert dated.symbols == ("A", "B", "C", "D")
    assert dated.is_dated
    assert dated.membership(DAYS).tolist() == [
        [True, False, True, True],
        [True, True, True, False],
        [True, True, True, True],
        [True, True, False, True],
    ]
    rows = [("B", 0), ("B", 1), ("C", 2), ("C", 3), ("Z", 2), ("A", 0)]
    marks = dated.mark_members([s for s, _ in rows], DAYS[[day for _, day in rows]])
    assert marks.tolist() == [False, True, True, False, False, True]


def test_the_members_of_a_span_are_those_of_any_of_its_days(dated: Universe) -> None:
    first, last = date(2020, 1, 2), date(2020, 5, 31)
    assert dated.symbols_between(first, last) == ("A", "B", "C")
    assert dated.symbols_between(last, date(2020, 6, 1)) == ("A", "B", "C", "D")
    assert dated.symbols_between(date(2020, 6, 2), date(2026, 1, 1)) == ("A", "B", "D")


def test_without_dates_everyone_is_a_member_at_any_bar() -> None:
    qqq = universe("qqq")
    assert qqq.membership(DAYS).all()
    assert qqq.mark_members(["AAPL", "GONE"], DAYS[:2]).tolist() == [True, False]


def test_members_with_bars_are_counted_and_the_others_named(dated: Universe) -> None:
    count = count_members(dated, {"A", "C", "Z"}, DAYS[1:2])
    assert (count.members, count.with_bars, count.absent) == (3, 2, ("B",))
    assert count.describe() == "2 of 3 members had bars; without bars: B"
    assert count_members(dated, "ABCD", DAYS).describe("symbols") == "4 of 4 symbols had bars"
    assert count_members(dated, "A", DAYS[:0]).members == 0
    assert name_some("ABCDEFG") == "A, B, C, D, E and 2 more"


def test_a_span_without_a_member_is_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_universe(tmp_path / "mine", monkeypatch, "late", "A,,2020-01-02,")
    last = datetime(2020, 1, 2, tzinfo=UTC)
    assert members_between("late", None, last) == ("A",)
    with pytest.raises(
        InvalidRequest, match=r"late has no member from .* to 2019-12-30"
    ) as refused:
        members_between("late", None, datetime(2019, 12, 30, tzinfo=UTC))
    assert "from and to" in refused.value.hint


def test_the_users_file_takes_the_place_of_a_shipped_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shipped = universe_names()
    assert {"nasdaq100", "qqq", "spy"} <= set(shipped)
    folder = tmp_path / "mine"
    write_universe(folder, monkeypatch, "nasdaq100", "AAPL,,,", remarks="# listed = 2020-01-02")
    (folder / "Not a name.csv").write_text("anything")
    assert universe_names() == shipped
    assert universe("nasdaq100").symbols == ("AAPL",)
    assert universe("nasdaq100").listed == date(2020, 1, 2)
    with pytest.raises(InvalidRequest, match=r"qqq\.csv is part_of nasdaq100, which does not list"):
        universe("qqq")
    monkeypatch.delenv("BULLION_UNIVERSES")
    assert len(universe("nasdaq100").symbols) > 100


def test_settings_are_those_of_the_file_of_the_whole_or_the_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "mine"
    write_universe(folder, monkeypatch, "plain", "A,,,", "B,,,")
    write_universe(folder, monkeypatch, "part", "B,,,", remarks="# part_of = plain\n# index = X")
    write_universe(folder, monkeypatch, "deep", "B,,,", remarks="# part_of = part")
    write_universe(folder, monkeypatch, "lost", "B,,,", remarks="# part_of = plane")
    plain, part = universe("plain"), universe("part")
    assert (plain.index, plain.instrument, plain.whole) == ("PLAIN", "PLAIN", "plain")
    assert (part.index, part.instrument, part.whole) == ("X", "X", "plain")
    with pytest.raises(InvalidRequest, match="part itself") as refused:
        universe("deep")
    assert "part_of = plain" in refused.value.hint
    with pytest.raises(InvalidRequest, match="part_of an unknown universe 'plane'") as refused:
        universe("lost")
    assert "did you mean plain" in refused.value.hint


def test_a_member_in_small_letters_is_a_universe_of_its_own_without_dates(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = write_universe(tmp_path / "mine", monkeypatch, "broken", "A,,soon,")
    write_universe(tmp_path / "mine", monkeypatch, "dated", "NEW,,2020-01-02,")
    alone = universe("new")
    assert (alone.symbols, alone.is_dated) == (("NEW",), False)
    assert (alone.index, alone.instrument, alone.whole) == ("NEW", "NEW", "new")
    assert (alone.stands_alone, alone.fund) == (True, "NEW"), "its own bars show what it did"
    write_universe(tmp_path / "mine", monkeypatch, "spy", "SPY,,,")
    assert (universe("spy").stands_alone, universe("spy").fund) == (True, "SPY")
    write_universe(tmp_path / "mine", monkeypatch, "lone", "A,,,")
    assert (universe("lone").stands_alone, universe("lone").fund) == (False, "")
    assert not universe("qqq").stands_alone
    with pytest.raises(InvalidRequest, match="unknown universe 'nasdaq10'") as refused:
        universe("nasdaq10")
    assert f"not looked into: {broken}, line 2" in refused.value.message
    assert refused.value.hint.startswith("did you mean nasdaq100? or write ")
    assert str(broken.parent / "nasdaq10.csv") in refused.value.hint


def test_a_folder_that_is_not_there_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BULLION_UNIVERSES", "/nowhere/at/all")
    for call in (universe_names, lambda: universe("qqq")):
        with pytest.raises(InvalidRequest, match="no folder /nowhere/at/all") as refused:
            call()
        assert "BULLION_UNIVERSES" in refused.value.hint
