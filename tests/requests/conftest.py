"""What the tests of requests share with those of the API."""

from __future__ import annotations

from tests.serving.conftest import folder, lake

__all__ = ["folder", "lake"]
