"""The command that writes a new feature, label, source, universe, forecast or task."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from pipelines.cli import scaffold
from pipelines.core.universe_files import read_universe_file
from tests.commands import Bullion


def test_it_prints_what_it_wrote_and_what_comes_next(
    bullion: Bullion, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipelines.cli.new.scaffold", partial(scaffold.new, root=tmp_path))
    code, out, err = bullion("new", "label", "next_gap", "--meaning", "The next opening gap.")
    assert (code, err) == (0, "")
    assert out.splitlines() == [
        "wrote pipelines/labels/next_gap.py",
        "wrote tests/labels/test_next_gap.py",
        "next: make format, and the test that was written",
    ]
    assert "The next opening gap." in (tmp_path / "pipelines/labels/next_gap.py").read_text()


@pytest.mark.parametrize(
    ("words", "message", "hint"),
    [
        (["featur", "low_gap"], "unknown kind 'featur'", "feature"),
        (["feature", "Low Gap"], "cannot name a feature", "small letters"),
        (["task", "count_rows", "--room", "dta"], "unknown room 'dta'", "data"),
        (["label", "next_gap", "--room", "data"], "a label has no room", "--room"),
        (["universe", "qqq"], "there is a universe qqq already", "another name"),
        (["universe", "aapl"], "there is a universe aapl already", "another name"),
        (["universe", "Big-Four"], "cannot name a universe", "small letters"),
        (["label", "next_gap", "--universe", "qqq"], "a label names no universe", "--universe"),
        (["forecast", "mine", "--universe", "qqqq"], "unknown universe 'qqqq'", "qqq"),
    ],
)
def test_a_wrong_request_is_refused_with_what_to_do(
    bullion: Bullion, words: list[str], message: str, hint: str
) -> None:
    code, out, err = bullion("new", *words)
    assert (code, out) == (2, "")
    assert message in err
    assert hint in err


def test_a_forecast_names_the_universe_that_is_asked_for(
    bullion: Bullion, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipelines.cli.new.scaffold", partial(scaffold.new, root=tmp_path))
    assert bullion("new", "forecast", "mine", "--universe", "nasdaq100")[0] == 0
    text = (tmp_path / "pipelines/forecasts/mine.py").read_text()
    assert 'universe="nasdaq100",' in text
    assert 'ComponentWeighted("nasdaq100")' in text


def test_a_universe_is_a_csv_and_its_test(
    bullion: Bullion, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipelines.cli.new.scaffold", partial(scaffold.new, root=tmp_path))
    code, out, _ = bullion("new", "universe", "big_four", "--meaning", "Four large companies.")
    assert code == 0
    assert out.splitlines()[:2] == [
        "wrote include/universes/big_four.csv",
        "wrote tests/include/universes/test_big_four.py",
    ]
    content = read_universe_file(tmp_path / "include/universes/big_four.csv", tmp_path)
    assert content.settings == {"index": "BIG_FOUR", "instrument": "BIG_FOUR"}
    assert [member.symbol for member in content.members] == ["AAPL", "MSFT"]
