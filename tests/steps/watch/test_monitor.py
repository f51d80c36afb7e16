"""Monitoring a lake: figures, pages, a rollback where skill is gone, and words where nothing is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pipelines.core.errors import InvalidRequest
from pipelines.forecasts import FORECASTS, Forecast, TargetForecast
from pipelines.lake import Lake
from pipelines.monitoring.kinds import watched
from pipelines.registry.decisions import decisions, promoted
from pipelines.registry.mlflow import Registry, RegistryError
from pipelines.steps.models.manual_decisions import EVER
from pipelines.steps.watch.monitor import monitor
from tests.models import target_of
from tests.steps.live_market import after, put_features, put_live
from tests.steps.served import HOURLY, fresh_registry, told, trained

ACTION_FORECAST = HOURLY.target_forecast()


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return fresh_registry(tmp_path / "mlflow")


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Evidently takes seconds; what is asked here does not need its pages."""
    monkeypatch.setattr("pipelines.monitoring.reports.quality", lambda *_: b"<head></head>")
    monkeypatch.setattr("pipelines.steps.watch.monitor._Look._drift", lambda *_: b"<head></head>")


def champion(lake: Lake, forecast: Forecast = HOURLY) -> int | None:
    with lake.view() as view:
        found = promoted(decisions(view, forecast.target_forecast(), "sample"), EVER)
    return found.model_version if found else None


TARGETS = pytest.mark.parametrize(
    "target",
    [one for forecast in FORECASTS for one in forecast.per_target()],
    ids=lambda one: f"{one.name}.{one.target.name}",
)
SEVERAL = pytest.mark.parametrize(
    "forecast", [one for one in FORECASTS if len(one.targets) > 1], ids=lambda one: one.name
)


def credited(lake: Lake, registry: Registry, target: Forecast | TargetForecast, low: float) -> int:
    """A champion that its first gate credited with so much."""
    gates = json.dumps([{"gate": target_of(target).gates[0].name, "passed": True, "low": low}])
    return trained(lake, registry, target, body=target_of(target).target.name.encode(), gates=gates)


def recorded(lake: Lake) -> tuple[str, dict[str, Any], str]:
    rows = lake.rows("SELECT status, counts, message FROM gold.runs WHERE step = 'monitor'")
    assert len(rows) == 1
    return rows[0][0], json.loads(rows[0][1]), rows[0][2]


def test_a_sound_champion_is_reported_and_stays(lake: Lake, registry: Registry) -> None:
    put_features(lake, HOURLY)
    trained(lake, registry, HOURLY)
    version = trained(lake, registry, HOURLY, day=0, low=0.1)
    put_live(lake, HOURLY, version, ic=0.3, sessions=22)
    done = monitor(lake, registry, ACTION_FORECAST, "sample", now=after(30), run="r")
    assert not done.rolled_back
    assert done.failures == ()
    assert champion(lake) == version
    status, counts, message = recorded(lake)
    assert status == done.status == "ok"
    assert counts["model_version"] == version
    assert counts["sessions"] == counts["champion_sessions"] == 22
    assert counts["rows"] == 22 * 7 * 10
    assert counts["target"] == "action"
    assert counts["skill_low"] < counts["skill"] < counts["skill_high"]
    assert counts["skill"] == pytest.approx(0.28, abs=0.05)
    assert counts["rank_ic"] == pytest.approx(counts["skill"], abs=1e-3), "all rows are its own"
    assert counts["drifted_share"] == 0
    assert 0.5 < counts["hit_rate"] < 0.8
    assert "not all below the 0.1000" in message

    assert [page.name for page in done.pages] == [
        "2026-04-01-drift.html", "2026-04-01-quality.html", "index.html",
    ]  # fmt: skip
    assert done.pages[0].parent == Path(lake.target).parent / "reports" / HOURLY.name / "sample"
    runs = registry.client.search_runs([registry.experiment(HOURLY.name)], "metrics.rank_ic > 0")
    assert [run.info.run_name for run in runs] == ["monitor 2026-04-01"]
    logged = registry.client.list_artifacts(runs[0].info.run_id)
    assert {file.path for file in logged} == {"drift.html", "predictions.csv", "quality.html"}


@pytest.mark.usefixtures("quick")
def test_a_champion_whose_skill_is_gone_is_rolled_back_with_the_figures(
    lake: Lake, registry: Registry
) -> None:
    old = trained(lake, registry, HOURLY)
    bad = trained(lake, registry, HOURLY, day=1, low=0.2)
    put_live(lake, HOURLY, bad, ic=0.0, sessions=24, day=2)
    done = monitor(lake, registry, ACTION_FORECAST, "sample", now=after(30))
    assert done.rolled_back
    assert champion(lake) == old
    assert recorded(lake)[0] == "warned"
    moves = told(lake, "model_version", "verdict", "reason")[-2:]
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
    other = trained(lake, registry, HOURLY)
    version = trained(lake, registry, HOURLY, day=1, low=0.2)
    put_live(
        lake, HOURLY, other if case == "of another version" else version, ic=0.0,
        sessions=19 if case == "few" else 24, day=2, live=case != "not live",
    )  # fmt: skip
    now = after(12 if case == "not known yet" else 30)
    done = monitor(lake, registry, ACTION_FORECAST, "sample", now=now)
    assert not done.rolled_back
    assert champion(lake) == version
    assert done.counts["champion_sessions"] == {"few": 19, "not known yet": 11}.get(case, 0)


@pytest.mark.usefixtures("quick")
def test_mlflow_being_down_hides_nothing_and_stops_no_rollback(
    lake: Lake, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = trained(lake, registry, HOURLY)
    bad = trained(lake, registry, HOURLY, day=1, low=0.2)
    put_live(lake, HOURLY, bad, ic=0.0, sessions=24, day=2)
    with lake.view() as view:
        row = decisions(view, ACTION_FORECAST, "sample")[0]
    registry.read_model(f"{HOURLY.name}.action", old, row.sha256)

    def down(*_: object, **__: object) -> None:
        raise RegistryError("MLflow at nowhere cannot be used")

    for name in ("alias_state", "version", "experiment"):
        monkeypatch.setattr(Registry, name, down)
    done = monitor(lake, registry, ACTION_FORECAST, "sample", now=after(30))
    assert done.rolled_back
    assert champion(lake) == old
    status, counts, message = recorded(lake)
    assert status == "failed"
    assert "MLflow at nowhere" in message
    assert counts["skill"] is not None


def test_evidently_failing_hides_nothing_and_stops_no_rollback(
    lake: Lake, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained(lake, registry, HOURLY)
    bad = trained(lake, registry, HOURLY, day=1, low=0.2)
    put_live(lake, HOURLY, bad, ic=0.0, sessions=24, day=2)

    def broken(*_: object, **__: object) -> None:
        raise KeyError("a column of its own")

    monkeypatch.setattr("pipelines.monitoring.reports.quality", broken)
    monkeypatch.setattr("pipelines.monitoring.reports.distances", broken)
    put_features(lake, HOURLY)
    done = monitor(lake, registry, ACTION_FORECAST, "sample", now=after(30))
    assert done.rolled_back
    status, counts, message = recorded(lake)
    assert status == "failed"
    assert "the drift report: KeyError" in message
    assert "the quality report: KeyError" in message
    assert counts["macro_f1"] > 0


def test_where_there_is_nothing_to_look_at_it_says_so(lake: Lake, registry: Registry) -> None:
    done = monitor(lake, registry, ACTION_FORECAST, "sample", now=after(0))
    assert "nothing was trained yet: bullion train" in done.summary()
    assert recorded(lake)[0] == "warned"
    trained(lake, registry, HOURLY, verdict="refused")
    done = monitor(lake, registry, ACTION_FORECAST, "sample", now=after(1))
    assert "serves unproven: there is nothing to roll back" in done.summary()
    trained(lake, registry, HOURLY, day=1)
    done = monitor(lake, registry, ACTION_FORECAST, "sample", now=after(2))
    assert "no live prediction of it has an outcome yet" in done.summary()
    assert done.pages == ()


def test_one_class_and_missing_features_are_told_in_words(lake: Lake, registry: Registry) -> None:
    put_features(lake, HOURLY)
    version = trained(lake, registry, HOURLY)
    put_live(lake, HOURLY, version, ic=0.2, sessions=21, shift=float("nan"), one_class=True)
    done = monitor(lake, registry, ACTION_FORECAST, "sample", now=after(30))
    assert done.failures == ()
    assert "no feature can be compared" in done.summary()
    assert "only hold happened" in done.summary()


def test_features_that_moved_are_a_warning(lake: Lake, registry: Registry) -> None:
    put_features(lake, HOURLY)
    version = trained(lake, registry, HOURLY)
    put_live(lake, HOURLY, version, ic=0.3, sessions=5, shift=3.0)
    done = monitor(lake, registry, ACTION_FORECAST, "sample", now=after(30))
    assert done.drifted
    assert done.status == "warned"
    assert done.counts["drifted_share"] == 1


def spoil_one(lake: Lake, target: Forecast) -> None:
    """A row to train on without an outcome, and a live one that lacks what was given."""
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
def test_a_target_of_every_kind_is_held_to_what_its_gate_credited_it_with(
    lake: Lake, registry: Registry, monkeypatch: pytest.MonkeyPatch, target: Forecast, low: float
) -> None:
    monkeypatch.setattr("pipelines.monitoring.reports.quality", lambda *_: b"<head></head>")
    put_features(lake, target, sessions=130, first=after(-140))
    version = credited(lake, registry, target, low)
    put_live(lake, target, version, ic=0.2, sessions=110, symbols=2)
    spoil_one(lake, target)
    done = monitor(lake, registry, target_of(target), "sample", now=after(112))
    assert done.failures == ()
    assert done.rolled_back == (low > 0), done.summary()
    assert champion(lake, target) == (None if low > 0 else version)
    _, counts, message = recorded(lake)
    assert (counts["target"], counts["credited"]) == (target_of(target).target.name, low)
    assert counts["skill_low"] < counts["skill"] < counts["skill_high"]
    assert f"live {target_of(target).gates[0].name} " in message
    assert counts["sessions"] == 60
    assert counts["champion_sessions"] >= 60
    known = {
        name for name in watched(target_of(target).label.kind).names if counts[name] is not None
    }
    sided = target_of(target).label.kind == "value" or target_of(target).label.scores[0] < 0
    assert known | {"hit_rate"} == set(watched(target_of(target).label.kind).names)
    assert ("hit_rate" in known) == sided
    assert 0.05 < counts["rank_ic"] < 0.5
    assert "labels_apart" in counts, message
    assert counts["labels_apart"] < 0.2


@SEVERAL
def test_the_targets_of_a_forecast_are_told_apart_on_one_day(
    lake: Lake, registry: Registry, forecast: Forecast
) -> None:
    put_features(lake, forecast, sessions=130, first=after(-140))
    pages: list[str] = []
    for number, target in enumerate(forecast.per_target()):
        version = credited(lake, registry, target, 0.01)
        put_live(lake, target, version, ic=0.4, sessions=110, features=not number)
        done = monitor(lake, registry, target, "sample", now=after(112))
        assert done.failures == ()
        assert f"{forecast.name}'s {target.target.name} on sample" in done.summary()
        pages += [page.name for page in done.pages[:-1]]
    names = forecast.target_names
    day = f"{after(112):%Y-%m-%d}"
    assert pages == [f"{day}-{name}-{kind}.html" for name in names for kind in ("drift", "quality")]
    index = done.pages[-1].read_text()
    assert all(f"{page}" in index for page in pages)
    runs = registry.client.search_runs([registry.experiment(forecast.name)], "metrics.rank_ic > 0")
    assert {run.info.run_name for run in runs} == {f"monitor {name} {day}" for name in names}
    for run in runs:
        of = run.data.tags["target"]
        body = registry.client.download_artifacts(run.info.run_id, "predictions.csv")
        lines = Path(body).read_text().splitlines()
        assert len(lines) == 2, "one bar a day, and the other target's is not its own"
        assert f'"{of}"' in lines[1]
    told = lake.rows("SELECT about, counts FROM gold.runs WHERE step = 'monitor'")
    assert {about for about, _ in told} == {forecast.name}
    assert {json.loads(counts)["target"] for _, counts in told} == set(names)


@SEVERAL
def test_several_targets_are_looked_at_one_by_one(
    lake: Lake, registry: Registry, forecast: Forecast
) -> None:
    with pytest.raises(InvalidRequest, match="name one of them"):
        monitor(lake, registry, forecast.target_forecast(), "sample")


@TARGETS
def test_without_training_rows_a_gate_that_needs_them_gives_no_verdict(
    lake: Lake, registry: Registry, target: Forecast
) -> None:
    version = credited(lake, registry, target, -0.9)
    put_live(lake, target, version, ic=0.2, sessions=110, symbols=1)
    done = monitor(lake, registry, target_of(target), "sample", now=after(112))
    assert not done.rolled_back
    assert done.failures == ()
    assert "no drift report" in done.summary()
    assert done.counts["rows"]
