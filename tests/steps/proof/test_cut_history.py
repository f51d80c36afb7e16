"""A leak that was planted in the features is caught by a history that ends at the bar's close."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pipelines.core.calendar import utc
from pipelines.features import Feature, inputs
from pipelines.features import feature_matrix as true_matrix
from pipelines.features.companions import Companion
from pipelines.features.inputs import Reference, bars
from pipelines.features.intermarket import return_of
from pipelines.features.news import news_signals
from pipelines.features.panel import Panel
from pipelines.features.returns import log_return
from pipelines.forecasts import Forecast
from pipelines.forecasts.tables import FEATURE_TABLES
from pipelines.lake import Lake, companions
from pipelines.steps import refresh_features
from pipelines.steps.data import features
from pipelines.steps.proof.cut_history import check_features
from pipelines.steps.proof.differences import Findings
from pipelines.steps.proof.draw import DrawnSeries
from pipelines.steps.proof.published import read_bar
from tests.steps.proof.proven_lake import HOURLY, MEMBERS, copied_lake, settings_of

LEAKING = Forecast(
    name="leaking_hourly",
    meaning="The members, the fund beside them, and the news",
    universe="qqq",
    interval="1h",
    features=(log_return(1), return_of(bars("QQQ"), 1), *news_signals("sp500")),
    targets=(replace(HOURLY.targets[0], combinations=()),),
)
BARS = [utc("2026-11-19T14:30+00:00"), utc("2026-11-20T14:30+00:00")]  # first of a session
align = Companion.align


def shift_by_a_bar(patch: pytest.MonkeyPatch) -> None:
    def leaking(declared: Sequence[Feature], panel: Panel) -> np.ndarray:
        values = true_matrix(declared, panel)
        return np.column_stack([np.roll(values[:, 0], -1), values[:, 1:]])

    patch.setattr(features, "feature_matrix", leaking)


def name_windows_by_their_start(patch: pytest.MonkeyPatch) -> None:
    by_start = replace(inputs.NEWS, about="window_start", known_at="window_start")
    group = companions.group_by_dataset

    def leaking(references: Sequence[Reference]) -> Iterator[tuple[object, list[Reference]]]:
        for dataset, of_dataset in group(references):
            yield by_start if dataset == inputs.NEWS else dataset, of_dataset

    patch.setattr(companions, "group_by_dataset", leaking)


def join_companions_by_date(patch: pytest.MonkeyPatch) -> None:
    def leaking(self: Companion, references: Sequence[Reference], at: np.ndarray) -> object:
        if references[0].dataset == inputs.BARS:
            at = at.astype("datetime64[D]") + np.timedelta64(24 * 60, "m")
        return align(self, references, at)

    patch.setattr(Companion, "align", leaking)


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Lake]:
    with copied_lake(tmp_path / "copy"):
        pass
    tables = (*FEATURE_TABLES, LEAKING.table)
    with Lake(settings_of(tmp_path / "copy"), feature_tables=tables) as opened:
        yield opened


def audit_features(lake: Lake) -> Findings:
    refresh_features(lake, LEAKING, "sample")
    with lake.view() as view:
        selection = tuple(
            replace(read_bar(view, HOURLY, "sample", ts, live, MEMBERS[:2]), forecast=LEAKING)
            for ts, live in zip(BARS, (False, True), strict=True)
        )
        return check_features(lake, view, DrawnSeries(LEAKING, "sample", selection))


def test_sound_features_are_the_same_on_a_cut_history(lake: Lake) -> None:
    findings = audit_features(lake)
    assert findings.differences == []
    assert findings.rows == 2 * 2 + 2  # and the newest window of news before each close


@pytest.mark.parametrize(
    ("plant", "column"),
    [
        (shift_by_a_bar, "log_return_1"),
        (name_windows_by_their_start, "news_sp500_"),
        (join_companions_by_date, "qqq_return_1"),
    ],
    ids=lambda value: value if isinstance(value, str) else value.__name__,
)
def test_a_planted_leak_is_caught_and_named(
    lake: Lake,
    monkeypatch: pytest.MonkeyPatch,
    plant: Callable[[pytest.MonkeyPatch], None],
    column: str,
) -> None:
    plant(monkeypatch)
    findings = audit_features(lake)
    assert findings.differences
    assert f"gold.features_leaking_hourly {MEMBERS[0]}" in "".join(findings.differences)
    assert all(column in difference for difference in findings.differences)
