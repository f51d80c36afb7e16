"""Notes say what the figures of a backtest rest on, and only what applies."""

from __future__ import annotations

import pytest

from pipelines.backtest import notes
from pipelines.forecasts import Forecast
from pipelines.sources import source
from tests.backtest.small_backtest import MEMBERS, small_backtest


def test_a_made_up_market_is_said_first() -> None:
    assert small_backtest().notes[0].startswith("This market is made up")


def test_made_up_news_beside_real_bars_are_said_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notes, "source_named", lambda _: source("yahoo"))
    compute = small_backtest.__wrapped__
    assert "made up" not in compute().notes[0]
    monkeypatch.setattr(Forecast, "news_source", lambda *_: "sample")
    backtest = compute()
    assert backtest.notes[0].startswith("The news are made up, of sample")
    assert backtest.about["news_source"] == "sample"


def test_proven_models_are_counted_and_skipped_gates_are_named() -> None:
    (note,) = (note for note in small_backtest().notes if "passed the gates" in note)
    assert note.startswith("1 of 2 models passed the gates that block")
    assert "latency, training time and inputs_sound are not checked here" in note


def test_rows_that_were_left_out_are_counted() -> None:
    assert any(note.startswith("3 rows were not scored") for note in small_backtest().notes)
    assert not any("rows were not scored" in note for note in small_backtest(left_out=0).notes)


def test_equal_weights_are_a_note_only_where_none_were_known() -> None:
    assert not any("all weigh the same" in note for note in small_backtest().notes)
    (note,) = (n for n in small_backtest(weights=False).notes if "all weigh the same" in n)
    bars = len(small_backtest().path)
    assert note.startswith(f"At {bars} of {bars} bars no weights of the members were known")


def test_the_index_of_the_members_bars_is_explained() -> None:
    notes = small_backtest().notes
    assert f"({MEMBERS.name}, {len(MEMBERS.symbols)} members)" in " ".join(notes)
    assert any("a stop uses the far one" in note for note in notes)
    assert any(note.startswith("Intervals hold 95%") for note in notes)
    assert not any(note.startswith("Not scored at all") for note in notes)
