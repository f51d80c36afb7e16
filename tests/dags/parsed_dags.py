"""What the DAG files declare, read in a process of its own as Airflow reads them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted((ROOT / "dags").glob("*.py"))
PLUGINS = ROOT / "plugins"
# What Airflow itself imports for any DAG is not our doing, so it is done first.
PARSE = """
import json, runpy, sys
from airflow.sdk import DAG, Param, dag, task
from airflow.sdk.exceptions import AirflowFailException

DAG("baseline", schedule=None)
before, declared, touched = set(sys.modules), [], []
make = DAG.__init__
def record(self, *args, **kwargs):
    declared.append(self)
    make(self, *args, **kwargs)

DAG.__init__ = record
outside = ("socket.connect", "sqlite3.connect", "subprocess.Popen")
sys.addaudithook(lambda event, _: event in outside and touched.append(event))
for path in sys.argv[1:]:
    runpy.run_path(path)
dags = {
    d.dag_id: {
        "doc_md": d.doc_md, "tags": sorted(d.tags), "catchup": d.catchup,
        "start": d.start_date.isoformat(), "runs": d.max_active_runs,
        "deadline": bool(d.deadline),
        "schedule": d.schedule if isinstance(d.schedule, str)
        else getattr(d.timetable, "description", "") or getattr(d.timetable, "expression", ""),
        "params": {name: d.params.get_param(name).serialize() for name in d.params},
        "tasks": [
            {
                "name": t.task_id, "next": sorted(t.downstream_task_ids),
                "rule": t.trigger_rule.value,
                "owner": t.owner, "doc_md": t.doc_md, "retries": t.retries,
                "retry_delay": t.retry_delay.total_seconds(),
                "backoff": t.retry_exponential_backoff,
                "mapped": getattr(t, "op_kwargs_expand_input", None)
                and [*getattr(t.op_kwargs_expand_input.value.get("target"), "value",
                              t.op_kwargs_expand_input.value.get("target") or ())],
                "at_once": getattr(t, "max_active_tis_per_dagrun", None),
                "empty": type(t).__name__ == "EmptyOperator",
                "waits": t.depends_on_past and t.wait_for_downstream,
                "failure": bool(t.on_failure_callback),
                "timeout": t.execution_timeout and t.execution_timeout.total_seconds(),
            }
            for t in d.tasks
        ],
    }
    for d in declared
}
imported = sorted({module.partition(".")[0] for module in set(sys.modules) - before})
print(json.dumps({"dags": dags, "imported": imported, "touched": touched}))
"""


def parse_dags(home: Path, before: str = "") -> dict[str, Any]:
    """Return the DAGs with their tasks, the modules imported and the calls to the outside.

    `before` is code that runs before the files are read.
    """
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("AIRFLOW", "BULLION_"))}
    process = subprocess.run(
        [sys.executable, "-c", before + PARSE, *map(str, FILES)],
        cwd=home,
        env=inherited | {"AIRFLOW_HOME": str(home), "PYTHONPATH": f"{ROOT}{os.pathsep}{PLUGINS}"},
        capture_output=True,
        text=True,
    )
    assert process.returncode == 0, process.stderr
    summary: dict[str, Any] = json.loads(process.stdout.splitlines()[-1])
    return summary


def list_steps(dag: dict[str, Any]) -> dict[str, list[str]]:
    """Return the tasks of a DAG, each with the tasks that follow it directly."""
    return {task["name"]: task["next"] for task in dag["tasks"]}
