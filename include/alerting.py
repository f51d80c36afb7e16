"""Send alerts about failures and late signals, by webhook and by mail.

BULLION_ALERT_WEBHOOK and BULLION_ALERT_MAIL say where to. An alert that cannot be sent is logged,
and makes nothing else fail.
"""

from __future__ import annotations

import json
import logging
import smtplib
import urllib.request
from email.message import EmailMessage
from typing import Any
from urllib.parse import unquote, urlsplit

from pipelines.core.settings import redacted, settings

log = logging.getLogger(__name__)
PATIENCE = 10.0  # seconds


def report_failure(context: Any) -> None:
    """Report which task failed, of which run, and why; with the address of its log."""
    task = context["task_instance"]
    send_alert(
        f"{task.dag_id}.{task.task_id} failed",
        {
            "dag_id": task.dag_id,
            "task_id": task.task_id,
            "run_id": task.run_id,
            "try_number": task.try_number,
            "reason": str(context.get("exception") or ""),
            "log_url": task.log_url,
        },
    )


def report_late_run(context: Any) -> None:
    """Report that a scheduled run had no success by its deadline."""
    run, due = context["dag_run"], context["deadline"]["deadline_time"]
    send_alert(
        f"{run['dag_id']} is late: no success by {due}",
        {
            "dag_id": run["dag_id"],
            "run_id": run["dag_run_id"],
            "state": run["state"],
            "deadline": str(due),
            "data_interval_end": run["data_interval_end"],
        },
    )


def send_alert(text: str, details: dict[str, Any]) -> None:
    """Send one message to wherever the settings say."""
    config = settings()
    if config.alert_webhook:
        _attempt(text, _post, config.alert_webhook, text, details)
    if config.alert_mail and config.smtp:
        _attempt(text, _mail, config.smtp, config.alert_mail, text, details)


def _attempt(text: str, send: Any, *arguments: Any) -> None:
    try:
        send(*arguments)
    except (OSError, smtplib.SMTPException, ValueError) as error:
        log.warning("the alert %r could not be sent: %s", text, redacted(str(error)))


def _post(address: str, text: str, details: dict[str, Any]) -> None:
    body = json.dumps({"text": text} | details).encode()
    request = urllib.request.Request(  # noqa: S310 - settings allow http and https alone
        address, body, {"Content-Type": "application/json"}
    )
    urllib.request.urlopen(request, timeout=PATIENCE).close()  # noqa: S310


def _mail(server: str, address: str, text: str, details: dict[str, Any]) -> None:
    letter = EmailMessage()
    letter["Subject"] = f"Bullion: {' '.join(text.split())}"
    letter["From"], letter["To"] = address, address
    letter.set_content("\n".join(f"{name}: {value}" for name, value in details.items()))
    place = urlsplit(server)
    connect = smtplib.SMTP_SSL if place.scheme == "smtps" else smtplib.SMTP
    with connect(place.hostname or "", place.port or 0, timeout=PATIENCE) as post:
        post.ehlo()
        if place.scheme == "smtp" and post.has_extn("starttls"):
            post.starttls()
        if place.username:
            post.login(unquote(place.username), unquote(place.password or ""))
        post.send_message(letter)
