"""Each part gets its own environment, and no secret of another."""

from __future__ import annotations

import pytest

from include.services.parts import PARTS, STREAM, environment, environment_of, processes
from include.services.settings import Services
from tests.include.services.hidden import OF_AIRFLOW, OUTER, SECRETS_OF


def test_what_is_set_for_another_airflow_is_not_seen(config: Services) -> None:
    outer = {"AIRFLOW_HOME": "/elsewhere", "AIRFLOW__CORE__EXECUTOR": "X", "NO_PROXY": "corp"}
    outer |= {"MLFLOW_TRACKING_URI": "http://elsewhere"}
    variables = environment_of("airflow", config, outer)
    assert variables["AIRFLOW_HOME"] == str(config.home / "airflow")
    assert variables["AIRFLOW__CORE__EXECUTOR"] == "LocalExecutor"
    assert variables["MLFLOW_TRACKING_URI"] == config.url("mlflow")
    assert variables["NO_PROXY"] == "corp,127.0.0.1,localhost"


def test_a_lake_that_was_named_is_used(config: Services) -> None:
    names = {"BULLION_LAKE_CATALOG": "postgres:dbname=x"}
    assert environment(config, names)["BULLION_LAKE_CATALOG"] == "postgres:dbname=x"
    assert environment(config, {})["BULLION_LAKE_CATALOG"].startswith(f"sqlite:{config.home}")


@pytest.mark.parametrize("part", [*PARTS, STREAM])
def test_a_part_gets_its_own_secrets_only(config: Services, part: str) -> None:
    values = "\n".join(environment_of(part, config, OUTER).values())
    assert secrets_in(config, values) == SECRETS_OF[part] | (
        {*OF_AIRFLOW} if part == "airflow" else set()
    )


def secrets_in(config: Services, values: str) -> set[str]:
    """Return the secrets of the outer environment and of `make up` that are in a text."""
    names = {n for n, value in config.secrets.items() if value in values}
    return names | {f"hidden-{n}" for n in range(1, 9) if f"hidden-{n}" in values}


def test_live_prices_are_followed_where_they_are_asked_for(config: Services) -> None:
    assert not [p for p in processes(config) if p.part == STREAM]
    (process,) = [
        p for p in processes(config.model_copy(update={"stream": "oanda"})) if p.part == STREAM
    ]
    assert process.command[1:] == ("-m", "pipelines.cli", "stream", "--source", "oanda")
    variables = environment_of(STREAM, config, {"BULLION_STREAM_SYMBOLS": "SPX500_USD"})
    assert variables["BULLION_AIRFLOW_URL"] == config.url("airflow")
    assert variables["BULLION_STREAM_SYMBOLS"] == "SPX500_USD"
