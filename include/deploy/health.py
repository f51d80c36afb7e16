"""Check that an address answers: python -m include.deploy.health URL [FIELD ...]

For the health checks of images that carry no curl. A key of BULLION_API_KEYS is sent along. Each
FIELD names a part of the JSON answer whose `status` must be `healthy`.
"""

from __future__ import annotations

import json
import os
import sys
import urllib.error
import urllib.request

WITHIN = 5.0  # seconds


def trouble(url: str, fields: list[str]) -> str:
    """Return why the address is not well; an empty string when it is."""
    key = os.environ.get("BULLION_API_KEYS", "").split(",")[0].strip()
    request = urllib.request.Request(url, headers={"X-API-Key": key} if key else {})  # noqa: S310
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=WITHIN) as answer:
            body = answer.read()
        health = json.loads(body) if fields else {}
        return ", ".join(f for f in fields if health.get(f, {}).get("status") != "healthy")
    except (OSError, ValueError) as error:
        return str(error)


if __name__ == "__main__":
    if message := trouble(sys.argv[1], sys.argv[2:]):
        sys.exit(f"{sys.argv[1]}: {message}")
