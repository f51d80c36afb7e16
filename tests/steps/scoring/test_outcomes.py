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
    with lake_of_a_module(tmp_path_factory) as made:
        yield made


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Registry:
    return fresh_registry(tmp_path_factory.mktemp("mlflow"))


def predicted(lake: Lake, registry: Registry, rows: list[Row]) -> str:
    """A source whose bars since SINCE are scored, by one model and then by another."""
    source = create_source(lake, rows, weights=False)
    for version, as_of in ((1, TRAINED), (2, LATER)):
        beside = {"random_forest": models.body(HOURLY, 5)}
        made = models.store_verified(
            registry, HOURLY, models.body(HOURLY, version), version, beside
        )
        models.decide(lake, HOURLY, source, made, as_of)
    score(lake, registry, HOURLY, source, start=SINCE, end=END, now=NOW)
    return source


def outcomes(lake: Lake, source: str) -> list[Row]:
    return rows_of(lake, source, "outcomes")


def anew(lake: Lake, registry: Registry, source: str) -> list[Row]:
    with lake.write("forget") as writer:
        writer.delete("gold.outcomes", "source = ?", [source])
        writer.delete("meta.outcome_state", "source = ?", [source])
    refresh_outcomes(lake, registry, HOURLY, source)
    return outcomes(lake, source)


def times(row: Row, factor: float) -> Row:
    return row | {p: float(str(row[p])) * factor for p in ("open", "high", "low", "close")}


def test_each_prediction_has_what_became_of_it_by_its_own_models_thresholds(
    lake: Lake, registry: Registry
) -> None:
    rows = build_market()
    source = predicted(lake, registry, rows)
    predictions = rows_of(lake, source)
    done = refresh_outcomes(lake, registry, HOURLY, source)
    made = outcomes(lake, source)
    keys = {(r["symbol"], r["ts"], r["model_version"]) for r in predictions if r["ts"] != HOURS[-1]}
    assert {(r["symbol"], r["ts"], r["model_version"]) for r in made} == keys
    assert (done.written, done.removed) == (len(keys), 0)
    close = {(r["symbol"], r["ts"]): float(str(r["close"])) for r in rows}
    after = dict(pairwise(HOURS))
    for row in made:
        symbol, ts, version = row["symbol"], row["ts"], int(str(row["model_version"]))
        ratio = close[symbol, after[ts]] / close[symbol, ts]  # type: ignore[index]
        assert row["next_return"] == pytest.approx(math.log(ratio))
        cuts = [cut + version / 10 for cut in models.THRESHOLDS]
        place = int(np.searchsorted(cuts, float(str(row["outcome"])), side="right"))
        assert row["actual"] == HOURLY.target_forecast().label.classes[place]
    assert {row["model_version"] for row in made} == {1, 2}
    assert rows_of(lake, source) == predictions
    assert refresh_outcomes(lake, registry, HOURLY, source).changed == 0, "then nothing is to do"


def test_a_corrected_bar_changes_outcomes_and_no_prediction(lake: Lake, registry: Registry) -> None:
    rows = build_market()
    source = predicted(lake, registry, rows)
    refresh_outcomes(lake, registry, HOURLY, source)
    before, predictions = outcomes(lake, source), rows_of(lake, source)
    one = next(r for r in rows if r["ts"] == HOURS[-1] and r["symbol"] == SYMBOLS[0])
    write_bars(lake, source, [times(one, 1.5)])
    done = refresh_outcomes(lake, registry, HOURLY, source)
    assert done.written == 1, "the bar before it alone"
    changed = [row for row in outcomes(lake, source) if row not in before]
    assert [(row["ts"], row["actual"]) for row in changed] == [(HOURS[-2], "strong_buy")]
    assert rows_of(lake, source) == predictions


def test_a_bar_that_is_lost_takes_its_outcomes_away(lake: Lake, registry: Registry) -> None:
    source = predicted(lake, registry, build_market())
    refresh_outcomes(lake, registry, HOURLY, source)
    for place in (-1, -2):  # at the end no later row of features is written anew
        remove_bar(lake, source, SYMBOLS[0], HOURS[place])
    refresh_outcomes(lake, registry, HOURLY, source)
    left = {row["ts"] for row in outcomes(lake, source) if row["symbol"] == SYMBOLS[0]}
    assert HOURS[-2] not in left, "the bar itself is gone"
    assert HOURS[-3] not in left, "and what it decided on"
    assert HOURS[-4] in left


def test_a_bar_lost_between_features_and_outcomes_is_met_by_the_next_run(
    lake: Lake, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = predicted(lake, registry, build_market())
    refresh_outcomes(lake, registry, HOURLY, source)
    for place in (-1, -2):
        remove_bar(lake, source, SYMBOLS[0], HOURS[place])
    with monkeypatch.context() as patch:
        patch.setattr("pipelines.steps.scoring.outcomes.refresh_features", lambda *_: None)
        refresh_outcomes(lake, registry, HOURLY, source)
    refresh_outcomes(lake, registry, HOURLY, source)
    assert outcomes(lake, source) == anew(lake, registry, source)
    assert all(
        row["ts"] < HOURS[-3] for row in outcomes(lake, source) if row["symbol"] == SYMBOLS[0]
    )


def test_what_another_definition_predicted_keeps_its_outcome(
    lake: Lake, registry: Registry
) -> None:
    source = predicted(lake, registry, build_market())
    refresh_outcomes(lake, registry, HOURLY, source)
    before = [row for row in outcomes(lake, source) if row["model_version"] == 1]
    with lake.write("other") as writer:
        writer.touch("gold.model_decisions")
        writer.run(
            "UPDATE gold.model_decisions SET definition = 'other' "
            "WHERE source = ? AND model_version = 1",
            [source],
        )
    write_bars(lake, source, [times(row, 1.1) for row in build_market() if row["ts"] > SINCE][:40])  # type: ignore[operator]
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
def test_in_parts_is_as_in_whole(
    lake: Lake,
    registry: Registry,
    asked: list[tuple[str, int, int, bool]],
    holes: set[int],
) -> None:
    """Whatever is corrected, lost, comes late or is scored again, and in whatever order."""
    rows = build_market()
    source = predicted(lake, registry, [r for i, r in enumerate(rows) if i not in holes])
    refresh_outcomes(lake, registry, HOURLY, source)
    late = sorted(holes)
    for step, symbol, hour, follow in asked:
        if step == "fix":
            write_bars(lake, source, [times(rows[symbol * len(HOURS) + hour], 1.02)])
        if step == "lose":
            remove_bar(lake, source, SYMBOLS[symbol], HOURS[hour])
        if step == "late" and late:
            write_bars(lake, source, [rows[late.pop()]])
        if step == "score" and HOURS[hour] > SINCE:
            score(lake, registry, HOURLY, source, start=SINCE, end=HOURS[hour], now=NOW)
        if follow:
            refresh_outcomes(lake, registry, HOURLY, source)
    refresh_outcomes(lake, registry, HOURLY, source)
    parts = outcomes(lake, source)
    assert parts == anew(lake, registry, source)


def test_a_model_whose_file_is_damaged_stops_no_other_outcomes(
    lake: Lake, tmp_path_factory: pytest.TempPathFactory
) -> None:
    source, kept = (
        create_source(lake, build_market()),
        fresh_registry(tmp_path_factory.mktemp("lost")),
    )
    for number, as_of in enumerate((TRAINED, utc("2026-08-26T17:00+00:00")), 1):
        made = models.store_verified(kept, HOURLY, models.body(HOURLY, number), number)
        models.decide(lake, HOURLY, source, made, as_of)
    score(lake, kept, HOURLY, source, start=utc("2026-08-24"), end=END)
    first = checksum(models.body(HOURLY, 1))
    (kept.folder / "verified" / f"{first}.onnx").unlink()
    done = refresh_outcomes(lake, kept, HOURLY, source)
    told = lake.rows("SELECT DISTINCT model_version FROM gold.outcomes WHERE source = ?", [source])
    assert told == [(2,)]
    assert len(done.unreadable) == 1
    assert "outcomes stay as they are" in done.summary()
