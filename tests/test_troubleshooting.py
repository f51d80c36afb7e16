"""The page of messages quotes messages that there are."""

from __future__ import annotations

import re
from functools import cache

import pytest

from pipelines.core.settings import ROOT

PAGE = (ROOT / "include" / "troubleshooting.md").read_text()
HEADINGS = re.findall(r"^### (.*)$", PAGE, re.MULTILINE)
MESSAGES = [
    text.replace("``", "`")
    for heading in HEADINGS
    for text in re.findall(r"`((?:[^`]|`make up`)+)`", heading)
]


@cache
def code() -> str:
    """All that is said anywhere, with strings that go over several lines in one."""
    folders = ("pipelines", "serving", "include", "plugins")
    files = [file for folder in folders for file in (ROOT / folder).rglob("*.py")]
    text = "\n".join(file.read_text() for file in files)
    return re.sub(r'"\s*\n\s*f?"', "", text)


def test_the_page_has_messages_enough() -> None:
    assert len(MESSAGES) >= 15


@pytest.mark.parametrize("message", MESSAGES)
def test_a_message_of_the_page_is_said_somewhere(message: str) -> None:
    parts = re.split(r"2026-09-01T14:30|true", message.removeprefix("stale: "))
    assert all(part in code() for part in parts)
