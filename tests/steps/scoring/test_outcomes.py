"""Outcomes follow corrected and lost bars, in parts as in whole, and touch no prediction."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.core.calendar import utc
from pipelines.lake import Lake
from pipelines.modeling.scorer import checksum
from pipelines.registry.mlflow import Registry
from pipelines.steps.scoring.outcomes import refresh_outcomes
from pipelines.steps.scoring.score import score
from tests import models
from tests.empty_lake import lake_of_a_module
from tests.laws import law
from tests.steps.scored_market import (
    END,
    HOURLY,
    HOURS,
    SYMBOLS,
    TRAINED,
    Row,
    build_market,
    create_source,
    remove_bar,
    rows_of,
    write_bars,
)
from tests.steps.served import fresh_registry

NOW = utc("2026-09-02")
SINCE = utc("2026-08-26")
LATER = utc("2026-08-28T17:00+00:00")


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    with lake_of_a_module(tmp_path_factory) as lake:
        yield lake


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Registry:
    return fresh_registry(tmp_path_factory.mktemp("mlflow"))


def create_predicted_source(lake: Lake, registry: Registry, rows: list[Row]) -> str:
    """A source whose bars since SINCE are scored, by one model and then by another."""
    source = create_source(lake, rows, weights=False)
    for version, as_of in ((1, TRAINED), (2, LATER)):
        challengers = {"random_forest": models.body(HOURLY, 5)}
        model = models.store_verified(
            registry, HOURLY, models.body(HOURLY, version), version, challengers
        )
        models.decide(lake, HOURLY, source, model, as_of)
    score(lake, registry, HOURLY, source, start=SINCE, end=END, now=NOW)
    return source


def outcomes(lake: Lake, source: str) -> list[Row]:
    return rows_of(lake, source, "outcomes")


def refresh_from_nothing(lake: Lake, registry: Registry, source: str) -> list[Row]:
    with lake.write("forget") as writer:
        writer.delete("gold.outcomes", "source = ?", [source])
        writer.delete("meta.outcome_state", "source = ?", [source])
    refresh_outcomes(lake, registry, HOURLY, source)
    return outcomes(lake, source)


def scale_prices(row: Row, factor: float) -> Row:
    return row | {p: float(str(row[p])) * factor for p in ("open", "high", "low", "close")}


def test_each_prediction_has_its_outcome_by_the_thresholds_of_its_model(
    lake: Lake, registry: Registry
) -> None:
    rows = build_market()
    source = create_predicted_source(lake, registry, rows)
    predictions = rows_of(lake, source)
    report = refresh_outcomes(lake, registry, HOURLY, source)
    outcome_rows = outcomes(lake, source)
    keys = {(r["symbol"], r["ts"], r["model_version"]) for r in predictions if r["ts"] != HOURS[-1]}
    assert {(r["symbol"], r["ts"], r["model_version"]) for r in outcome_rows} == keys
    assert (report.written, report.removed) == (len(keys), 0)
    close = {(r["symbol"], r["ts"]): float(str(r["close"])) for r in rows}
    after = dict(pairwise(HOURS))
    for row in outcome_rows:
        symbol, ts, version = row["symbol"], row["ts"], int(str(row["model_version"]))
        ratio = close[symbol, after[ts]] / close[symbol, ts]  # type: ignore[index]
        assert row["next_return"] == pytest.approx(math.log(ratio))
        cuts = [cut + version / 10 for cut in models.THRESHOLDS]
        place = int(np.searchsorted(cuts, float(str(row["outcome"])), side="right"))
        assert row["actual"] == HOURLY.target_forecast().label.classes[place]
    assert {row["model_version"] for row in outcome_rows} == {1, 2}
    assert rows_of(lake, source) == predictions
    assert refresh_outcomes(lake, registry, HOURLY, source).changed == 0, "then nothing is to do"


def test_a_corrected_bar_changes_outcomes_and_no_prediction(lake: Lake, registry: Registry) -> None:
    rows = build_market()
    source = create_predicted_source(lake, registry, rows)
    refresh_outcomes(lake, registry, HOURLY, source)
    before, predictions = outcomes(lake, source), rows_of(lake, source)
    bar = next(r for r in rows if r["ts"] == HOURS[-1] and r["symbol"] == SYMBOLS[0])
    write_bars(lake, source, [scale_prices(bar, 1.5)])
    report = refresh_outcomes(lake, registry, HOURLY, source)
    assert report.written == 1, "the bar before it alone"
    changed = [row for row in outcomes(lake, source) if row not in before]
    assert [(row["ts"], row["actual"]) for row in changed] == [(HOURS[-2], "strong_buy")]
    assert rows_of(lake, source) == predictions


def test_the_outcomes_of_a_lost_bar_are_deleted(lake: Lake, registry: Registry) -> None:
    source = create_predicted_source(lake, registry, build_market())
    refresh_outcomes(lake, registry, HOURLY, source)
    for place in (-1, -2):  # at the end no later row of features is written anew
        remove_bar(lake, source, SYMBOLS[0], HOURS[place])
    refresh_outcomes(lake, registry, HOURLY, source)
    times_left = {row["ts"] for row in outcomes(lake, source) if row["symbol"] == SYMBOLS[0]}
    assert HOURS[-2] not in times_left, "the bar itself is gone"
    assert HOURS[-3] not in times_left, "and what it decided on"
    assert HOURS[-4] in times_left


def test_a_bar_lost_between_features_and_outcomes_is_handled_by_the_next_run(
    lake: Lake, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = create_predicted_source(lake, registry, build_market())
    refresh_outcomes(lake, registry, HOURLY, source)
    for place in (-1, -2):
        remove_bar(lake, source, SYMBOLS[0], HOURS[place])
    with monkeypatch.context() as patch:
        patch.setattr("pipelines.steps.scoring.outcomes.refresh_features", lambda *_: None)
        refresh_outcomes(lake, registry, HOURLY, source)
    refresh_outcomes(lake, registry, HOURLY, source)
    assert outcomes(lake, source) == refresh_from_nothing(lake, registry, source)
    assert all(
        row["ts"] < HOURS[-3] for row in outcomes(lake, source) if row["symbol"] == SYMBOLS[0]
    )


def test_predictions_of_another_definition_keep_their_outcomes(
    lake: Lake, registry: Registry
) -> None:
    source = create_predicted_source(lake, registry, build_market())
    refresh_outcomes(lake, registry, HOURLY, source)
    before = [row for row in outcomes(lake, source) if row["model_version"] == 1]
    with lake.write("other") as writer:
        writer.touch("gold.model_decisions")
        writer.run(
            "UPDATE gold.model_decisions SET definition = 'other' "
            "WHERE source = ? AND model_version = 1",
            [source],
        )
    write_bars(
        lake, source, [scale_prices(row, 1.1) for row in build_market() if row["ts"] > SINCE][:40]
    )  # type: ignore[operator]
    refresh_outcomes(lake, registry, HOURLY, source)
    assert [row for row in outcomes(lake, source) if row["model_version"] == 1] == before


steps = st.lists(
    st.tuples(
        st.sampled_from(["fix", "lose", "late", "score"]),
        st.integers(0, len(SYMBOLS) - 1),
        st.integers(50, len(HOURS) - 1),
        st.booleans(),
    ),
    min_size=2,
    max_size=6,
)


@law(3)
@given(steps, st.sets(st.integers(0, 4 * len(HOURS) - 1), max_size=30))
def test_refreshing_in_parts_equals_refreshing_the_whole(
    lake: Lake,
    registry: Registry,
    changes: list[tuple[str, int, int, bool]],
    holes: set[int],
) -> None:
    """Whatever is corrected, lost, comes late or is scored again, and in whatever order."""
    rows = build_market()
    source = create_predicted_source(
        lake, registry, [r for i, r in enumerate(rows) if i not in holes]
    )
    refresh_outcomes(lake, registry, HOURLY, source)
    late = sorted(holes)
    for step, symbol, hour, follow in changes:
        if step == "fix":
            write_bars(lake, source, [scale_prices(rows[symbol * len(HOURS) + hour], 1.02)])
        if step == "lose":
            remove_bar(lake, source, SYMBOLS[symbol], HOURS[hour])
        if step == "late" and late:
            write_bars(lake, source, [rows[late.pop()]])
        if step == "score" and HOURS[hour] > SINCE:
            score(lake, registry, HOURLY, source, start=SINCE, end=HOURS[hour], now=NOW)
        if follow:
            refresh_outcomes(lake, registry, HOURLY, source)
    refresh_outcomes(lake, registry, HOURLY, source)
    rows_in_parts = outcomes(lake, source)
    assert rows_in_parts == refresh_from_nothing(lake, registry, source)


def test_a_model_whose_file_is_damaged_stops_no_other_outcomes(
    lake: Lake, tmp_path_factory: pytest.TempPathFactory
) -> None:
    source, own_registry = (
        create_source(lake, build_market()),
        fresh_registry(tmp_path_factory.mktemp("lost")),
    )
    for number, as_of in enumerate((TRAINED, utc("2026-08-26T17:00+00:00")), 1):
        model = models.store_verified(own_registry, HOURLY, models.body(HOURLY, number), number)
        models.decide(lake, HOURLY, source, model, as_of)
    score(lake, own_registry, HOURLY, source, start=utc("2026-08-24"), end=END)
    first = checksum(models.body(HOURLY, 1))
    (own_registry.folder / "verified" / f"{first}.onnx").unlink()
    report = refresh_outcomes(lake, own_registry, HOURLY, source)
    versions = lake.rows(
        "SELECT DISTINCT model_version FROM gold.outcomes WHERE source = ?", [source]
    )
    assert versions == [(2,)]
    assert len(report.unreadable) == 1
    assert "outcomes stay as they are" in report.summary()
