"""Scoring: each bar by the model that served it, and the same rows in whatever pieces."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.core.calendar import utc
from pipelines.core.errors import BullionError, InvalidRequest
from pipelines.lake import Lake
from pipelines.modeling.scorer import OnnxScorer
from pipelines.registry.mlflow import PRODUCTION, STAGING, Registry, RegistryError
from pipelines.steps.models.train import model_name
from pipelines.steps.scoring.report import ScoringReport
from pipelines.steps.scoring.score import score
from tests import models
from tests.empty_lake import lake_of_a_module
from tests.laws import law
from tests.steps.scored_market import (
    END,
    HISTORY,
    HOURLY,
    HOURS,
    SYMBOLS,
    TRAINED,
    all_rows,
    build_market,
    create_source,
    rows_of,
    write_weights,
)
from tests.steps.served import fresh_registry

ACTION_FORECAST = HOURLY.target_forecast()

LAST = HOURS[-1]  # opens 19:30 and closes 20:00: the next bar is of another session
CLOSED = utc("2026-08-31T20:00+00:00")
BEFORE = [row for row in build_market() if row["ts"] < LAST]  # type: ignore[operator]
SOON = CLOSED + timedelta(minutes=1)


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    with lake_of_a_module(tmp_path_factory) as lake:
        yield lake


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Registry:
    return fresh_registry(tmp_path_factory.mktemp("mlflow"))


def promote_model(lake: Lake, registry: Registry, source: str, seed: int = 0) -> models.StoredModel:
    """Promote a model with a challenger before all bars."""
    challengers = {"random_forest": models.body(HOURLY, seed + 1)}
    model = models.store_verified(
        registry, HOURLY, models.body(HOURLY, seed), seed + 1, challengers
    )
    models.decide(lake, HOURLY, source, model, TRAINED)
    return model


def score_source(lake: Lake, registry: Registry, source: str, **options: datetime) -> ScoringReport:
    return score(lake, registry, HOURLY, source, **options)  # type: ignore[arg-type]


def forget(lake: Lake, source: str) -> None:
    with lake.write("forget") as writer:
        for table in ("predictions", "index_signals", "contributions"):
            writer.delete(f"gold.{table}", "source = ?", [source])


def test_the_newest_bar_is_published_with_its_signal_and_its_record(
    lake: Lake, registry: Registry
) -> None:
    source = create_source(lake, build_market())
    promote_model(lake, registry, source)
    report = score_source(lake, registry, source, now=SOON)
    assert (report.bars, report.scored, report.written, report.live) == (1, 4, 8, 8)
    rows = lake.sql(
        """SELECT * FROM gold.predictions p JOIN gold.features_nasdaq100_hourly f
           USING (source, symbol, ts) WHERE source = ? AND role = 'champion' ORDER BY symbol""",
        [source],
    ).to_pylist()
    scorer = OnnxScorer(models.body(HOURLY, 0))
    codes = [HOURLY.symbols.index(row["symbol"]) for row in rows]
    features = [[row[name] for name in HOURLY.feature_names] for row in rows]
    probabilities, action = scorer.score(np.column_stack([features, codes]))
    for place, row in enumerate(rows):
        label = ACTION_FORECAST.label
        assert row["action"] == label.classes[action[place]], (
            "the published class, not the likeliest"
        )
        assert row["score"] == label.scores[action[place]]
        names, values = zip(*row["probabilities"], strict=True)
        assert names == label.classes
        np.testing.assert_allclose(values, probabilities[place])
        assert row["confidence"] == pytest.approx(probabilities[place][action[place]])
        assert row["expected_score"] == pytest.approx(probabilities[place] @ label.scores)
        assert row["timestamp_next"] == utc("2026-09-01T14:30+00:00"), "over the night"
        assert (row["proven"], row["unproven_reason"], row["scored_at"]) == (True, None, SOON)
    signals = rows_of(lake, source, "index_signals")
    assert [row["universe"] for row in signals] == ["nasdaq100", "qqq"]
    assert len(rows_of(lake, source, "contributions")) == 2 * 4
    snapshots = {
        *lake.rows("SELECT DISTINCT batch FROM gold.predictions WHERE source = ?", [source]),
        *lake.rows("SELECT DISTINCT batch FROM gold.index_signals WHERE source = ?", [source]),
        *lake.rows("SELECT batch FROM gold.runs WHERE source = ? AND step = 'score'", [source]),
    }
    assert snapshots == {(report.snapshot,)}, "one commit"
    assert "qqq 2026-08-31 20:00 UTC: WSS" in report.summary()


def test_bars_that_lack_what_a_model_does_not_read_are_scored(
    lake: Lake, registry: Registry
) -> None:
    source = create_source(lake, build_market())
    features = tuple(feature.name for feature in HOURLY.features if feature.window == 6)
    body = models.body(HOURLY, features=features)
    models.decide(lake, HOURLY, source, models.store_verified(registry, HOURLY, body), TRAINED)
    report = score_source(lake, registry, source, start=TRAINED, end=HISTORY)
    bars = [ts for ts in HOURS if TRAINED <= ts < HISTORY]
    assert report.scored == len(SYMBOLS) * len(bars)
    assert "missing_feature" not in report.not_scored


def test_a_challenger_is_written_too_and_is_never_proven(lake: Lake, registry: Registry) -> None:
    source = create_source(lake, build_market())
    promote_model(lake, registry, source)
    score_source(lake, registry, source, now=SOON)
    rows = [row for row in rows_of(lake, source) if row["role"] == "challenger"]
    assert {row["candidate"] for row in rows} == {"random_forest"}
    assert not any(row["proven"] for row in rows)


def test_a_challenger_that_is_lost_is_a_warning_and_stops_nothing(
    lake: Lake, registry: Registry
) -> None:
    source = create_source(lake, build_market())
    model = models.store_verified(registry, HOURLY, models.body(HOURLY), 1)
    models.decide(lake, HOURLY, source, replace(model, challengers={"mlp": "0" * 64}), TRAINED)
    report = score_source(lake, registry, source, now=SOON)
    assert {row["role"] for row in rows_of(lake, source)} == {"champion"}
    status, message = lake.rows(
        "SELECT status, message FROM gold.runs WHERE source = ? AND step = 'score'", [source]
    )[0]
    assert status == "warned"
    assert "the challenger mlp does not score" in message
    assert report.warnings


pieces = st.lists(st.integers(1, len(HOURS) - 1), min_size=1, max_size=3, unique=True)


@law(3)
@given(pieces, st.randoms(use_true_random=False), st.booleans())
def test_scoring_in_any_pieces_equals_scoring_at_once(
    lake: Lake, registry: Registry, cuts: list[int], random: object, live: bool
) -> None:
    source = create_source(lake, build_market()[::3] + build_market()[1::3])  # with holes
    promote_model(lake, registry, source)
    later = models.store_verified(registry, HOURLY, models.body(HOURLY, 5), 6)
    models.decide(lake, HOURLY, source, later, utc("2026-08-25T17:00+00:00"))
    start, now = HISTORY, utc("2026-09-02")
    score_source(lake, registry, source, start=start, end=END, now=now)
    whole = all_rows(lake, source)
    assert {row["model_version"] for row in whole[1]} == {1, 6}
    forget(lake, source)
    edges = sorted({start, END, *(max(HOURS[cut], start) for cut in cuts)})
    spans = list(pairwise(edges)) * 2
    random.shuffle(spans)  # type: ignore[attr-defined]
    if live:
        score_source(lake, registry, source, now=SOON)
    for low, high in spans:
        score_source(lake, registry, source, start=low, end=high, now=now)
    assert all_rows(lake, source, live=False) == whole
    assert bool(rows_of(lake, source, live=True)) == live


def test_scoring_bar_by_bar_equals_scoring_in_bulk(lake: Lake, registry: Registry) -> None:
    source = create_source(lake, build_market())
    promote_model(lake, registry, source)
    now = utc("2026-09-02")
    since = utc("2026-08-31T13:00+00:00")
    score_source(lake, registry, source, start=since, end=END, now=now)
    bulk = all_rows(lake, source)
    assert len(bulk[1]) == 2 * 7
    forget(lake, source)
    for (closes,) in lake.rows(
        """SELECT DISTINCT closes_at FROM silver.bars WHERE source = ? AND closes_at > ?
           ORDER BY 1 DESC""",
        [source, since],
    ):
        score_source(lake, registry, source, end=closes, now=now)
    assert all_rows(lake, source) == bulk


@law(2)
@given(st.integers(60, len(HOURS) - 1), st.floats(0.9, 1.1))
def test_no_later_bar_model_or_weight_changes_a_prediction(
    lake: Lake, registry: Registry, cut: int, factor: float
) -> None:
    end = HOURS[cut]
    known, later = [], []
    for row in build_market():
        if row["ts"] < end:  # type: ignore[operator]
            known.append(row)
        else:
            prices = {p: float(str(row[p])) * factor for p in ("open", "high", "low", "close")}
            later.append(row | prices)
    tables = []
    for rows in (known, known + later, build_market()):
        source = create_source(lake, rows)
        promote_model(lake, registry, source)
        write_weights(lake, source, dict.fromkeys(SYMBOLS, 0.2), date(2026, 8, 4), known_at=end)
        later_model = models.store_verified(registry, HOURLY, models.body(HOURLY, 7), 8)
        models.decide(lake, HOURLY, source, later_model, end)
        start = end - timedelta(days=3)
        score_source(lake, registry, source, start=start, end=end - timedelta(minutes=1), now=END)
        tables.append([[r | {"live": None} for r in table] for table in all_rows(lake, source)])
    assert tables[0] == tables[1] == tables[2]
    assert tables[0][0]


def test_a_refused_model_scores_while_there_is_no_better_and_says_so(
    lake: Lake, registry: Registry
) -> None:
    source = create_source(lake, build_market())
    model = models.store_verified(registry, HOURLY, models.body(HOURLY), 1)
    models.decide(lake, HOURLY, source, model, TRAINED, "refused", proven=False, reason="no skill")
    score_source(lake, registry, source, now=SOON)
    for table in ("predictions", "index_signals"):
        rows = rows_of(lake, source, table)
        assert {(row["proven"], row["unproven_reason"]) for row in rows} == {(False, "no skill")}


def test_where_nothing_was_trained_before_it_skips_and_says_what_to_run(
    lake: Lake, registry: Registry
) -> None:
    source = create_source(lake, build_market())
    model = models.store_verified(registry, HOURLY, models.body(HOURLY), 1)
    models.decide(lake, HOURLY, source, model, CLOSED)
    report = score_source(lake, registry, source, now=SOON)
    assert "nothing was trained before 2026-08-31 20:00 UTC" in report.skipped
    assert "bullion train nasdaq100_hourly" in report.skipped
    status, counts, message = lake.rows(
        "SELECT status, counts, message FROM gold.runs WHERE source = ? AND step = 'score'",
        [source],
    )[0]
    no_model = json.loads(counts)["no_model"]
    assert (status, no_model, message) == ("warned", {"action": 1}, report.skipped)
    assert rows_of(lake, source) == []


def test_where_the_bar_is_not_there_it_skips_and_says_what_to_run(
    lake: Lake, registry: Registry
) -> None:
    source = create_source(lake, BEFORE)
    promote_model(lake, registry, source)
    report = score_source(lake, registry, source, now=SOON)
    assert "bullion ingest" in report.skipped
    assert "its newest bar closed at 2026-08-31 19:30 UTC" in report.skipped
    at = report.skipped.partition("--at ")[2].split()[0]
    assert score_source(lake, registry, source, end=utc(at), now=SOON).scored == 4
    assert score_source(lake, registry, source, start=HOURS[-3], now=SOON).skipped == ""
    night = score_source(lake, registry, source, start=CLOSED, now=SOON)
    assert "the calendar has no 1h bar" in night.skipped


def test_what_cannot_be_scored_is_counted_and_not_written(lake: Lake, registry: Registry) -> None:
    young = SYMBOLS[3]
    rows = [r for r in build_market() if r["symbol"] != young or r["ts"] > HOURS[-10]]  # type: ignore[operator]
    source = create_source(lake, rows)
    body = models.body(HOURLY, untrained=(SYMBOLS[2],))
    models.decide(lake, HOURLY, source, models.store_verified(registry, HOURLY, body), TRAINED)
    report = score_source(lake, registry, source, now=SOON)
    assert report.not_scored["missing_feature"] == {young: 1}
    assert report.not_scored["untrained"] == {SYMBOLS[2]: 1}
    assert {row["symbol"] for row in rows_of(lake, source)} == set(SYMBOLS[:2])
    for row in rows_of(lake, source, "index_signals"):
        assert (row["coverage"], row["signal"]) == (0.5, "HOLD")


def test_weights_known_later_make_no_signal_and_stop_no_prediction(
    lake: Lake, registry: Registry
) -> None:
    source = create_source(lake, build_market(), weights=False)
    promote_model(lake, registry, source)
    write_weights(lake, source, dict.fromkeys(SYMBOLS, 0.1), known_at=SOON)
    report = score_source(lake, registry, source, now=SOON)
    predictions, signals, parts = all_rows(lake, source)
    assert (len(predictions), signals, parts) == (8, [], [])
    assert any("became known only after" in warning for warning in report.warnings)
    write_weights(lake, source, {SYMBOLS[0]: 0.3}, date(2026, 8, 2))
    score_source(lake, registry, source, now=SOON)
    signal = rows_of(lake, source, "index_signals")[0]
    assert (signal["index_share"], signal["weights_partial"]) == (0.3, True)
    assert signal["weights_effective"] == date(2026, 8, 2)


def test_weights_older_than_a_quarter_are_warned_of(lake: Lake, registry: Registry) -> None:
    source = create_source(lake, build_market(), weights=False)
    promote_model(lake, registry, source)
    write_weights(lake, source, dict.fromkeys(SYMBOLS, 0.1), date(2026, 3, 2))
    report = score_source(lake, registry, source, now=SOON)
    warning = "weights of QQQ are of 2026-03-02, 182 days old"
    assert [w for w in report.warnings if warning in w]
    assert report.status == "warned"
    for signal in rows_of(lake, source, "index_signals"):
        assert warning in str(signal["reason"])
    write_weights(lake, source, dict.fromkeys(SYMBOLS, 0.1), date(2026, 8, 3))
    forget(lake, source)
    report = score_source(lake, registry, source, now=SOON)
    assert not [w for w in report.warnings if "days old" in w]


def test_a_model_of_another_definition_is_refused(lake: Lake, registry: Registry) -> None:
    source = create_source(lake, build_market())
    model = models.store_verified(registry, HOURLY, models.body(HOURLY, definition="other"), 1)
    for definition in ("other", None):  # by the decision, and by the file alone
        models.decide(lake, HOURLY, source, model, TRAINED, definition=definition)
        with pytest.raises(InvalidRequest, match="other features or another label") as refused:
            score_source(lake, registry, source, now=SOON)
        assert refused.value.hint == "bullion train nasdaq100_hourly"
    assert rows_of(lake, source) == []


def test_where_every_model_is_tampered_with_none_is_used(lake: Lake, registry: Registry) -> None:
    source = create_source(lake, build_market())
    good = models.registered(registry, HOURLY, models.body(HOURLY))
    models.decide(lake, HOURLY, source, good, TRAINED)
    bad = models.registered(registry, HOURLY, models.body(HOURLY, 3))
    registry.set_alias(model_name(ACTION_FORECAST), PRODUCTION, bad.version)
    models.decide(lake, HOURLY, source, bad, TRAINED + timedelta(hours=1))
    score_source(lake, registry, source, now=HOURS[-3] + timedelta(minutes=1))
    before = all_rows(lake, source)
    for file in registry.folder.rglob("model.onnx"):
        file.write_bytes(file.read_bytes()[:-1] + b"x")
    for file in Path(registry.folder / "verified").iterdir():
        file.write_bytes(b"changed")
    with pytest.raises(RegistryError, match="SHA-256") as refused:
        score_source(lake, registry, source, now=SOON)
    assert "bullion train nasdaq100_hourly" in refused.value.hint
    assert all_rows(lake, source) == before
    for alias in (PRODUCTION, STAGING):
        version = registry.version_by_alias(model_name(ACTION_FORECAST), alias)
        assert version is not None
        assert version.version == bad.version


def test_a_range_that_ends_before_it_starts_is_refused(lake: Lake, registry: Registry) -> None:
    for start, end in ((END, HISTORY), (SOON + timedelta(days=1), None)):
        with pytest.raises(BullionError, match="the range starts"):
            score(lake, registry, HOURLY, "sample", start=start, end=end, now=SOON)
