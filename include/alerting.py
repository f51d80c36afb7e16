"""Telling people of failures and late signals, by webhook and by mail.

BULLION_ALERT_WEBHOOK and BULLION_ALERT_MAIL say where to. What cannot be sent is logged, and is no
reason to fail besides.
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


def tell_failure(context: Any) -> None:
    """Say which task failed, of which run, and why; with the address of its log."""
    one = context["task_instance"]
    tell(
        f"{one.dag_id}.{one.task_id} failed",
        {
            "dag_id": one.dag_id,
            "task_id": one.task_id,
            "run_id": one.run_id,
            "try_number": one.try_number,
            "reason": str(context.get("exception") or ""),
            "log_url": one.log_url,
        },
    )


def tell_late(context: Any) -> None:
    """Say that a scheduled run had no success by its deadline."""
    run, due = context["dag_run"], context["deadline"]["deadline_time"]
    tell(
        f"{run['dag_id']} is late: no success by {due}",
        {
            "dag_id": run["dag_id"],
            "run_id": run["dag_run_id"],
            "state": run["state"],
            "deadline": str(due),
            "data_interval_end": run["data_interval_end"],
        },
    )


def tell(text: str, more: dict[str, Any]) -> None:
    """Send one message to wherever the settings say."""
    to = settings()
    if to.alert_webhook:
        _attempt(text, _post, to.alert_webhook, text, more)
    if to.alert_mail and to.smtp:
        _attempt(text, _mail, to.smtp, to.alert_mail, text, more)


def _attempt(text: str, send: Any, *arguments: Any) -> None:
    try:
        send(*arguments)
    except (OSError, smtplib.SMTPException, ValueError) as error:
        log.warning("the alert %r could not be sent: %s", text, redacted(str(error)))


def _post(address: str, text: str, more: dict[str, Any]) -> None:
    body = json.dumps({"text": text} | more).encode()
    request = urllib.request.Request(  # noqa: S310 - settings allow http and https alone
        address, body, {"Content-Type": "application/json"}
    )
    urllib.request.urlopen(request, timeout=PATIENCE).close()  # noqa: S310


def _mail(server: str, to: str, text: str, more: dict[str, Any]) -> None:
    letter = EmailMessage()
    letter["Subject"] = f"Bullion: {' '.join(text.split())}"
    letter["From"], letter["To"] = to, to
    letter.set_content("\n".join(f"{name}: {value}" for name, value in more.items()))
    place = urlsplit(server)
    made = smtplib.SMTP_SSL if place.scheme == "smtps" else smtplib.SMTP
    with made(place.hostname or "", place.port or 0, timeout=PATIENCE) as post:
        post.ehlo()
        if place.scheme == "smtp" and post.has_extn("starttls"):
            post.starttls()
        if place.username:
            post.login(unquote(place.username), unquote(place.password or ""))
        post.send_message(letter)
