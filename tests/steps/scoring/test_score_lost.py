"""Scoring where a model's file is lost: the champion before it serves, and says why."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from pipelines.lake import Lake
from pipelines.registry.mlflow import Registry, model_name
from pipelines.steps.models.moves import rollback
from tests import models
from tests.steps.scored_market import (
    HISTORY,
    HOURLY,
    HOURS,
    SYMBOLS,
    TRAINED,
    all_rows,
    build_market,
    create_source,
    rows_of,
    write_bars,
)
from tests.steps.scoring.test_score import CLOSED, SOON, lake, registry, score_source
from tests.steps.served import fresh_registry, spoil

__all__ = ["lake", "registry"]  # fixtures


@pytest.mark.parametrize("how", ["tampered", "missing", "no version"])
def test_the_champion_before_a_lost_one_scores_and_says_why(
    lake: Lake, tmp_path: Path, how: str
) -> None:
    registry = fresh_registry(tmp_path)
    source = create_source(lake, [row for row in build_market() if row["ts"] < HOURS[-3]])  # type: ignore[operator]
    first = models.registered(registry, HOURLY, models.body(HOURLY))
    models.decide(lake, HOURLY, source, first, TRAINED)
    lost = models.registered(registry, HOURLY, models.body(HOURLY, 3))
    models.decide(lake, HOURLY, source, lost, HISTORY + timedelta(days=2))
    score_source(lake, registry, source, now=HOURS[-3] + timedelta(minutes=1))
    published = all_rows(lake, source, live=True)
    assert {row["model_version"] for row in published[0]} == {lost.version}
    write_bars(lake, source, build_market())
    shutil.rmtree(registry.folder / "verified")
    if how == "no version":
        registry.client.delete_model_version(
            model_name(HOURLY.target_forecast()), str(lost.version)
        )
    else:
        spoil(registry, HOURLY, lost.version, how)

    # As the page on messages advises: train anew, or roll back. Neither is in time for the bar.
    third = models.registered(registry, HOURLY, models.body(HOURLY, 4))
    models.decide(lake, HOURLY, source, third, CLOSED + timedelta(minutes=2))
    assert rollback(lake, registry, HOURLY.target_forecast(), source).champion == first.version
    report = score_source(lake, registry, source, start=HISTORY, now=SOON + timedelta(hours=1))
    assert report.versions == {"action": (first.version,)}
    assert (report.scored, set(report.not_scored)) == (report.constituents, {"no_bar"})
    reason = f"version {lost.version} cannot serve: "
    assert reason in report.summary()
    assert f"version {first.version} serves" in report.summary()
    rows = lake.sql(
        "SELECT * FROM gold.predictions WHERE source = ? AND closes_at > ?", [source, HISTORY]
    ).to_pylist()
    since = HISTORY + timedelta(days=2)
    by_first = [row for row in rows if row["model_version"] == first.version]
    assert {bool(row["instead_of"]) for row in by_first if row["closes_at"] > since} == {True}
    assert {row["instead_of"] for row in by_first if row["closes_at"] <= since} == {None}
    assert {(row["proven"], row["sha256"]) for row in by_first} == {(True, first.sha256)}
    signal = max(rows_of(lake, source, "index_signals"), key=lambda row: row["ts"])  # type: ignore[return-value,arg-type]
    assert str(signal["instead_of"]).startswith(reason)
    status, message = lake.rows(
        """SELECT status, message FROM gold.runs WHERE source = ? AND step = 'score'
           ORDER BY batch DESC LIMIT 1""",
        [source],
    )[0]
    assert (status, reason in message) == ("warned", True)
    after = all_rows(lake, source, live=True)
    assert [row for row in after[0] if row["model_version"] == lost.version] == published[0]


def test_a_lost_model_with_none_before_it_stops_no_other_bar(
    lake: Lake, registry: Registry
) -> None:
    source = create_source(lake, build_market())
    lost = models.store_verified(registry, HOURLY, models.body(HOURLY), 1)
    models.decide(lake, HOURLY, source, replace(lost, sha256="0" * 64), TRAINED)
    later = models.store_verified(registry, HOURLY, models.body(HOURLY, 1), 2)
    models.decide(lake, HOURLY, source, later, HOURS[-3])
    report = score_source(lake, registry, source, start=HOURS[-6], now=SOON)
    assert report.versions == {"action": (2,)}
    assert report.not_scored["model_lost"] == dict.fromkeys(SYMBOLS, 3)
    assert any("no model before it can" in warning for warning in report.warnings)
    assert {row["model_version"] for row in rows_of(lake, source)} == {2}
