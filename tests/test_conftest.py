"""No test can leave the machine."""

from __future__ import annotations

import socket

import pytest

from tests.conftest import OutsideReached


def test_no_test_reaches_beyond_the_machine() -> None:
    with socket.socket() as outside, pytest.raises(OutsideReached, match=r"192\.0\.2\.1"):
        outside.connect(("192.0.2.1", 80))
