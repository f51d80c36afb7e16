"""When a scheduled run is due. Backfills and runs triggered by hand are never late."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from airflow.plugins_manager import AirflowPlugin
from airflow.sdk.definitions.deadline import BaseDeadlineReference

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


class LiveRunDue(BaseDeadlineReference):
    """The moment from which a scheduled run can be at work: no deadline for any other run."""

    required_kwargs = frozenset({"dag_id", "run_id"})

    def _evaluate_with(self, *, session: Session, **keys: Any) -> datetime | None:
        from airflow.models import DagRun
        from airflow.utils.types import DagRunType
        from sqlalchemy import select

        run = session.scalar(select(DagRun).filter_by(**keys))
        if run is None or run.run_type != DagRunType.SCHEDULED:
            return None
        # A run that was queued late, as after a night without Airflow, has its full time too.
        return max(time for time in (run.run_after, run.queued_at) if time is not None)


class LiveRunsPlugin(AirflowPlugin):
    """Makes the reference known to every component."""

    name = "live_runs"
    deadline_references = (LiveRunDue,)
