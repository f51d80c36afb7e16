"""What runs: the processes of each part, and the environment that each part sees."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from include.services.settings import HOST, Services
from pipelines.core.settings import ROOT, Settings, redacted

PARTS = ("mlflow", "api", "pages", "airflow")
SECRET = re.compile(r"PASSWORD|SECRET|TOKEN|CREDENTIAL|WEBHOOK|_KEYS?(_|$)", re.IGNORECASE)
# The secrets of the outer environment that a part is given. Airflow's tasks ask sources, which
# may have keys of any name, so that Airflow is given all but those of the others.
NEEDED = {
    "api": {
        "BULLION_API_KEYS", "BULLION_LAKE_CATALOG",
        "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN",
    },
    "mlflow": set[str](),
    "pages": set[str](),
}  # fmt: skip
OTHERS = {"BULLION_API_KEYS"}


@dataclass(frozen=True)
class Process:
    """One process that the supervisor keeps running."""

    name: str
    part: str
    command: tuple[str, ...]


def processes(chosen: Services) -> tuple[Process, ...]:
    """Every process, in the order in which they start."""
    python, mlflow = sys.executable, chosen.folder("mlflow")
    airflow = (python, "-m", "airflow")
    return (
        Process(
            "mlflow",
            "mlflow",
            (
                python, "-m", "mlflow", "server",
                "--host", HOST, "--port", str(chosen.mlflow_port), "--workers", "1",
                "--backend-store-uri", f"sqlite:///{mlflow / 'mlflow.db'}",
                # Files, not a proxy's addresses: `bullion` reads them without a server too.
                "--default-artifact-root", (mlflow / "artifacts").as_uri(),
                "--artifacts-destination", (mlflow / "artifacts").as_uri(),
                "--allowed-hosts", f"{HOST}:*,localhost:*",
            ),
        ),
        Process("api", "api", (python, "-m", "serving")),
        Process("pages", "pages", (python, "-m", "include.services.pages")),
        # Port 8793 on all addresses would be opened for the logs otherwise.
        Process("airflow-scheduler", "airflow", (*airflow, "scheduler", "--skip-serve-logs")),
        Process("airflow-dag-processor", "airflow", (*airflow, "dag-processor")),
        Process("airflow-api-server", "airflow", (*airflow, "api-server")),
    )  # fmt: skip


def environment_of(
    part: str, chosen: Services, outer: Mapping[str, str] = os.environ
) -> dict[str, str]:
    """What the processes of one part see: the common variables, and no secret but their own."""
    seen = environment(chosen, outer)
    if part != "airflow":
        return {k: v for k, v in seen.items() if k in NEEDED[part] or not is_secret(k, v)}
    options = {f"AIRFLOW__{name}": value for name, value in airflow_options(chosen).items()}
    home = {"AIRFLOW_HOME": str(chosen.folder("airflow"))}
    return {k: v for k, v in seen.items() if k not in OTHERS} | home | options


def is_secret(name: str, value: str) -> bool:
    """By the name of a variable, or by a password in its value."""
    return bool(SECRET.search(name)) or redacted(value) != value


def environment(chosen: Services, outer: Mapping[str, str] = os.environ) -> dict[str, str]:
    """What is common to all. What was set for another Airflow or MLflow is left out."""
    home = chosen.home.absolute()
    kept = {k: v for k, v in outer.items() if not k.startswith(("AIRFLOW", "MLFLOW_"))}
    loopback = ",".join(filter(None, [kept.get("NO_PROXY"), HOST, "localhost"]))
    return {
        "BULLION_LAKE_CATALOG": f"sqlite:{home / 'catalog.sqlite'}",
        "BULLION_LAKE_DATA": str(home / "files"),
        **kept,
        **{name: str(port) for name, port in chosen.ports.items()},
        "BULLION_HOME": str(home),
        "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), kept.get("PYTHONPATH")])),
        "PYTHONUNBUFFERED": "1",
        "NO_PROXY": loopback,
        "no_proxy": loopback,
        "MLFLOW_TRACKING_URI": chosen.url("mlflow"),
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    }


def airflow_options(chosen: Services) -> dict[str, str]:
    """What differs from Airflow's own defaults."""
    home, url = chosen.folder("airflow"), chosen.url("airflow")
    return {
        "CORE__DAGS_FOLDER": str(ROOT / "dags"),
        "CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
        "CORE__LOAD_EXAMPLES": "False",
        "CORE__EXECUTOR": "LocalExecutor",
        "CORE__PARALLELISM": "4",
        "CORE__SIMPLE_AUTH_MANAGER_USERS": "admin:admin",
        "CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(home / "passwords.json"),
        "CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
        "CORE__FERNET_KEY": chosen.secrets["fernet_key"],
        "DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home / 'airflow.db'}",
        "API__HOST": HOST,
        "API__PORT": str(chosen.airflow_port),
        "API__BASE_URL": url,
        "API__WORKERS": "1",
        "API__ENABLE_SWAGGER_UI": "False",
        "API__EXPOSE_CONFIG": "False",
        "API__INSTANCE_NAME": "Bullion",
        "API__SECRET_KEY": chosen.secrets["api_secret"],
        "API_AUTH__JWT_SECRET": chosen.secrets["jwt_secret"],
        "SCHEDULER__ENABLE_HEALTH_CHECK": "False",
        # A process that was killed is noticed, and its task tried again, within 90 s.
        "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "30",
        "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "5",
        "SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "10",
        "LOGGING__BASE_LOG_FOLDER": str(chosen.folder("logs") / "tasks"),
        "LOGGING__DAG_PROCESSOR_LOG_TARGET": "stdout",
    }


def lake_folder(outer: Mapping[str, str] = os.environ) -> Path:
    """Where the pages lie: beside a SQLite catalog; for one on a server, in data_lake."""
    kind, _, place = Settings().lake_catalog.partition(":")
    return Path(place).absolute().parent if kind == "sqlite" else ROOT / "data_lake"
