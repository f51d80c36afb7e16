"""Which tables a task reads and writes, as OpenLineage datasets with their columns.

Nothing is sent until BULLION_LINEAGE names where to, such as
'{"type": "file", "log_file_path": "/tmp/lineage.ndjson", "append": true}'.
Airflow's provider sends the events; it knows no tables of a lake, and asks LakeLineage for them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from airflow.providers.openlineage.extractors.base import BaseExtractor, OperatorLineage
from openlineage.client.event_v2 import Dataset
from openlineage.client.facet_v2 import documentation_dataset, schema_dataset

from pipelines.contracts.schema import Table
from pipelines.core.settings import settings
from pipelines.forecasts import FORECASTS
from pipelines.forecasts.tables import ALL_TABLES

FEATURES = "gold.features"  # the asset that stands for the feature table of a DAG's forecast
TABLES = {table.full_name: table for table in ALL_TABLES}


class LakeLineage(BaseExtractor):
    """Say the tables that a step names as its inlets and outlets."""

    @classmethod
    def get_operator_classnames(cls) -> list[str]:
        return ["_PythonDecoratedOperator"]  # of every task that plugins/wiring.py declares

    def _execute_extraction(self) -> OperatorLineage:
        return OperatorLineage(
            inputs=self._datasets(self.operator.inlets),
            outputs=self._datasets(self.operator.outlets),
        )

    def extract_on_complete(self, task_instance: Any) -> OperatorLineage:
        return self._execute_extraction()

    def _datasets(self, assets: Iterable[Any]) -> list[Dataset]:
        names = [table_of(asset.name, self.operator.dag_id) for asset in assets]
        return [dataset(TABLES[name]) for name in names if name in TABLES]


def table_of(asset: str, dag: str) -> str:
    """Return the table of an asset; that of features is the table of the DAG's forecast."""
    if asset != FEATURES:
        return asset
    return next((f.table.full_name for f in FORECASTS if dag.endswith(f"_{f.name}")), asset)


def dataset(table: Table) -> Dataset:
    """Return a table of the lake with its meaning, and its columns with their types and meanings.

    Its namespace is where the lake's files lie.
    """
    fields = [
        schema_dataset.SchemaDatasetFacetFields(
            name=column.name, type=column.type, description=column.meaning
        )
        for column in table.columns
    ]
    facets = {
        "schema": schema_dataset.SchemaDatasetFacet(fields=fields),
        "documentation": documentation_dataset.DocumentationDatasetFacet(description=table.meaning),
    }
    return Dataset(namespace=namespace(), name=table.full_name, facets=facets)


def namespace() -> str:
    """Return where the files of the lake lie, as a URI without credentials."""
    place = settings().lake_data
    return place.rstrip("/") if "://" in place else f"file://{place}"
