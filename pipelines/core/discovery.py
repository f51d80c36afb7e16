"""Find the modules of a package and the objects that they declare, without a written list.

So a new forecast, label or source is one file, and every file in the package is in use.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from importlib import import_module
from pkgutil import iter_modules
from typing import TypeGuard, TypeVar

from pipelines.core.errors import unknown

Member = TypeVar("Member")


def module_names(
    folders: Iterable[str], first: tuple[str, ...] = (), excluded: tuple[str, ...] = ()
) -> tuple[str, ...]:
    """Return the names of a package's modules, `first` in their order, the others by name.

    `folders` is the package's `__path__`. Nothing is imported. `base`, which declares what the
    others implement, is left out, and so are `excluded` and names that begin with an underscore.
    """
    names = {module.name for module in iter_modules(folders)}
    for name in first:
        if name not in names:
            raise unknown("module", name, names)
    others = sorted(n for n in names - {*first, *excluded, "base"} if not n.startswith("_"))
    return (*first, *others)


def declared_objects(
    package: str, modules: Iterable[str], is_member: Callable[[object], TypeGuard[Member]]
) -> tuple[Member, ...]:
    """Import the modules of a package; return the objects they hold that are members.

    They come in the order of the modules, and within a module in the order of its lines. An
    object that several modules hold, because one imports it from another, is returned once.
    """
    members: dict[int, Member] = {}
    for name in modules:
        for value in vars(import_module(f"{package}.{name}")).values():
            if is_member(value):
                members.setdefault(id(value), value)
    return tuple(members.values())
