"""`make check` refuses a chart with a wrong field and a Terraform file with an open bucket."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from pipelines.core.settings import ROOT

pytestmark = pytest.mark.integration

DEPLOY = ROOT / "include" / "deploy"
PYTHON = ROOT / ".venv-deploy" / "bin" / "python"


@pytest.fixture(scope="module", autouse=True)
def environment() -> None:
    """The environment of the checks, which `make check` has made already."""
    subprocess.run(["make", ".venv-deploy/.ready"], cwd=ROOT, check=True)


def check(module: str, folder: Path) -> tuple[int, str]:
    answer = subprocess.run(
        [PYTHON, "-m", f"tests.deploy.{module}", str(folder)],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return answer.returncode, answer.stderr


def copy_with(tmp_path: Path, folder: str, file: str, old: str, new: str) -> Path:
    """Copy a folder of the deployment, with a change in one file that must find its place."""
    copy = Path(shutil.copytree(DEPLOY / folder, tmp_path / folder))
    text = (copy / file).read_text()
    assert old in text, f"{old} is not in {file}"
    (copy / file).write_text(text.replace(old, new, 1))
    return copy


def test_make_check_runs_both_checks() -> None:
    plan = subprocess.run(
        ["make", "--dry-run", "--assume-new=docker-compose.yaml", "check"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    for module in ("check_chart", "check_terraform"):
        assert f"-m tests.deploy.{module}" in plan.stdout


@pytest.mark.parametrize(
    ("file", "old", "new", "complaint"),
    [
        ("templates/api.yaml", "revisionHistoryLimit: 3", "revisionsKept: 3", "revisionsKept"),
        ("templates/mlflow.yaml", "replicas: 1", 'replicas: "one"', "'one' is not of type"),
        ("templates/_helpers.tpl", "readOnlyRootFilesystem: true", "readOnlyRootFilesystem: false",
         "its root can be written"),
        ("values.yaml", "BULLION_SOURCE: sample", "BULLION_OANDA_TOKEN: abc", "propertyName"),
        ("environments/celery.yaml", "executor: CeleryExecutor", "executor: Celery", "executor"),
        ("templates/dashboard.yaml", "- {name: HOME, value: /tmp}",
         "- {name: BULLION_API_KEYS, value: abc}", "belongs into a secret"),
        ("templates/stream.yaml", "{{- end }}", "", "stream.yaml"),
    ],
    ids=["field", "type", "root", "secret", "value", "written", "template"],
)  # fmt: skip
def test_a_broken_chart_is_refused(
    tmp_path: Path, file: str, old: str, new: str, complaint: str
) -> None:
    status, problems = check("check_chart", copy_with(tmp_path, "helm", file, old, new))
    assert status != 0
    assert complaint in problems


def test_the_chart_as_it_stands_is_taken(tmp_path: Path) -> None:
    copy = Path(shutil.copytree(DEPLOY / "helm", tmp_path / "helm"))
    assert check("check_chart", copy) == (0, "")


@pytest.mark.parametrize(
    ("file", "old", "new", "complaint"),
    [
        ("bucket.tf", "block_public_acls       = true", "block_public_acls       = false",
         "CKV_AWS_53 aws_s3_bucket_public_access_block.lake"),
        ("database.tf", "var.database_class", "var.database_clas", "declared nowhere"),
    ],
    ids=["open_bucket", "undeclared"],
)  # fmt: skip
def test_a_broken_terraform_file_is_refused(
    tmp_path: Path, file: str, old: str, new: str, complaint: str
) -> None:
    status, problems = check("check_terraform", copy_with(tmp_path, "terraform", file, old, new))
    assert status != 0
    assert complaint in problems
    assert "checkov says nothing" not in problems


def test_a_folder_without_files_is_refused(tmp_path: Path) -> None:
    status, problems = check("check_terraform", tmp_path)
    assert status != 0
    assert "no Terraform files" in problems
