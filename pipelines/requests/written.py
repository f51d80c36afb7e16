"""How callers write numbers and times."""

from __future__ import annotations

import re

NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(E[+-]?\d+)?", re.ASCII | re.IGNORECASE)
HOW = "write a date-time with its zone, such as 2026-08-28T14:30:00Z"
