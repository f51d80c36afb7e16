"""A version's SHA-256 is that of its tags; a version without one equals no file."""

from __future__ import annotations

import hashlib

from pipelines.registry.versions import ModelVersion


def version(tags: dict[str, str]) -> ModelVersion:
    return ModelVersion("nasdaq100_hourly.action", 3, "run", tags, ("Staging",), "file:///models")


def test_the_sha256_is_the_one_that_was_registered() -> None:
    digest = hashlib.sha256(b"a model").hexdigest()
    assert version({"sha256": digest, "source": "sample"}).sha256 == digest


def test_a_version_that_others_registered_equals_no_file() -> None:
    assert version({}).sha256 == ""
    assert version({}).sha256 != hashlib.sha256(b"").hexdigest()
