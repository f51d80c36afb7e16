"""Trainings without pictures: tests/registry/test_runs.py checks that they are logged."""

from __future__ import annotations

import pytest


@pytest.fixture(scope="module", autouse=True)
def _trained_without_pictures(without_pictures: None) -> None:
    """Leave out the pictures, which take half of a small training."""
