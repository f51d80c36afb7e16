"""What the README prints can be typed: targets, commands with their options, routes, links."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from typer.main import get_command

from pipelines.cli import (  # noqa: F401
    backtest,
    forecasts,
    lake,
    models,
    new,
    news,
    predict,
    sentiment,
)
from pipelines.cli.app import app
from pipelines.core.settings import ROOT, Settings
from pipelines.sources import SOURCES
from serving.app import create_app
from tests import empty_lake

PAGES = ["README.md", "CONTRIBUTING.md", "data_lake/README.md", "include/troubleshooting.md",
         "include/scaffolds/README.md", "include/deploy/README.md", "include/glossary.md",
         "include/one_bar.md", "include/universes/README.md"]  # fmt: skip
README = (ROOT / "README.md").read_text()
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def blocks(language: str = "") -> list[str]:
    texts: list[str] = re.findall(
        rf"^ *```{language}\n(.*?)^ *```$", README, re.DOTALL | re.MULTILINE
    )
    return texts


def lines() -> Iterator[str]:
    """Each command of the fenced blocks, with its continued lines."""
    for block in blocks():
        for line in re.sub(r"\\\n\s*", "", block).splitlines():
            yield line.strip().removeprefix("$ ")


BULLION = sorted({line for line in lines() if line.startswith(".venv/bin/bullion ")})
CALLS = sorted(set(re.findall(r"(?:http|ws)://127\.0\.0\.1:8000(/[^\s'\"`]*)", README)))


@pytest.mark.parametrize("page", PAGES)
def test_every_target_and_link_of_a_page_is_there(page: str) -> None:
    text = (ROOT / page).read_text()
    named = set(re.findall(r"`(?:[A-Z_]+=\S+ )?make ([a-z-]+)", text))
    named |= set(re.findall(r"^(?:    )?make ([a-z-]+)", text, re.MULTILINE))
    assert named <= TARGETS
    for link in re.findall(r"\]\((?!https?://)([^)#]+)", text):
        assert (ROOT / page).parent.joinpath(link).exists(), link


def test_there_are_commands_enough() -> None:
    assert len(BULLION) >= 7
    assert len(CALLS) >= 4


@pytest.mark.parametrize("line", BULLION)
def test_a_command_is_one_with_these_options(line: str) -> None:
    words = shlex.split(line)[1:]
    command: Any = get_command(app)
    while hasattr(command, "commands"):
        command = command.commands[words.pop(0)]
    command.make_context("bullion", words)  # which refuses an option that there is not


@pytest.mark.parametrize("call", CALLS)
def test_an_address_is_a_route(call: str) -> None:
    address = urlsplit(call).path
    paths = [getattr(route, "path", "") for route in create_app().routes]
    assert any(re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", path), address) for path in paths)


def test_python_runs_as_it_is_printed(lake_settings: Settings) -> None:
    empty_lake.create_lake(lake_settings).close()
    [query, api] = blocks("python")
    variables: dict[str, Any] = {}
    exec(query, variables)
    assert list(variables["signals"].columns[:2]) == ["forecast", "source"]
    compile(api, "README", "exec")


def test_the_call_that_triggers_a_dag_asks_for_what_its_form_has() -> None:
    [call] = [line for line in lines() if "dagRuns" in line]
    words = shlex.split(call)
    form = json.loads(words[words.index("-d") + 1])["conf"]
    wiring = (ROOT / "plugins" / "wiring.py").read_text()
    assert form
    assert all(f'"{name}": Param(' in wiring for name in form)


def test_the_picture_shows_the_sources_and_the_dags_that_there_are() -> None:
    picture = blocks()[0]
    assert "bronze" in picture
    drawn = re.findall(r"^│ (\w+) +│", picture, re.MULTILINE)
    assert len(drawn) >= 3
    assert set(drawn) <= set(SOURCES)
    for file in (ROOT / "dags").glob("*_forecast.py"):
        assert file.stem.partition("_")[0] in picture, file.name
