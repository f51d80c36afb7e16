"""The command that writes a new feature, label, source, forecast or task."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from pipelines.cli import scaffold
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
    ],
)
def test_a_wrong_request_is_refused_with_what_to_do(
    bullion: Bullion, words: list[str], message: str, hint: str
) -> None:
    code, out, err = bullion("new", *words)
    assert (code, out) == (2, "")
    assert message in err
    assert hint in err
