"""The commands for backups: make one, list them, restore one."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

import typer

from pipelines.backup.create import create_backup
from pipelines.backup.objects import Objects
from pipelines.backup.places import find_model_store
from pipelines.backup.restore import restore_backup
from pipelines.cli.app import app, out, print_table, progress_bar
from pipelines.core.calendar import utc
from pipelines.core.errors import InvalidRequest
from pipelines.lake.file_store import open_store
from pipelines.steps.lake import open_lake

PlaceArgument = Annotated[
    str, typer.Argument(help="a folder, or s3://bucket/prefix, that holds backups alone")
]
DatabaseOption = Annotated[
    str, typer.Option(help="MLflow's database, sqlite:PATH or postgres:...; default its own file")
]
ArtifactsOption = Annotated[
    str, typer.Option(help="MLflow's artifacts, a folder or s3://...; default beside its database")
]


def _objects(place: str) -> Objects:
    if not place:
        raise InvalidRequest("the place of the backups is empty", "name a folder, or s3://...")
    return Objects(open_store(place, "PLACE"))


@app.command()
def backup(
    place: PlaceArgument,
    keep_days: Annotated[
        float | None,
        typer.Option(min=0, help="then remove backups that are older; default none is removed"),
    ] = None,
    mlflow_database: DatabaseOption = "",
    mlflow_artifacts: ArtifactsOption = "",
) -> None:
    """Copy lake, catalog, models and state while they work; only what is new is copied."""
    objects = _objects(place)
    models = find_model_store(mlflow_database, mlflow_artifacts)
    with open_lake(create=False) as lake, progress_bar() as progress:
        report = create_backup(lake, objects, models, progress)
    out.print(report.summary(), highlight=False, soft_wrap=True)
    if keep_days is not None:
        backups, contents = objects.forget_before(timedelta(days=keep_days))
        out.print(f"removed {backups} older backups, {contents:,} contents", highlight=False)


@app.command()
def backups(
    place: PlaceArgument,
    verify: Annotated[
        bool, typer.Option("--verify", help="read every content, and compare its checksum")
    ] = False,
) -> None:
    """List the backups of a place, and how far back each can take the lake."""
    objects = _objects(place)
    if verify:
        contents = objects.contents()
        with progress_bar() as progress:
            for done, file in enumerate(contents, 1):
                objects.check(file)
                progress("contents", done, len(contents))
        out.print(f"{len(contents):,} contents are what they were", highlight=False)
    rows: list[tuple[object, ...]] = []
    for created_at in objects.manifest_times():
        manifest = objects.manifest(created_at)
        files = list(manifest.all_files())
        rows.append(
            (
                f"{created_at:%Y-%m-%d %H:%M:%S}",
                f"{manifest.first_snapshot_at:%Y-%m-%d %H:%M:%S}",
                manifest.snapshot,
                len(files),
                sum(file.bytes for file in files),
                manifest.code,
            )
        )
    columns = ("made at, UTC", "goes back to, UTC", "snapshot", "files", "bytes", "Bullion")
    print_table("backups", rows, columns)


@app.command()
def restore(
    place: PlaceArgument,
    at: Annotated[
        str | None, typer.Option(help="the state of this time, UTC; default the newest")
    ] = None,
    mlflow_database: DatabaseOption = "",
    mlflow_artifacts: ArtifactsOption = "",
) -> None:
    """Restore a backup to where the settings say, which must be empty, and verify it."""
    objects = _objects(place)
    models = find_model_store(mlflow_database, mlflow_artifacts)
    with progress_bar() as progress:
        report = restore_backup(objects, utc(at) if at is not None else None, models, progress)
    out.print(report.summary(), highlight=False, soft_wrap=True)
