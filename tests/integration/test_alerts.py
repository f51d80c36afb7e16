"""Alerts of a real Airflow: a task that fails, and a scheduled run that is late."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.airflow_home import Airflow, wait_for
from tests.servers.listeners import Mailbox, Webhook

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

SLOW = 15  # seconds that a run takes; its deadline is much earlier
DAGS = f"""
    import time
    from datetime import UTC, datetime, timedelta

    from airflow.sdk import DeadlineAlert, dag
    from live_runs import LiveRunDue
    from wiring import LATE, step

    from pipelines.core.errors import InvalidRequest


    @step()
    def refused():
        raise InvalidRequest("the folder is empty", "put files into it")


    @step()
    def slow():
        time.sleep({SLOW})


    @dag("failing", schedule=None)
    def failing():
        refused()


    @dag(
        "late",
        schedule="0 0 * * *",
        start_date=datetime(2026, 1, 1, tzinfo=UTC),
        deadline=DeadlineAlert(LiveRunDue(), timedelta(seconds=2), LATE.callback),
    )
    def late():
        slow()


    failing()
    late()
"""


@pytest.fixture(scope="module")
def webhook() -> Iterator[Webhook]:
    with Webhook() as server:
        yield server


@pytest.fixture(scope="module")
def mailbox() -> Iterator[Mailbox]:
    with Mailbox() as server:
        yield server


@pytest.fixture(scope="module")
def alerted(
    tmp_path_factory: pytest.TempPathFactory, webhook: Webhook, mailbox: Mailbox
) -> Iterator[Airflow]:
    home: Path = tmp_path_factory.mktemp("alerted")
    (home / "dags").mkdir()
    (home / "dags" / "alerted.py").write_text(textwrap.dedent(DAGS))
    environment = {
        "AIRFLOW__CORE__DAGS_FOLDER": str(home / "dags"),
        "AIRFLOW__CORE__PARALLELISM": "4",
        "AIRFLOW__SCHEDULER__USE_JOB_SCHEDULE": "True",
        "BULLION_ALERT_WEBHOOK": webhook.url,
        "BULLION_ALERT_MAIL": "ops@example.org",
        "BULLION_SMTP": mailbox.url,
    }
    with Airflow(home, environment) as running:
        yield running
    assert running.running_pids() == []


def test_a_failed_task_is_posted_and_mailed_with_its_reason(
    alerted: Airflow, webhook: Webhook, mailbox: Mailbox
) -> None:
    run = alerted.run("failing", {})
    assert run["state"] == "failed"
    wait_for(lambda: mailbox.letters, 30, "a letter", lambda: alerted.log(run))
    [alert] = [post for post in webhook.heard if post["text"] == "failing.refused failed"]
    assert alert["run_id"] == run["dag_run_id"]
    assert "the folder is empty" in alert["reason"]
    assert alert["log_url"].startswith(alerted.url)
    assert [letter["Subject"] for letter in mailbox.letters] == ["Bullion: failing.refused failed"]


def test_only_a_scheduled_run_sends_an_alert_when_it_is_late(
    alerted: Airflow, webhook: Webhook
) -> None:
    by_hand = alerted.trigger("late", {}).json()
    backfill = alerted.backfill("late", "2026-02-03T00:00:00Z", "2026-02-04T00:00:00Z")
    assert backfill.is_success, backfill.text

    def late() -> list[dict[str, object]]:
        return [item for item in webhook.heard if "is late" in str(item["text"])]

    wait_for(late, 120, "the alert", alerted.output)
    alerted.wait_for_end(by_hand)

    def ended() -> bool:
        runs = alerted.get("/dags/late/dagRuns")["dag_runs"]
        return len(runs) >= 4 and all(item["state"] == "success" for item in runs)

    wait_for(ended, 120, "the end of all runs", alerted.output)
    run_ids = [str(item["run_id"]) for item in late()]
    assert [run.partition("__")[0] for run in run_ids] == ["scheduled"], run_ids
