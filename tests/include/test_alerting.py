"""Alerts: what is posted, what is mailed, and that an alert never fails a task."""

from __future__ import annotations

import pytest

from include.alerting import report_late_run, send_alert
from tests.servers.listeners import Mailbox, Webhook


@pytest.fixture
def webhook(monkeypatch: pytest.MonkeyPatch) -> Webhook:
    with Webhook() as server:
        monkeypatch.setenv("BULLION_ALERT_WEBHOOK", server.url)
        yield server


def test_an_alert_is_posted_as_json(webhook: Webhook) -> None:
    send_alert("a.b failed", {"reason": 'the "source" is\ndown'})
    assert webhook.heard == [{"text": "a.b failed", "reason": 'the "source" is\ndown'}]


def test_an_alert_is_mailed(monkeypatch: pytest.MonkeyPatch) -> None:
    with Mailbox() as box:
        monkeypatch.setenv("BULLION_ALERT_MAIL", "ops@example.org")
        monkeypatch.setenv("BULLION_SMTP", box.url)
        send_alert("a.b failed\nagain", {"reason": "the source is down"})
    [letter] = box.letters
    assert letter["Subject"] == "Bullion: a.b failed again"
    assert letter["To"] == "ops@example.org"
    assert "reason: the source is down" in letter.get_payload()


def test_a_late_run_is_reported_with_its_deadline(webhook: Webhook) -> None:
    run = {"dag_id": "score", "dag_run_id": "r", "state": "running", "data_interval_end": "15:30"}
    report_late_run({"dag_run": run, "deadline": {"id": "1", "deadline_time": "15:36"}})
    [message] = webhook.heard
    assert message["text"] == "score is late: no success by 15:36"
    assert message["run_id"] == "r"


@pytest.mark.parametrize("setting", ["BULLION_ALERT_WEBHOOK", "BULLION_SMTP"])
def test_what_cannot_be_sent_is_logged_and_hides_the_password(
    setting: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    scheme = "http" if "WEBHOOK" in setting else "smtp"
    monkeypatch.setenv(setting, f"{scheme}://me:secret@127.0.0.1:1")
    monkeypatch.setenv("BULLION_ALERT_MAIL", "ops@example.org")
    send_alert("a.b failed", {})
    assert "'a.b failed' could not be sent" in caplog.text
    assert "secret" not in caplog.text


def test_nothing_is_sent_unless_it_is_asked_for(
    webhook: Webhook, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delenv("BULLION_ALERT_WEBHOOK")
    send_alert("a.b failed", {})
    assert webhook.heard == []
    assert caplog.text == ""
