"""When the run of a schedule is due. Backfills and runs asked for by hand never are."""

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

    def _evaluate_with(self, *, session: Session, **which: Any) -> datetime | None:
        from airflow.models import DagRun
        from airflow.utils.types import DagRunType
        from sqlalchemy import select

        found = session.scalar(select(DagRun).filter_by(**which))
        if found is None or found.run_type != DagRunType.SCHEDULED:
            return None
        # A run that was made late, as after a night without Airflow, is given its time too.
        return max(one for one in (found.run_after, found.queued_at) if one is not None)


class LiveRunsPlugin(AirflowPlugin):
    """Makes the reference known to every component."""

    name = "live_runs"
    deadline_references = (LiveRunDue,)
