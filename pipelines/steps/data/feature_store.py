"""Write the features of forecasts as a repository of Feast, for those who have a feature store.

Each forecast is a feature view over one Parquet file of its rows. The time of a row there is its
`known_at`, the close of its bar: a join of Feast at any instant sees what was known by then, also
where its own cut-off (`filter_by_created_timestamp`) is not asked for. Feast itself lives in
another environment, as it wants an older Redis client; nothing here imports it.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pipelines.contracts.tables import quoted
from pipelines.core.errors import BullionError, InvalidRequest
from pipelines.core.sql import text_literal
from pipelines.forecasts import Forecast
from pipelines.lake import Lake, View

STORE, DEFINITIONS, DATA = "feature_store.yaml", "definitions.py", "data"
LATELY = timedelta(days=10)  # what goes to the online store; the API forgets older rows too
HEAD = '''"""Features of Bullion, written by `bullion feast` from the declarations of forecasts."""

from feast import Entity, FeatureService, FeatureView, Field, FileSource, ValueType
from feast.types import Float32

symbol = Entity(
    name="symbol",
    join_keys=["symbol"],
    value_type=ValueType.STRING,
    description="ticker as the source spells it",
)
'''
VIEW = """
{name} = FeatureView(
    name={name!r},
    description={meaning},
    entities=[symbol],
    schema=[
{fields}
    ],
    # The time of a row is when it was known: its bar's close. Nothing joins what came later.
    source=FileSource(name={file!r}, path={path!r}, timestamp_field="known_at"),
    tags={tags},
)
{name}_service = FeatureService(name={name!r}, features=[{name}])
"""


@dataclass(frozen=True)
class WrittenView:
    """The file of a forecast's features: how many rows, and when the newest was known."""

    forecast: str
    rows: int
    newest: datetime


def write_repository(
    lake: Lake,
    forecasts: Sequence[Forecast],
    source: str,
    folder: Path,
    *,
    redis: str | None = None,
    snapshot: int | None = None,
) -> list[WrittenView]:
    """Write the repository of the forecasts that have features, all of one snapshot."""
    is_own = (folder / STORE).is_file()
    if folder.is_file() or (folder.is_dir() and any(folder.iterdir()) and not is_own):
        raise InvalidRequest(
            f"{folder} is no repository of Feast, and not empty",
            "name a folder that is not there yet, or one that `bullion feast` wrote",
        )
    (folder / DATA).mkdir(parents=True, exist_ok=True)
    with lake.view(snapshot) as view:
        number = view.snapshot
        stored_views = [
            file
            for forecast in forecasts
            if (file := _write_rows(view, forecast, source, folder)) is not None
        ]
    if not stored_views:
        raise BullionError(
            f"no forecast has features from {source} yet", "bullion ingest, then bullion features"
        )
    by_name = {forecast.name: forecast for forecast in forecasts}
    views = [
        _describe_view(by_name[file.forecast], source, number, folder / DATA)
        for file in stored_views
    ]
    _replace(folder / DEFINITIONS, HEAD + "".join(views))
    _replace(folder / STORE, _describe_store(redis))
    return stored_views


def _write_rows(view: View, forecast: Forecast, source: str, folder: Path) -> WrittenView | None:
    """Write a forecast's rows, or nothing where there are none."""
    table, where = forecast.table.full_name, f"source = {text_literal(source)}"
    row = view.rows(f"SELECT count(*), max(closes_at) FROM {table} WHERE {where}")[0]
    if not row[0]:
        return None
    features = ", ".join(quoted(name) for name in forecast.feature_names)
    file = folder.absolute() / DATA / f"{forecast.name}.parquet"
    new = file.with_suffix(".new")
    view.connection.execute(
        f"""COPY (SELECT symbol, closes_at AS known_at, ts, {features} FROM {table}
            WHERE {where} ORDER BY known_at, symbol)
            TO {text_literal(str(new))} (FORMAT parquet, COMPRESSION zstd)"""
    )
    new.replace(file)
    return WrittenView(forecast.name, int(row[0]), row[1].astimezone(UTC))


def _describe_view(forecast: Forecast, source: str, snapshot: int, data: Path) -> str:
    fields = "\n".join(
        f"        Field(name={json.dumps(feature.name)}, dtype=Float32, "
        f"description={json.dumps(feature.meaning)}),"
        for feature in forecast.features
    )
    tags = {
        "interval": forecast.interval,
        "universe": forecast.universe,
        "source": source,
        "snapshot": str(snapshot),
        "fingerprint": forecast.table_fingerprint,
    }
    return VIEW.format(
        name=forecast.name,
        meaning=json.dumps(forecast.meaning.strip()),
        fields=fields,
        file=f"{forecast.name}_rows",
        path=str((data / f"{forecast.name}.parquet").absolute()),
        tags=json.dumps(tags),
    )


def _describe_store(redis: str | None) -> str:
    """Describe the store; what stands in ${...} Feast fills in from the environment."""
    online = (
        f"  type: redis\n  connection_string: {json.dumps(redis)}\n"
        if redis
        else f"  type: sqlite\n  path: {DATA}/online.db\n"
    )
    return (
        "# Written by `bullion feast`.\n"
        "project: bullion\n"
        "provider: local\n"
        f"registry: {DATA}/registry.db\n"
        f"online_store:\n{online}"
        "offline_store:\n  type: file\n"
        "entity_key_serialization_version: 3\n"
    )


def _replace(file: Path, text: str) -> None:
    """Write a file as a whole: whoever reads it meanwhile sees the old one or the new one."""
    new = file.with_name(f"{file.name}.new")
    new.write_text(text)
    new.replace(file)


def materialize(folder: Path, stored_views: Sequence[WrittenView], feast: Path) -> None:
    """Register the views by Feast's own program, and bring the newest rows to its online store."""
    begin = min(file.newest for file in stored_views) - LATELY
    end = max(file.newest for file in stored_views) + timedelta(seconds=1)
    moments = [f"{at:%Y-%m-%dT%H:%M:%S}" for at in (begin, end)]
    for arguments in (["apply"], ["materialize", *moments]):
        answer = subprocess.run(  # noqa: S603
            [feast, "--chdir", folder.absolute(), *arguments],
            env=os.environ | {"FEAST_USAGE": "False", "IS_TEST": "True"},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if answer.returncode:
            raise BullionError(
                f"feast {arguments[0]} failed: {(answer.stderr or answer.stdout).strip()[-600:]}",
                f"try it by hand: {feast} --chdir {folder} {' '.join(arguments)}",
            )
