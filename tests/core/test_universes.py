"""Universes come from a list that is checked, and every member is a universe of its own."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from pipelines.core import universes as universes_module
from pipelines.core.errors import InvalidRequest
from pipelines.core.universes import universe, universes

HEAD = "since,symbol,name,sector\n"


@pytest.fixture
def listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The file of the list, in a folder of the test."""
    monkeypatch.setattr(universes_module, "FOLDER", tmp_path)
    universes_module._members.cache_clear()
    yield tmp_path / "nasdaq100.csv"
    universes_module._members.cache_clear()


def test_the_ten_heaviest_members_are_the_universe_of_the_fund(listed: Path) -> None:
    rows = "".join(f"2026-09-01,S{n},Name {n},Tech\n" for n in range(12))
    listed.write_text(HEAD + rows)
    everything, ten = universes().values()
    assert (everything.name, ten.name) == ("nasdaq100", "qqq")
    assert everything.symbols == tuple(f"S{n}" for n in range(12))
    assert ten.symbols == everything.symbols[:10]
    assert (ten.since, ten.whole) == (date(2026, 9, 1), "nasdaq100")


def test_a_member_in_small_letters_is_a_universe_of_its_own() -> None:
    symbol = universe("nasdaq100").symbols[5]
    alone = universe(symbol.lower())
    assert alone.symbols == (symbol,)
    assert (alone.index, alone.instrument, alone.whole) == (symbol, symbol, symbol.lower())
    with pytest.raises(InvalidRequest, match="unknown universe 'nasdaq10'") as caught:
        universe("nasdaq10")
    assert "nasdaq100" in caught.value.hint


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (HEAD, "lists no members"),
        ("since,symbol\n2026-09-01,A\n", "cannot be read"),
        (HEAD + "soon,A,Name,Tech\n", "cannot be read"),
        (HEAD + "2026-09-01,A,Name,Tech\n2026-09-01,,Name,Tech\n", "line 3: '' is no symbol"),
        (HEAD + "2026-09-01,A\u200b,Name,Tech\n", "line 2: .* is no symbol"),
    ],
)
def test_a_list_that_cannot_be_used_is_refused_with_its_line(
    listed: Path, text: str, words: str
) -> None:
    listed.write_text(text)
    with pytest.raises(InvalidRequest, match=words) as caught:
        universes()
    assert "since (2026-09-01), symbol, name and sector" in caught.value.hint
