"""Prove published numbers anew, every week: an audit of the lake as it is.

Some hundred published rows are drawn at random, by a seed that the log names. Their features are
recomputed on a history that ends at their bar's close, the rows are derived again from the raw
answers and by the path of the API, the newest features are computed in one go, and every commit of
live rows is held against the clock. The results are in `gold.audits`. A row that differs fails the
task by name, and sends the alert.
"""

from datetime import UTC, datetime

from airflow.sdk import dag
from wiring import step


@step(minutes=60, nice=10)
def audit(dag_run=None):
    """Draw published rows, and prove each of them anew; a difference fails the task by name."""
    from pipelines import jobs

    return jobs.audit(dag_run.run_id)


@dag(
    "audit_lake",
    schedule="0 9 * * 6",
    start_date=datetime(2015, 1, 1, tzinfo=UTC),
    max_active_runs=1,
    doc_md=__doc__,
    tags=["lake"],
)
def audit_lake():
    audit()


audit_lake()
