"""When a scheduled run is due; backfills and manual runs have no deadline."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from airflow.plugins_manager import AirflowPlugin
from airflow.sdk.definitions.deadline import BaseDeadlineReference

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


class LiveRunDue(BaseDeadlineReference):
    """The instant from which a scheduled run can work; None, and no deadline, for other runs."""

    required_kwargs = frozenset({"dag_id", "run_id"})

    def _evaluate_with(self, *, session: Session, **which: Any) -> datetime | None:
        from airflow.models import DagRun
        from airflow.utils.types import DagRunType
        from sqlalchemy import select

        dag_run = session.scalar(select(DagRun).filter_by(**which))
        if dag_run is None or dag_run.run_type != DagRunType.SCHEDULED:
            return None
        # A run that was created late, as after a night without Airflow, has its full time too.
        return max(at for at in (dag_run.run_after, dag_run.queued_at) if at is not None)


class LiveRunsPlugin(AirflowPlugin):
    """Makes the reference known to every component."""

    name = "live_runs"
    deadline_references = (LiveRunDue,)
