"""Telling people that a task failed: a POST to BULLION_ALERT_WEBHOOK, where one is set."""

from __future__ import annotations

import json
import logging
import urllib.error
import urllib.request
from typing import Any

from pipelines.settings import settings

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


def tell(text: str, more: dict[str, Any]) -> None:
    """Post one message. That it cannot be posted is logged, and no reason to fail besides."""
    address = settings().alert_webhook
    if not address:
        return
    body = json.dumps({"text": text} | more).encode()
    request = urllib.request.Request(  # noqa: S310 - settings allow http and https alone
        address, body, {"Content-Type": "application/json"}
    )
    try:
        urllib.request.urlopen(request, timeout=PATIENCE).close()  # noqa: S310
    except (OSError, urllib.error.HTTPError) as error:
        log.warning("the alert %r could not be posted: %s", text, error)
