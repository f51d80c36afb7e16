"""Commands on a full disk: a sentence that names the folder, and never a traceback."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.job_server import Jobs
from tests.small_disk import run_on

PREPARED = """
import os, sys
from pathlib import Path

disk = Path(os.environ["DISK"])
os.environ["BULLION_LAKE_CATALOG"] = f"sqlite:{disk.parent}/lake/catalog.sqlite"
os.environ["BULLION_LAKE_DATA"] = f"{disk.parent}/lake/files"

def leave(kibibytes):
    room = os.statvfs(disk)
    (disk / "ballast").write_bytes(bytes(room.f_bavail * room.f_bsize - kibibytes * 1024))
"""
LAKE = """
from pipelines import cli
from pipelines.steps.lake import open_lake
from tests.lake_rows import list_symbols, replace_series

def run(*words):
    sys.argv = ["bullion", *words]
    cli.main()

with open_lake() as lake:
    replace_series(lake, list_symbols(count=20_000))
"""
EXPORT = LAKE + 'leave({room}); run("export", str(disk / "out"), "--schema", "silver")'
DOCS = LAKE + 'leave(60); run("docs", str(disk / "docs"))'
NEW = """
from pipelines.core.errors import CannotWrite
from pipelines.cli.scaffold import new

listed = disk / "pipelines/features/__init__.py"
listed.parent.mkdir(parents=True)
(disk / "tests/features").mkdir(parents=True)
text = "from pipelines.features.base import Feature\\n\\nHOURLY: tuple[Feature, ...] = ()\\n"
listed.write_text(text + "#" * 20_000)
leave({room})
try:
    new("feature", "low_gap", root=disk)
except CannotWrite as error:
    print(error, file=sys.stderr)
assert listed.read_text().startswith(text)
sys.exit(1)
"""
MLFLOW = """
from pipelines.registry.mlflow import Registry, RegistryError, mlflow_errors
from pipelines.registry.runs import _log, _run

registry = Registry(f"sqlite:///{disk}/mlflow.db")
number = registry.experiment("train")
try:
    with mlflow_errors(registry.uri), _run(registry.client, number, {}, "train") as run_id:
        leave(0)
        _log(registry.client, run_id, {"seed": 0}, [], {"model.onnx": bytes(100_000)})
except RegistryError as error:
    print(error, file=sys.stderr)
sys.exit(1)
"""
TRAIN = """
from pipelines import cli
from pipelines.core.calendar import interval_of, utc
from pipelines.modeling import compare
from pipelines.modeling.candidates import Logistic
from pipelines.registry.mlflow import Registry
from pipelines.sources.sample import Sample
from pipelines.steps import ingest
from pipelines.steps.lake import open_lake
from pipelines.steps.models import train
from tests.steps.served import HOURLY, fresh_registry

os.environ["MLFLOW_TRACKING_URI"] = fresh_registry(disk / "mlflow").uri
with open_lake() as lake:
    ingest(
        lake, Sample(), HOURLY.symbols[:4], interval_of("1h"), utc("2026-05-01"), utc("2026-09-01")
    )

step = Registry.{step}

def run_on_a_full_disk(self, *arguments, **options):
    leave({room})
    return step(self, *arguments, **options)

Registry.{step} = run_on_a_full_disk
compare_all = train.compare
train.compare = lambda rows, label, candidates, *others, **options: compare_all(
    rows, label, (Logistic(),), *others, **options
)
sys.argv = ["bullion", "train", HOURLY.name, "--source", "sample", "--as-of", "2026-09-01"]
cli.main()
"""


@pytest.mark.parametrize(
    ("script", "words"),
    [
        (EXPORT.format(room=4), "cannot write to {disk}/out"),
        (EXPORT.format(room=700), "cannot write to {disk}/out"),
        (DOCS, "cannot write to {disk}"),
        (NEW.format(room=0), "cannot write to {disk}/pipelines/features"),
        (NEW.format(room=12), "cannot write to {disk}/pipelines/features"),
        (MLFLOW, "MLflow at sqlite:///{disk}/mlflow.db cannot be used"),
        (
            TRAIN.format(step="register", room=0),
            "MLflow at sqlite:///{disk}/mlflow/mlflow.db cannot be used",
        ),
        (
            TRAIN.format(step="register", room=8),
            "MLflow at sqlite:///{disk}/mlflow/mlflow.db cannot be used",
        ),
        (
            TRAIN.format(step="register", room=24),
            "MLflow at sqlite:///{disk}/mlflow/mlflow.db cannot be used",
        ),
        (TRAIN.format(step="cache_model", room=0), "cannot write to {disk}/mlflow/verified"),
    ],
    ids=[
        "export",
        "export_late",
        "docs",
        "new",
        "new_late",
        "mlflow",
        "train",
        "train_late",
        "train_last",
        "train_copy",
    ],
)
def test_a_full_disk_is_reported_without_a_traceback(
    jobs: Jobs, tmp_path: Path, script: str, words: str
) -> None:
    disk = tmp_path / "disk"
    process = run_on(jobs, disk, 16, PREPARED + script)
    assert process.returncode == 1, process.stderr
    assert words.format(disk=disk) in process.stderr
    assert "space" in process.stderr
    assert "Traceback" not in process.stderr, process.stderr
    assert "[SQL" not in process.stderr, process.stderr
    assert "sqlalche.me" not in process.stderr, process.stderr
