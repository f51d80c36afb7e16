"""Keep the lake small and sound: compact it, then check every file against its checksum.

Inlined rows move to files, small files are rewritten, snapshots older than a week expire (except
those of retained models), and files that no snapshot needs are removed. Readers and writers can
work meanwhile.
"""

from datetime import UTC, datetime

from airflow.sdk import dag
from wiring import step


@step(minutes=120)
def compact(dag_run=None):
    """Flush inlined rows, rewrite small files, expire old snapshots, remove orphans."""
    from pipelines import jobs

    return jobs.compact(dag_run.run_id)


@step(minutes=120)
def verify(dag_run=None):
    """Check every file against its recorded SHA-256; a damaged one fails the task by name."""
    from pipelines import jobs

    return jobs.verify(dag_run.run_id)


@dag(
    "lake_maintenance",
    schedule="30 7 * * *",
    start_date=datetime(2015, 1, 1, tzinfo=UTC),
    max_active_runs=1,
    doc_md=__doc__,
    tags=["lake"],
)
def lake_maintenance():
    compact() >> verify()


lake_maintenance()
