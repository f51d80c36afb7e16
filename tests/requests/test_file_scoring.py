"""Lines of a file are scored as a training would see them, each from what came before it."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import numpy as np
import pytest

from pipelines.features import feature_matrix
from pipelines.features.panel import build_panel
from pipelines.forecasts import NVDA_5M
from pipelines.requests.file_scoring import score_file
from tests.requests.five_minutes import (
    LOOK_BACK,
    NOW,
    SYMBOL,
    probabilities_of,
    read_lines,
    sample_bars,
    scored_file,
    served_models,
    write_lines,
)


def test_each_line_has_the_prediction_of_its_bar() -> None:
    file, model = scored_file(write_lines()), served_models().main
    assert [line.predictions is None for line in file.lines] == [
        place < LOOK_BACK for place in range(156)
    ]
    assert "warm-up" in (file.lines[0].reason or "")
    panel = build_panel(sample_bars(), model.market, NVDA_5M.bar, model.grid, {})
    rows = feature_matrix(NVDA_5M.features, panel)[LOOK_BACK:]
    inputs = np.column_stack([rows, np.zeros(len(rows))]).astype(np.float32)
    outputs, classes = model.scorer.score(inputs)
    np.testing.assert_allclose(probabilities_of(file), outputs, atol=1e-6)
    actions = [line.predictions["action"]["action"] for line in file.lines if line.predictions]
    assert actions == [model.forecast.label.classes[place] for place in classes]
    assert {line.symbol for line in file.lines} == {SYMBOL}


def test_another_future_changes_no_line_before_it() -> None:
    lines = write_lines()
    changed = lines[:100] + [
        _scale(line, 1 + place % 3 / 100) for place, line in enumerate(lines[100:])
    ]
    first, second = scored_file(lines), scored_file(changed)
    before, after = (probabilities_of(file)[: 99 - LOOK_BACK] for file in (first, second))
    np.testing.assert_array_equal(before, after)
    assert first.lines[100].predictions != second.lines[100].predictions


def _scale(line: str, factor: float) -> str:
    ts, *prices, volume = line.split(",")
    return ",".join([ts, *(str(factor * float(price)) for price in prices), volume])


def test_a_time_without_an_offset_is_in_the_named_timezone_or_refused() -> None:
    local = write_lines("%Y-%m-%d %H:%M", "America/New_York")
    file = read_lines(local)
    score_file(served_models(), file, None, NOW, None, ZoneInfo("America/New_York"))
    whole = scored_file(write_lines())
    assert [line.ts for line in file.lines] == [line.ts for line in whole.lines]
    np.testing.assert_array_equal(probabilities_of(file), probabilities_of(whole))
    refused = scored_file(local)
    assert all(line.bad for line in refused.lines)
    assert "not a time with its zone" in (refused.lines[0].reason or "")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda line: line.replace("T14:", "T14:1"), "not a time with its zone"),
        (lambda line: line.replace(":30:00Z", ":31:00Z"), "no 5m bar of XNYS opens at that time"),
        (lambda line: line.rsplit(",", 1)[0] + ",-5", "negative"),
        (lambda line: line.replace("2026-08", "2027-08"), "has not closed yet"),
    ],
)
def test_a_bad_line_says_why_and_the_others_are_scored(change: object, reason: str) -> None:
    lines = write_lines()
    lines[13] = change(lines[13])  # type: ignore[operator]
    file = scored_file(lines)
    assert file.lines[12].bad
    assert reason in (file.lines[12].reason or "")
    assert file.lines[-1].predictions is not None
