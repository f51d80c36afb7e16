"""The shipped universes can be read, and say no more than is known."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from pipelines.core.universe_files import COLUMNS, SETTINGS, read_universe_file
from pipelines.core.universes import FOLDER, universe, universe_names
from pipelines.sources.sample.skeleton import index_members

PAGE = (FOLDER / "README.md").read_text()


@pytest.mark.parametrize("name", universe_names())
def test_each_can_be_read_and_has_its_line_on_the_page(name: str) -> None:
    assert universe(name).symbols
    assert f"| `{name}` |" in PAGE


def test_the_ten_heaviest_are_a_part_of_the_index() -> None:
    everything, ten = universe("nasdaq100"), universe("qqq")
    assert ten.symbols == everything.symbols[:10]
    assert (ten.index, ten.instrument, ten.whole) == ("QQQ", "/NQ", "nasdaq100")
    assert (everything.index, everything.instrument) == ("QQQ", "/NQ")


def test_they_have_no_dates_as_nothing_here_knows_them_and_the_page_says_so() -> None:
    for name in ("nasdaq100", "qqq"):
        assert not universe(name).is_dated
        assert universe(name).listed == date(2025, 12, 22)
    assert "a backtest on them has survivorship bias" in PAGE


def test_the_made_up_market_has_every_member() -> None:
    symbols = {member.symbol for member in index_members()}
    assert set(universe("nasdaq100").symbols) <= symbols


def test_the_page_explains_every_column_and_setting() -> None:
    for column in COLUMNS:
        assert f"`{column}`" in PAGE
    for setting in SETTINGS:
        assert f"| `# {setting} = " in PAGE
    example = PAGE.split("```")[1]
    assert ",".join(COLUMNS) in example


def test_the_example_of_the_page_can_be_read(tmp_path: Path) -> None:
    path = tmp_path / "example.csv"
    path.write_text(PAGE.split("```\n")[1])
    content = read_universe_file(path, tmp_path)
    assert content.settings == {"index": "SPY", "instrument": "SPY"}
    assert [m.symbol for m in content.members] == ["AAPL", "IBM", "AIG", "AIG"]
