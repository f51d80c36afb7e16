"""The one table of settings in the README is that of the code: each name, each default."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic_settings import BaseSettings

from dashboard.settings import Settings as DashboardSettings
from include.services.settings import Services
from pipelines.core.settings import ROOT, Settings
from pipelines.release.settings import ReleaseSettings
from pipelines.sources.transport.provider_settings import ProviderSettings
from pipelines.stream.events import AirflowSettings
from serving.settings import Settings as ApiSettings
from serving.state.model_files import PinnedFile

SOURCES = ("pipelines", "serving", "dashboard", "include", "plugins")
NAMED = re.compile(r'"((?:BULLION_[A-Z0-9_]+[A-Z0-9])|MODEL_URI|MLFLOW_TRACKING_URI)"')
ROW = re.compile(r"^\| `([A-Z][A-Z0-9_]+)` \| (?:`([^`]*)` )?\| \S.* \|$", re.MULTILINE)
CLASSES: tuple[type[BaseSettings], ...] = (
    Settings, ProviderSettings, ApiSettings, Services, DashboardSettings, PinnedFile,
    AirflowSettings,
    ReleaseSettings,
)  # fmt: skip


def defaults() -> dict[str, object]:
    """The settings that a class declares, with what they are when they are unset."""
    values: dict[str, object] = {}
    for declared in CLASSES:
        prefix = declared.model_config.get("env_prefix", "")
        for name, field in declared.model_fields.items():
            values[str(field.validation_alias or prefix + name).upper()] = field.default
    return values


def read_directly() -> set[str]:
    """The settings that stand as a name in the code."""
    files = [file for folder in SOURCES for file in (ROOT / folder).rglob("*.py")]
    return {name for file in files for name in NAMED.findall(file.read_text())}


def table_of_settings() -> dict[str, str]:
    """Each setting of the table, with the default it states."""
    page = (ROOT / "README.md").read_text()
    return dict(ROW.findall(page[page.index("## Settings") :]))


def test_the_table_has_every_setting_and_no_other() -> None:
    assert set(table_of_settings()) == defaults().keys() | read_directly()


@pytest.mark.parametrize(("name", "value"), defaults().items(), ids=defaults())
def test_the_table_states_the_default(name: str, value: object) -> None:
    text = str(value.get_secret_value() if hasattr(value, "get_secret_value") else value)
    text = text.replace(f"{ROOT}{Path('/')}", "")
    assert table_of_settings()[name] == {"False": "", "None": ""}.get(text, text)
