"""A scheduled run is due once it can work; other runs have no deadline."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import create_engine
from sqlalchemy.orm import Session

RUN_AFTER = datetime(2026, 9, 1, 15, 31, tzinfo=UTC)
LATER = RUN_AFTER + timedelta(hours=8)


@pytest.fixture(scope="module")
def session() -> Iterator[Session]:
    """A database with Airflow's table of runs."""
    from airflow.models import DagRun
    from airflow.models.tasklog import LogTemplate

    engine = create_engine("sqlite://")
    DagRun.metadata.create_all(engine, tables=[DagRun.__table__, LogTemplate.__table__])
    with Session(engine) as session:
        yield session


def due(session: Session, run_type: str, queued_at: datetime | None) -> Any:
    """Add a run to the database; return when it is due."""
    from airflow.models import DagRun
    from live_runs import LiveRunDue

    run_id = str(uuid4())
    run = DagRun("score", run_id, run_type=run_type, run_after=RUN_AFTER, queued_at=queued_at)
    session.add(run)
    session.flush()
    return LiveRunDue()._evaluate_with(session=session, dag_id="score", run_id=run_id)


@pytest.mark.parametrize(
    ("queued_at", "due_at"), [(None, RUN_AFTER), (RUN_AFTER, RUN_AFTER), (LATER, LATER)]
)
def test_a_scheduled_run_is_due_when_it_can_begin(
    session: Session, queued_at: datetime | None, due_at: datetime
) -> None:
    assert due(session, "scheduled", queued_at) == due_at


@pytest.mark.parametrize("run_type", ["backfill", "manual", "asset_triggered"])
def test_another_run_has_no_deadline(session: Session, run_type: str) -> None:
    assert due(session, run_type, RUN_AFTER) is None


def test_a_run_that_does_not_exist_has_no_deadline(session: Session) -> None:
    from live_runs import LiveRunDue

    reference = LiveRunDue()
    assert reference._evaluate_with(session=session, dag_id="score", run_id="deleted") is None


def test_airflow_knows_the_reference_as_a_plugin() -> None:
    from live_runs import LiveRunDue, LiveRunsPlugin

    assert LiveRunsPlugin.deadline_references == (LiveRunDue,)
