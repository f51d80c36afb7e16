"""Versions of a model in the registry, their files, and the aliases that point to them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class AliasState:
    """The version that each alias of a model points to, and the one Bullion last pointed it to.

    Where the two differ, somebody moved an alias by hand. Where only the lake's decisions differ
    from both, a process ended between writing a decision and moving its alias.
    """

    aliases: Mapping[str, int]
    set_by_bullion: Mapping[str, int]


@dataclass(frozen=True)
class ModelVersion:
    """A registered version of a model."""

    name: str
    version: int
    run_id: str
    tags: Mapping[str, str]
    aliases: tuple[str, ...]
    source: str

    @property
    def sha256(self) -> str:
        return self.tags.get("sha256", "")


@dataclass(frozen=True)
class VerifiedModel:
    """A version and its file, which is the one that was registered."""

    version: ModelVersion
    body: bytes
