"""All DAG files, parsed once: it takes seconds."""

from __future__ import annotations

from typing import Any

import pytest

from tests.dags.parsed_dags import parse_dags


@pytest.fixture(scope="session")
def parsed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return parse_dags(tmp_path_factory.mktemp("airflow"))
