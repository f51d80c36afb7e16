"""What the registry tells of a model: its versions, their files and its aliases."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Standing:
    """Where a model's aliases stand, and where this code last put them.

    Where the two differ somebody moved an alias by hand; where only the lake's decisions differ
    from both, a process ended between a decision and its alias.
    """

    aliases: Mapping[str, int]
    ours: Mapping[str, int]


@dataclass(frozen=True)
class Version:
    """One registered model."""

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
class Loaded:
    """A model whose file is what was registered."""

    version: Version
    body: bytes
