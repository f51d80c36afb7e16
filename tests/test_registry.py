"""The registry: what is loaded is what was registered, and first use by many at once works."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

import pytest

from pipelines.errors import InvalidRequest
from pipelines.registry import PRODUCTION, STAGING, Registry, RegistryError

NAME = "nasdaq100_hourly.action"


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Registry:
    return Registry(folder=tmp_path_factory.mktemp("mlflow"))


def keep(registry: Registry, name: str, body: bytes) -> int:
    run = registry.client.create_run(registry.experiment("train")).info.run_id
    return registry.register(name, body, run, {"as_of": "2026-09-01"}).version


def test_a_registered_model_is_stagings_and_loads_as_it_was(registry: Registry) -> None:
    version = keep(registry, NAME, b"first")
    held = registry.holder(NAME, STAGING)
    assert held is not None
    assert (held.version, held.tags["as_of"]) == (version, "2026-09-01")
    assert registry.holder(NAME, PRODUCTION) is None
    assert registry.load(NAME, version).body == b"first"


def test_promotion_archives_what_it_replaces_and_can_be_taken_back(registry: Registry) -> None:
    old, new = (keep(registry, "other", body) for body in (b"old", b"new"))
    registry.point("other", PRODUCTION, old)
    registry.point("other", PRODUCTION, new)
    assert registry.version("other", old).tags["archived"] == "true"
    registry.point("other", PRODUCTION, old)
    held = registry.holder("other", PRODUCTION)
    assert held is not None
    assert held.version == old
    assert [v.version for v in registry.versions("other")] == [new, old]


@pytest.mark.parametrize("spoil", ["tampered", "missing"])
def test_a_spoiled_file_is_refused_and_the_alias_stays(registry: Registry, spoil: str) -> None:
    good, bad = keep(registry, spoil, b"good"), keep(registry, spoil, b"bad!")
    registry.point(spoil, PRODUCTION, good)
    file = Path(registry.version(spoil, bad).source.removeprefix("file://")) / "model.onnx"
    if spoil == "tampered":
        file.write_bytes(b"evil")
    else:
        file.unlink()
    with pytest.raises((RegistryError, InvalidRequest)):
        registry.point(spoil, PRODUCTION, bad)
    held = registry.holder(spoil, PRODUCTION)
    assert held is not None
    assert held.version == good


def test_unknown_names_are_told(registry: Registry) -> None:
    with pytest.raises(InvalidRequest):
        registry.load("nobody", 1)
    with pytest.raises(InvalidRequest, match="unknown alias 'Prod'"):
        registry.point(NAME, "Prod", 1)


def test_a_server_that_is_down_is_told_with_its_address() -> None:
    with pytest.raises(RegistryError, match=r"127\.0\.0\.1:9"):
        Registry("http://127.0.0.1:9").holder("x", STAGING)


def _first_use(folder: str) -> str:
    return Registry(folder=Path(folder)).experiment("train")


def test_first_use_by_several_processes_at_once(tmp_path: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        found = pool.map(_first_use, [str(tmp_path)] * 4, chunksize=1)
    assert len(set(found)) == 1
