"""How often a law is tried on made-up cases."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import settings

TIMES = int(os.environ.get("BULLION_TEST_TIMES", "1"))


def law(count: int, **more: Any) -> Callable[[Any], Any]:
    """A law, tried on `count` cases in `make test`, on twenty times as many in `make torture`."""
    once = settings(max_examples=count * TIMES, deadline=None, **more)
    return lambda test: pytest.mark.law(once(test))
