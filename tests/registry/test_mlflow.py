"""The registry: what is loaded is what was registered, and first use by many at once works."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines.core.errors import InvalidRequest
from pipelines.registry.mlflow import PRODUCTION, STAGING, Registry, RegistryError, UnsoundModel
from tests.steps.served import fresh_registry

NAME = "nasdaq100_hourly.action"


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Registry:
    return fresh_registry(tmp_path_factory.mktemp("mlflow"))


def register_model(registry: Registry, name: str, body: bytes) -> int:
    run = registry.client.create_run(registry.experiment("train")).info.run_id
    return registry.register(name, body, run, {"as_of": "2026-09-01"}).version


def test_a_registered_model_is_at_staging_and_loads_as_it_was(registry: Registry) -> None:
    version = register_model(registry, NAME, b"first")
    holder = registry.version_by_alias(NAME, STAGING)
    assert holder is not None
    assert (holder.version, holder.tags["as_of"]) == (version, "2026-09-01")
    assert registry.version_by_alias(NAME, PRODUCTION) is None
    assert registry.load(NAME, version).body == b"first"


def test_promotion_archives_what_it_replaces_and_can_be_taken_back(registry: Registry) -> None:
    old, new = (register_model(registry, "other", body) for body in (b"old", b"new"))
    registry.set_alias("other", PRODUCTION, old)
    registry.set_alias("other", PRODUCTION, new)
    assert registry.version("other", old).tags["archived"] == "true"
    registry.set_alias("other", PRODUCTION, old)
    holder = registry.version_by_alias("other", PRODUCTION)
    assert holder is not None
    assert holder.version == old
    assert [v.version for v in registry.versions("other")] == [new, old]
    registry.set_alias("other", STAGING, old)
    registry.set_alias("other", STAGING, new)
    assert registry.version("other", old).tags["archived"] == "false", "it is Production still"


@pytest.mark.parametrize("spoil", ["tampered", "missing"])
def test_a_spoiled_file_is_refused_and_the_alias_stays(registry: Registry, spoil: str) -> None:
    good, bad = register_model(registry, spoil, b"good"), register_model(registry, spoil, b"bad!")
    registry.set_alias(spoil, PRODUCTION, good)
    file = Path(registry.version(spoil, bad).source.removeprefix("file://")) / "model.onnx"
    if spoil == "tampered":
        file.write_bytes(b"evil")
    else:
        file.unlink()
    with pytest.raises(
        UnsoundModel, match="not what was registered" if spoil == "tampered" else spoil
    ):
        registry.set_alias(spoil, PRODUCTION, bad)
    holder = registry.version_by_alias(spoil, PRODUCTION)
    assert holder is not None
    assert holder.version == good


def test_a_new_store_goes_on_with_the_numbers_that_the_lake_knows(registry: Registry) -> None:
    run = registry.client.create_run(registry.experiment("train")).info.run_id
    for above, expected in ((4, 5), (4, 6), (0, 7)):
        registered = registry.register("numbered", b"body", run, {}, above=above)
        assert registered.version == expected
    assert [v.version for v in registry.versions("numbered")] == [7, 6, 5]
    assert registry.load("numbered", 5).body == b"body"
    holder = registry.version_by_alias("numbered", STAGING)
    assert holder is not None
    assert holder.version == 7


def test_unknown_names_are_errors(registry: Registry) -> None:
    with pytest.raises(InvalidRequest):
        registry.load("nobody", 1)
    with pytest.raises(InvalidRequest, match="unknown alias 'Prod'"):
        registry.set_alias(NAME, "Prod", 1)


def test_a_server_that_is_down_is_named_by_its_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(RegistryError, match=r"127\.0\.0\.1:9"):
        Registry("http://127.0.0.1:9").version_by_alias("x", STAGING)


def test_a_store_that_is_down_is_not_a_missing_file(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = register_model(registry, "down", b"body")

    def refused(*_: object, **__: object) -> None:
        raise ConnectionError("refused")

    monkeypatch.setattr("mlflow.artifacts.download_artifacts", refused)
    monkeypatch.setattr("mlflow.artifacts.list_artifacts", refused)
    with pytest.raises(RegistryError, match="cannot be used") as error:
        registry.load("down", version)
    assert not isinstance(error.value, UnsoundModel)


def test_an_alias_that_somebody_moved_differs_from_where_it_was_set(registry: Registry) -> None:
    assert registry.alias_state("moved").aliases == {}
    old, new = (register_model(registry, "moved", body) for body in (b"old", b"new"))
    registry.set_alias("moved", PRODUCTION, new)
    registry.client.set_registered_model_alias("moved", PRODUCTION, str(old))
    state = registry.alias_state("moved")
    assert (state.aliases[PRODUCTION], state.set_by_bullion[PRODUCTION]) == (old, new)
    registry.remove_alias("moved", PRODUCTION)
    state = registry.alias_state("moved")
    assert PRODUCTION not in {*state.aliases, *state.set_by_bullion}
    assert registry.version("moved", old).tags["archived"] == "true"
    registry.remove_alias("moved", PRODUCTION)


def test_a_verified_model_is_read_without_mlflow(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = register_model(registry, "copied", b"copied")
    digest = hashlib.sha256(b"copied").hexdigest()
    assert registry.read_model("copied", version, digest) == b"copied"
    monkeypatch.setattr(Registry, "load", None)
    assert registry.read_model("copied", version, digest) == b"copied"


def test_a_version_that_mlflow_does_not_have_cannot_serve(registry: Registry) -> None:
    register_model(registry, "short", b"short")
    with pytest.raises(UnsoundModel, match="short version 9 is not in MLflow"):
        registry.read_model("short", 9, "0" * 64)


def test_versions_are_listed_in_two_calls_with_their_aliases(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = [register_model(registry, "many", bytes([n])) for n in range(3)]
    registry.set_alias("many", PRODUCTION, numbers[0])
    monkeypatch.setattr(registry.client, "get_model_version", None)
    versions = registry.versions("many")
    assert [v.version for v in versions] == numbers[::-1]
    assert [v.aliases for v in versions] == [(STAGING,), (), (PRODUCTION,)]
    assert [v.version for v in registry.versions("many", most=2)] == numbers[:0:-1]
    assert registry.versions("none of them") == []


# One process has imported MLflow and forks for each of the others.
FIRST_USE = """
import multiprocessing, pathlib, sys
import alembic.command, mlflow.tracking.client
from pipelines.registry.mlflow import Registry

def first_use(_):
    return Registry(folder=pathlib.Path(sys.argv[1])).experiment("train")

with multiprocessing.get_context("fork").Pool(3) as pool:
    print(*pool.map(first_use, range(3), chunksize=1))
"""


def test_first_use_by_several_processes_at_once(tmp_path: Path) -> None:
    process = subprocess.run(
        [sys.executable, "-c", FIRST_USE, str(tmp_path)], capture_output=True, text=True
    )
    assert process.returncode == 0, process.stderr
    experiments = process.stdout.split()
    assert len(experiments) == 3
    assert len(set(experiments)) == 1


def test_a_version_has_a_page(tmp_path: Path) -> None:
    served = Registry("http://127.0.0.1:5000/").version_page("x.action", 3)
    assert served == "http://127.0.0.1:5000/#/models/x.action/versions/3"
    assert f"{tmp_path}/mlflow.db" in Registry(folder=tmp_path).version_page("x.action", 3)
