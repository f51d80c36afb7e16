"""Monitoring a lake: figures, pages, messages, and a rollback where skill is gone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pipelines.core.errors import InvalidRequest
from pipelines.forecasts import FORECASTS, Forecast, TargetForecast
from pipelines.gates import IndexSkill
from pipelines.lake import Lake
from pipelines.monitoring.kinds import monitor_of
from pipelines.registry.decisions import champion_at, read_decisions
from pipelines.registry.mlflow import Registry, RegistryError
from pipelines.steps.models.manual_decisions import END_OF_TIME
from pipelines.steps.watch.monitor import monitor
from tests.models import target_of
from tests.steps.live_market import (
    BARS,
    end_of_day,
    write_features,
    write_live,
    write_live_signals,
)
from tests.steps.served import HOURLY, decisions_of, fresh_registry, train_model
from tests.without_plots import leave_out_plots

ACTION_FORECAST = HOURLY.target_forecast()
MONITOR_RUN = "pipelines.steps.watch.monitor._MonitoringRun"
QUALITY_PAGE = "pipelines.monitoring.reports.build_quality_page"


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return fresh_registry(tmp_path / "mlflow")


@pytest.fixture(autouse=True)
def without_plots(monkeypatch: pytest.MonkeyPatch) -> None:
    leave_out_plots(monkeypatch)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out Evidently's pages, which take seconds, where a test does not need them."""
    monkeypatch.setattr(
        "pipelines.monitoring.reports.build_quality_page", lambda *_: b"<head></head>"
    )
    monkeypatch.setattr(
        "pipelines.steps.watch.monitor._MonitoringRun._build_drift_page",
        lambda *_: b"<head></head>",
    )


def champion(lake: Lake, forecast: Forecast | TargetForecast = HOURLY) -> int | None:
    with lake.view() as view:
        decision = champion_at(read_decisions(view, target_of(forecast), "sample"), END_OF_TIME)
    return decision.model_version if decision else None


TARGETS = pytest.mark.parametrize(
    "target",
    [target for forecast in FORECASTS for target in forecast.per_target()],
    ids=lambda target: f"{target.name}.{target.target.name}",
)
SEVERAL = pytest.mark.parametrize(
    "forecast", [f for f in FORECASTS if len(f.targets) > 1], ids=lambda forecast: forecast.name
)


def credited_champion(lake: Lake, registry: Registry, target: TargetForecast, low: float) -> int:
    """Train a champion that its first gate credited with this lower bound."""
    gates = json.dumps([{"gate": target_of(target).gates[0].name, "passed": True, "low": low}])
    return train_model(
        lake, registry, target, body=target_of(target).target.name.encode(), gates=gates
    )


def recorded_run(lake: Lake) -> tuple[str, dict[str, Any], str]:
    rows = lake.rows("SELECT status, counts, message FROM gold.runs WHERE step = 'monitor'")
    assert len(rows) == 1
    return rows[0][0], json.loads(rows[0][1]), rows[0][2]


def test_a_champion_with_skill_is_reported_and_stays(lake: Lake, registry: Registry) -> None:
    write_features(lake, HOURLY)
    train_model(lake, registry, HOURLY)
    version = train_model(lake, registry, HOURLY, day=0, low=0.1)
    write_live(lake, HOURLY, version, ic=0.3, sessions=22)
    report = monitor(lake, registry, ACTION_FORECAST, "sample", now=end_of_day(30), run="r")
    assert not report.rolled_back
    assert report.failures == ()
    assert champion(lake) == version
    status, counts, message = recorded_run(lake)
    assert status == report.status == "ok"
    assert counts["model_version"] == version
    assert counts["sessions"] == counts["champion_sessions"] == 22
    assert counts["rows"] == 22 * 7 * 10
    assert counts["target"] == "action"
    assert counts["skill_low"] < counts["skill"] < counts["skill_high"]
    assert counts["skill"] == pytest.approx(0.28, abs=0.05)
    assert counts["published_rank_ic"] == pytest.approx(counts["skill"], abs=1e-3), (
        "all rows are its own"
    )
    assert counts["drifted_share"] == 0
    drift = lake.rows("FROM gold.feature_drift")
    assert len(drift) == len(HOURLY.feature_names)
    assert 0.5 < counts["hit_rate"] < 0.8
    assert "not all below the 0.1000" in message

    assert [page.name for page in report.pages] == [
        "2026-04-01-drift.html", "2026-04-01-quality.html", "index.html",
    ]  # fmt: skip
    assert report.pages[0].parent == Path(lake.target).parent / "reports" / HOURLY.name / "sample"
    runs = registry.client.search_runs([registry.experiment(HOURLY.name)], "metrics.rank_ic > 0")
    assert [run.info.run_name for run in runs] == ["monitor 2026-04-01"]
    logged = registry.client.list_artifacts(runs[0].info.run_id)
    assert {file.path for file in logged} == {"drift.html", "predictions.csv", "quality.html"}


@pytest.mark.usefixtures("quick")
def test_a_champion_whose_skill_is_gone_is_rolled_back_with_the_figures(
    lake: Lake, registry: Registry
) -> None:
    old = train_model(lake, registry, HOURLY)
    bad = train_model(lake, registry, HOURLY, day=1, low=0.2)
    write_live(lake, HOURLY, bad, ic=0.0, sessions=24, day=2)
    report = monitor(lake, registry, ACTION_FORECAST, "sample", now=end_of_day(30))
    assert report.rolled_back
    assert champion(lake) == old
    assert recorded_run(lake)[0] == "warned"
    moves = decisions_of(lake, "model_version", "verdict", "reason")[-2:]
    assert [move[:2] for move in moves] == [(bad, "withdrawn"), (old, "promoted")]
    assert "withdrawn by monitor: live skill_direction" in moves[0][2]
    assert "all below the 0.2000" in moves[0][2]
    again = monitor(lake, registry, ACTION_FORECAST, "sample", now=None)
    assert not again.rolled_back, "the former champion has no live rows to be judged by"
    assert champion(lake) == old


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("case", ["few", "not live", "of another version", "not known yet"])
def test_only_enough_live_rows_of_the_champion_itself_count(
    lake: Lake, registry: Registry, case: str
) -> None:
    other = train_model(lake, registry, HOURLY)
    version = train_model(lake, registry, HOURLY, day=1, low=0.2)
    write_live(
        lake, HOURLY, other if case == "of another version" else version, ic=0.0,
        sessions=19 if case == "few" else 24, day=2, live=case != "not live",
    )  # fmt: skip
    now = end_of_day(12 if case == "not known yet" else 30)
    report = monitor(lake, registry, ACTION_FORECAST, "sample", now=now)
    assert not report.rolled_back
    assert champion(lake) == version
    assert report.counts["champion_sessions"] == {"few": 19, "not known yet": 11}.get(case, 0)


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(("ic", "rolled_back"), [(-0.2, True), (0.4, False)])
def test_a_champion_is_held_to_the_skill_of_its_signals_too(
    lake: Lake, registry: Registry, ic: float, rolled_back: bool
) -> None:
    old = train_model(lake, registry, HOURLY)
    gates = json.dumps([{"gate": IndexSkill().name, "passed": True, "low": 0.2}])
    version = train_model(lake, registry, HOURLY, day=1, gates=gates, body=b"other")
    write_live_signals(lake, HOURLY, version, ic=ic, sessions=24, day=2)
    report = monitor(lake, registry, ACTION_FORECAST, "sample", now=end_of_day(30))
    assert report.rolled_back is rolled_back
    assert champion(lake) == (old if rolled_back else version)
    _, counts, message = recorded_run(lake)
    assert "its signals: live skill_index" in message
    assert counts["index_credited"] == 0.2
    assert counts["index_skill_low"] < counts["index_skill"] < counts["index_skill_high"]
    assert counts["wss_rank_ic_qqq"] == pytest.approx(counts["index_skill"], abs=1e-3)
    assert counts["expected_wss_rank_ic_qqq"] == pytest.approx(counts["index_skill"], abs=1e-3)
    assert counts["signals_qqq"] == 24 * 7


@pytest.mark.usefixtures("quick")
def test_mlflow_being_down_stops_no_rollback_and_is_recorded(
    lake: Lake, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = train_model(lake, registry, HOURLY)
    bad = train_model(lake, registry, HOURLY, day=1, low=0.2)
    write_live(lake, HOURLY, bad, ic=0.0, sessions=24, day=2)
    with lake.view() as view:
        row = read_decisions(view, ACTION_FORECAST, "sample")[0]
    registry.read_model(f"{HOURLY.name}.action", old, row.sha256)

    def down(*_: object, **__: object) -> None:
        raise RegistryError("MLflow at nowhere cannot be used")

    for name in ("alias_state", "version", "experiment"):
        monkeypatch.setattr(Registry, name, down)
    report = monitor(lake, registry, ACTION_FORECAST, "sample", now=end_of_day(30))
    assert report.rolled_back
    assert champion(lake) == old
    status, counts, message = recorded_run(lake)
    assert status == "failed"
    assert "MLflow at nowhere" in message
    assert counts["skill"] is not None


def test_a_failure_of_evidently_stops_no_rollback_and_is_recorded(
    lake: Lake, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    train_model(lake, registry, HOURLY)
    bad = train_model(lake, registry, HOURLY, day=1, low=0.2)
    write_live(lake, HOURLY, bad, ic=0.0, sessions=24, day=2)

    def broken(*_: object, **__: object) -> None:
        raise KeyError("a column of its own")

    monkeypatch.setattr(QUALITY_PAGE, broken)
    monkeypatch.setattr("pipelines.monitoring.reports.measure_distances", broken)
    write_features(lake, HOURLY)
    report = monitor(lake, registry, ACTION_FORECAST, "sample", now=end_of_day(30))
    assert report.rolled_back
    status, counts, message = recorded_run(lake)
    assert status == "failed"
    assert "the drift report: KeyError" in message
    assert "the quality report: KeyError" in message
    assert counts["macro_f1"] > 0


def test_without_models_or_live_rows_the_report_says_so(lake: Lake, registry: Registry) -> None:
    report = monitor(lake, registry, ACTION_FORECAST, "sample", now=end_of_day(0))
    assert "nothing was trained yet: bullion train" in report.summary()
    assert recorded_run(lake)[0] == "warned"
    train_model(lake, registry, HOURLY, verdict="refused")
    report = monitor(lake, registry, ACTION_FORECAST, "sample", now=end_of_day(1))
    assert "serves unproven: there is nothing to roll back" in report.summary()
    train_model(lake, registry, HOURLY, day=1)
    report = monitor(lake, registry, ACTION_FORECAST, "sample", now=end_of_day(2))
    assert "no live prediction of it has an outcome yet" in report.summary()
    assert report.pages == ()


def test_one_class_and_missing_features_are_explained(lake: Lake, registry: Registry) -> None:
    write_features(lake, HOURLY)
    version = train_model(lake, registry, HOURLY)
    write_live(lake, HOURLY, version, ic=0.2, sessions=21, shift=float("nan"), one_class=True)
    report = monitor(lake, registry, ACTION_FORECAST, "sample", now=end_of_day(30))
    assert report.failures == ()
    assert "no feature can be compared" in report.summary()
    assert "only hold happened" in report.summary()


def test_moved_features_are_a_warning(lake: Lake, registry: Registry) -> None:
    write_features(lake, HOURLY)
    version = train_model(lake, registry, HOURLY)
    write_live(lake, HOURLY, version, ic=0.3, sessions=5, shift=3.0)
    report = monitor(lake, registry, ACTION_FORECAST, "sample", now=end_of_day(30))
    assert report.drifted
    assert report.status == "warned"
    assert report.counts["drifted_share"] == 1
    rows = lake.rows(
        """SELECT feature, distance > drift_limit, drifted, model_version, row_count, batch
           FROM gold.feature_drift WHERE measured_at = ?""",
        [end_of_day(30)],
    )
    batch = lake.rows("SELECT batch FROM gold.runs WHERE step = 'monitor'")[0][0]
    assert {row[0] for row in rows} == set(HOURLY.feature_names)
    assert {row[1:] for row in rows} == {(True, True, version, 5 * 7 * 10, batch)}


def spoil_rows(lake: Lake, target: TargetForecast) -> None:
    """Take the outcome of one training row away, and the outputs of one live row."""
    table, predictions = target.table.full_name, "gold.predictions"
    with lake.write("spoil") as writer:
        for name, change, which in (
            (table, f"{target_of(target).target.outcome} = NULL", "min"),
            (predictions, "value_low = NULL, probabilities = NULL", "max"),
        ):
            writer.touch(name)
            writer.run(
                f"UPDATE {name} SET {change} WHERE ts = (SELECT {which}(ts) FROM {name})",
            )


@TARGETS
@pytest.mark.parametrize("low", [-0.9, 0.95])
def test_a_target_of_every_kind_is_judged_by_the_bound_of_its_gate(
    lake: Lake,
    registry: Registry,
    monkeypatch: pytest.MonkeyPatch,
    target: TargetForecast,
    low: float,
) -> None:
    monkeypatch.setattr(
        "pipelines.monitoring.reports.build_quality_page", lambda *_: b"<head></head>"
    )
    write_features(lake, target, sessions=130, first=end_of_day(-140))
    version = credited_champion(lake, registry, target, low)
    write_live(lake, target, version, ic=0.2, sessions=110, symbols=2)
    spoil_rows(lake, target)
    report = monitor(lake, registry, target_of(target), "sample", now=end_of_day(112))
    assert report.failures == ()
    assert report.rolled_back == (low > 0), report.summary()
    assert champion(lake, target) == (None if low > 0 else version)
    _, counts, message = recorded_run(lake)
    assert (counts["target"], counts["credited"]) == (target_of(target).target.name, low)
    assert counts["skill_low"] < counts["skill"] < counts["skill_high"]
    assert f"live {target_of(target).gates[0].name} " in message
    assert counts["sessions"] == 60
    assert counts["champion_sessions"] >= 60
    known = {
        name for name in monitor_of(target_of(target).label.kind).names if counts[name] is not None
    }
    sided = target_of(target).label.kind == "value" or target_of(target).label.scores[0] < 0
    assert known | {"hit_rate"} == set(monitor_of(target_of(target).label.kind).names)
    assert ("hit_rate" in known) == sided
    assert 0.05 < counts["rank_ic"] < 0.5
    assert "labels_apart" in counts, message
    assert counts["labels_apart"] < 0.2


@SEVERAL
def test_the_targets_of_a_forecast_have_their_own_reports_on_one_day(
    lake: Lake, registry: Registry, forecast: Forecast
) -> None:
    write_features(lake, forecast, sessions=130, first=end_of_day(-140))
    pages: list[str] = []
    for number, target in enumerate(forecast.per_target()):
        version = credited_champion(lake, registry, target, 0.01)
        write_live(lake, target, version, ic=0.4, sessions=110, features=not number)
        report = monitor(lake, registry, target, "sample", now=end_of_day(112))
        assert report.failures == ()
        assert f"{forecast.name}'s {target.target.name} on sample" in report.summary()
        pages += [page.name for page in report.pages[:-1]]
    names = forecast.target_names
    bars = 1 if forecast.bar.minutes is None else BARS  # of one symbol
    day = f"{end_of_day(112):%Y-%m-%d}"
    assert pages == [f"{day}-{name}-{kind}.html" for name in names for kind in ("drift", "quality")]
    index = report.pages[-1].read_text()
    assert all(f"{page}" in index for page in pages)
    runs = registry.client.search_runs([registry.experiment(forecast.name)], "metrics.rank_ic > 0")
    assert {run.info.run_name for run in runs} == {f"monitor {name} {day}" for name in names}
    for run in runs:
        name = run.data.tags["target"]
        body = registry.client.download_artifacts(run.info.run_id, "predictions.csv")
        lines = Path(body).read_text().splitlines()
        assert len(lines) == 1 + bars, "those of the day, and the other target's are not its own"
        assert f'"{name}"' in lines[1]
    runs_of_lake = lake.rows("SELECT about, counts FROM gold.runs WHERE step = 'monitor'")
    assert {about for about, _ in runs_of_lake} == {forecast.name}
    assert {json.loads(counts)["target"] for _, counts in runs_of_lake} == set(names)


@SEVERAL
def test_one_of_several_targets_must_be_named(
    lake: Lake, registry: Registry, forecast: Forecast
) -> None:
    with pytest.raises(InvalidRequest, match="name one of them"):
        monitor(lake, registry, forecast.target_forecast(), "sample")


@TARGETS
def test_without_training_rows_a_gate_that_needs_them_gives_no_verdict(
    lake: Lake, registry: Registry, target: TargetForecast
) -> None:
    version = credited_champion(lake, registry, target, -0.9)
    write_live(lake, target, version, ic=0.2, sessions=110, symbols=1)
    report = monitor(lake, registry, target_of(target), "sample", now=end_of_day(112))
    assert not report.rolled_back
    assert report.failures == ()
    assert "no drift report" in report.summary()
    assert report.counts["rows"]
