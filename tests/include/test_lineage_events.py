"""The tables of a task are OpenLineage datasets, with their columns."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib import reload
from pathlib import Path
from typing import Any

import pytest

from pipelines.contracts.tables import find_table
from pipelines.core.settings import Settings
from pipelines.forecasts import FORECASTS


@pytest.fixture(scope="module", autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Airflow writes its configuration where AIRFLOW_HOME says."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRFLOW_HOME", str(tmp_path_factory.mktemp("airflow")))
        yield


class Operator:
    """What the extractor reads of a task."""

    def __init__(self, dag_id: str, inlets: list[str], outlets: list[str]) -> None:
        from airflow.sdk import Asset

        self.dag_id, self.task_id = dag_id, "task"
        self.inlets, self.outlets = [Asset(n) for n in inlets], [Asset(n) for n in outlets]


def lineage_of(dag_id: str, inlets: list[str], outlets: list[str]) -> Any:
    from include.lineage_events import LakeLineage

    return LakeLineage(Operator(dag_id, inlets, outlets)).extract_on_complete(None)


def test_a_table_has_its_columns_types_and_meanings(lake_settings: Settings) -> None:
    lineage = lineage_of("ingest_x", [], ["bronze.bars", "silver.bars"])
    assert [each.name for each in lineage.outputs] == ["bronze.bars", "silver.bars"]
    bars = lineage.outputs[1]
    assert bars.namespace == f"file://{lake_settings.lake_data}"
    fields = [(f.name, f.type, f.description) for f in bars.facets["schema"].fields]
    table = find_table("silver.bars")
    assert fields == [(c.name, c.type, c.meaning) for c in table.columns]
    assert bars.facets["documentation"].description == table.meaning


@pytest.mark.parametrize("forecast", FORECASTS, ids=lambda forecast: forecast.name)
def test_features_are_the_table_of_the_dags_forecast(forecast: Any) -> None:
    lineage = lineage_of(f"train_{forecast.name}", ["gold.features"], ["gold.model_decisions"])
    assert [each.name for each in lineage.inputs] == [forecast.table.full_name]
    assert [each.name for each in lineage.outputs] == ["gold.model_decisions"]


def test_a_lake_on_s3_is_named_by_its_bucket(monkeypatch: pytest.MonkeyPatch) -> None:
    from include.lineage_events import namespace

    monkeypatch.setenv("BULLION_LAKE_DATA", "s3://bucket/lake/")
    assert namespace() == "s3://bucket/lake"


def test_an_asset_that_is_no_table_is_left_out() -> None:
    assert lineage_of("score_x", ["elsewhere"], []).inputs == []


def test_the_provider_finds_the_extractor_and_sends_nothing_by_default(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AIRFLOW__OPENLINEAGE__TRANSPORT", "")
    monkeypatch.setenv("AIRFLOW__OPENLINEAGE__EXTRACTORS", "include.lineage_events.LakeLineage")
    from airflow.providers.openlineage import conf
    from airflow.providers.openlineage.extractors.manager import ExtractorManager

    assert reload(conf).is_disabled()
    assert "_PythonDecoratedOperator" in ExtractorManager().extractors
    transport = {"type": "file", "log_file_path": str(tmp_path / "events"), "append": True}
    monkeypatch.setenv("AIRFLOW__OPENLINEAGE__TRANSPORT", json.dumps(transport))
    assert not reload(conf).is_disabled()
