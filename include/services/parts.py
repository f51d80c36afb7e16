"""The processes of each part, and the environment that each part sees."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from include.services.settings import HOST, Services
from pipelines.core.settings import ROOT, Settings, redacted

PARTS = ("dashboard", "api", "airflow", "mlflow", "pages")
STREAM = "stream"  # a part that runs where it was asked for; it listens on no port
SECRET = re.compile(r"PASSWORD|SECRET|TOKEN|CREDENTIAL|WEBHOOK|_KEYS?(_|$)", re.IGNORECASE)
# The secrets of the outer environment that a part gets. Airflow's tasks call sources, which may
# have keys of any name, so Airflow gets all secrets but those of the other parts.
SECRETS_OF = {
    "api": {
        "BULLION_API_KEYS", "BULLION_LAKE_CATALOG",
        "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN",
    },
    "dashboard": {"BULLION_DASHBOARD_KEY"},
    STREAM: {
        "BULLION_OANDA_TOKEN", "BULLION_AIRFLOW_PASSWORD", "BULLION_LAKE_CATALOG",
        "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN",
    },
    "mlflow": set[str](),
    "pages": set[str](),
}  # fmt: skip
HIDDEN_FROM_AIRFLOW = {"BULLION_API_KEYS", "BULLION_DASHBOARD_KEY"}


@dataclass(frozen=True)
class Process:
    """One process that the supervisor keeps running."""

    name: str
    part: str
    command: tuple[str, ...]


def processes(config: Services) -> tuple[Process, ...]:
    """Return every process, in the order in which they start."""
    python, mlflow = sys.executable, config.folder("mlflow")
    airflow = (python, "-m", "airflow")
    return (
        Process(
            "mlflow",
            "mlflow",
            (
                python, "-m", "mlflow", "server",
                "--host", HOST, "--port", str(config.mlflow_port), "--workers", "1",
                "--backend-store-uri", f"sqlite:///{mlflow / 'mlflow.db'}",
                # Files, not a proxy's addresses: `bullion` reads them without a server too.
                "--default-artifact-root", (mlflow / "artifacts").as_uri(),
                "--artifacts-destination", (mlflow / "artifacts").as_uri(),
                "--allowed-hosts", f"{HOST}:*,localhost:*",
            ),
        ),
        Process("api", "api", (python, "-m", "serving")),
        Process("dashboard", "dashboard", (python, "-m", "dashboard")),
        Process("pages", "pages", (python, "-m", "include.services.report_files")),
        # Port 8793 on all addresses would be opened for the logs otherwise.
        Process("airflow-scheduler", "airflow", (*airflow, "scheduler", "--skip-serve-logs")),
        Process("airflow-dag-processor", "airflow", (*airflow, "dag-processor")),
        Process("airflow-api-server", "airflow", (*airflow, "api-server")),
        *(
            [Process(STREAM, STREAM, (python, "-m", "pipelines.cli", "stream", "--source", name))]
            if (name := config.stream)
            else []
        ),
    )  # fmt: skip


def environment_of(
    part: str, config: Services, outer: Mapping[str, str] = os.environ
) -> dict[str, str]:
    """Return the environment of a part: the common variables, and no secrets but its own."""
    variables = environment(config, outer)
    if part == STREAM:  # it tells Airflow of each closed minute
        variables["BULLION_AIRFLOW_URL"] = config.url("airflow")
        variables["BULLION_AIRFLOW_PASSWORD"] = config.secrets["admin"]
    if part != "airflow":
        return {k: v for k, v in variables.items() if k in SECRETS_OF[part] or not is_secret(k, v)}
    options = {f"AIRFLOW__{name}": value for name, value in airflow_options(config).items()}
    home = {"AIRFLOW_HOME": str(config.folder("airflow"))}
    return {k: v for k, v in variables.items() if k not in HIDDEN_FROM_AIRFLOW} | home | options


def is_secret(name: str, value: str) -> bool:
    """Whether a variable is secret: by its name, or by a password in its value."""
    return bool(SECRET.search(name)) or redacted(value) != value


def environment(config: Services, outer: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the variables of all parts. Those for another Airflow or MLflow are left out."""
    home = config.home.absolute()
    inherited = {k: v for k, v in outer.items() if not k.startswith(("AIRFLOW", "MLFLOW_"))}
    loopback = ",".join(filter(None, [inherited.get("NO_PROXY"), HOST, "localhost"]))
    return {
        "BULLION_LAKE_CATALOG": f"sqlite:{home / 'catalog.sqlite'}",
        "BULLION_LAKE_DATA": str(home / "files"),
        "BULLION_DASHBOARD_API": config.url("api"),
        "BULLION_DASHBOARD_AIRFLOW": config.url("airflow"),
        "BULLION_DASHBOARD_MLFLOW": config.url("mlflow"),
        "BULLION_DASHBOARD_REPORTS": config.url("pages"),
        **inherited,
        **{name: str(port) for name, port in config.ports.items()},
        "BULLION_HOME": str(home),
        "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), inherited.get("PYTHONPATH")])),
        "PYTHONUNBUFFERED": "1",
        "NO_PROXY": loopback,
        "no_proxy": loopback,
        "MLFLOW_TRACKING_URI": config.url("mlflow"),
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    }


def airflow_options(config: Services) -> dict[str, str]:
    """Return the options that differ from Airflow's own defaults."""
    home, url = config.folder("airflow"), config.url("airflow")
    return {
        "CORE__DAGS_FOLDER": str(ROOT / "dags"),
        "CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
        "CORE__LOAD_EXAMPLES": "False",
        "CORE__EXECUTOR": "LocalExecutor",
        "CORE__PARALLELISM": "4",
        "CORE__SIMPLE_AUTH_MANAGER_USERS": "admin:admin",
        "CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(home / "passwords.json"),
        "CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
        "CORE__FERNET_KEY": config.secrets["fernet_key"],
        "DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home / 'airflow.db'}",
        "API__HOST": HOST,
        "API__PORT": str(config.airflow_port),
        "API__BASE_URL": url,
        "API__WORKERS": "1",
        "API__ENABLE_SWAGGER_UI": "False",
        "API__EXPOSE_CONFIG": "False",
        "API__INSTANCE_NAME": "Bullion",
        "API__SECRET_KEY": config.secrets["api_secret"],
        "API_AUTH__JWT_SECRET": config.secrets["jwt_secret"],
        "SCHEDULER__ENABLE_HEALTH_CHECK": "False",
        # A process that was killed is noticed, and its task tried again, within 90 s.
        "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "30",
        "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "5",
        "SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "10",
        "LOGGING__BASE_LOG_FOLDER": str(config.folder("logs") / "tasks"),
        "LOGGING__DAG_PROCESSOR_LOG_TARGET": "stdout",
        # Events of lineage are sent where a transport is named, and nowhere by default.
        "OPENLINEAGE__TRANSPORT": config.lineage,
        "OPENLINEAGE__EXTRACTORS": "include.lineage_events.LakeLineage",
    }


def lake_folder(outer: Mapping[str, str] = os.environ) -> Path:
    """Return the folder of the pages: beside a SQLite catalog; for one on a server, data_lake."""
    kind, _, place = Settings().lake_catalog.partition(":")
    return Path(place).absolute().parent if kind == "sqlite" else ROOT / "data_lake"
