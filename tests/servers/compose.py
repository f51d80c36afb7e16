"""The compose file as it stands, and each of its services as this machine can run it.

A service's command and environment are taken as they are; only the names of hosts, the ports and
the folders become those of this machine.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import yaml

from tests.servers.ports import free_port

ROOT = Path(__file__).resolve().parents[2]
FILE = ROOT / "docker-compose.yaml"
VARIABLE = re.compile(r"\$(?:\$|\{(\w+)(?:(:[?-])([^}]*))?\})")
HOST = "127.0.0.1"
# What is here and not in the image must not be found.
ONLY = """
import sys
sys.path[:] = [one for one in sys.path if one != {root!r}]
class Refused:
    names = {names!r}
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in self.names:
            raise ModuleNotFoundError(f"{{name}} is not in the image", name=name)
sys.meta_path.insert(0, Refused())
"""


def read_compose() -> dict[str, Any]:
    """The compose file, with nothing filled in."""
    return dict(yaml.safe_load(FILE.read_text()))


def fill_variables(value: Any, variables: Mapping[str, str]) -> Any:
    """A part of the file with its variables filled in, as compose does it."""

    def one(match: re.Match[str]) -> str:
        name, kind, rest = match.groups()
        if name is None:
            return "$"
        if value := variables.get(name, ""):
            return value
        if kind == ":-":
            return str(rest)
        raise KeyError(f"{name}: {rest}")

    if isinstance(value, str):
        return VARIABLE.sub(one, value)
    if isinstance(value, dict):
        return {key: fill_variables(item, variables) for key, item in value.items()}
    if isinstance(value, list):
        return [fill_variables(item, variables) for item in value]
    return value


def list_copies(target: str) -> Iterator[tuple[str, str]]:
    """What a target of the Dockerfile copies from this repository, and where to."""
    text = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
    stage = ""
    for line in text.splitlines():
        words = line.split()
        if words[:1] == ["FROM"]:
            stage = words[-1]
        elif words[:1] == ["COPY"] and stage == target and not words[1].startswith("--from"):
            *sources, place = [word for word in words[1:] if not word.startswith("--")]
            yield from ((source, place) for source in sources)


def image_tree(target: str, folder: Path) -> Path:
    """The folder /opt/bullion of an image, as its COPY lines make it."""
    for source, place in list_copies(target):
        there = folder / place
        if (ROOT / source).is_dir():
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / source, there, ignore=ignored, dirs_exist_ok=True)
        else:
            there = there / Path(source).name if place.endswith("/") else there
            there.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / source, there)
    (folder / "data_lake").mkdir()
    return folder


def fence(folder: Path, lock: Path) -> None:
    """A folder that, on PYTHONPATH, hides what is here and not in an image made from a lock."""
    locked = set(re.findall(r"^([a-z0-9-]+)==", lock.read_text(), re.MULTILINE))
    named = {
        module: {re.sub(r"[-_.]+", "-", one).lower() for one in packages}
        for module, packages in packages_distributions().items()
    }
    own_modules = {"bullion", "pip", "setuptools"}
    names = {module for module, packages in named.items() if not packages & (locked | own_modules)}
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(ONLY.format(root=str(ROOT), names=names))


@dataclass
class Native:
    """The services of the file on this machine: one port for each of theirs, folders for theirs."""

    folder: Path
    variables: Mapping[str, str]
    ports: Mapping[str, Sequence[int]]
    """The ports that each service listens on, by the file."""
    folders: Mapping[str, Path]
    """What lies here for a folder of the containers."""
    found: dict[tuple[str, int], int] = field(default_factory=dict)
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    starts: dict[str, Callable[[], object]] = field(default_factory=dict)
    """How each service that was started is started again."""

    def __post_init__(self) -> None:
        self.services: dict[str, Any] = fill_variables(read_compose()["services"], self.variables)
        for service, ports in self.ports.items():
            for port in ports:
                self.found.setdefault((service, port), free_port())

    def url(self, service: str, port: int) -> str:
        return f"http://{HOST}:{self.found[service, port]}"

    def here(self, service: str, text: str, folders: Mapping[str, Path] | None = None) -> str:
        """A text of a service's with this machine's names."""
        for (name, port), own in self.found.items():
            text = re.sub(rf"(?<![\w.-]){name}:{port}\b", f"{HOST}:{own}", text)
            text = text.replace(f"host={name} port={port}", f"host={HOST} port={own}")
        for (name, port), own in self.found.items():
            if name == service:
                text = re.sub(rf"(?<![\w.]){port}(?!\w)", str(own), text)
        places = {**self.folders, **(folders or {})}
        longest = sorted(map(re.escape, places), key=len, reverse=True)
        places_here = re.compile(rf"(?<![\w/])(?:{'|'.join(longest)})(?![\w-])")
        text = places_here.sub(lambda found: str(places[found.group()]), text)
        return text.replace("0.0.0.0", HOST)

    def environment(self, service: str, folders: Mapping[str, Path]) -> dict[str, str]:
        """What the container would see, and what a process here cannot do without."""
        kept = {name: os.environ[name] for name in ("LANG", "TZ", "TMPDIR") if name in os.environ}
        told = self.services[service].get("environment", {})
        return {
            **kept,
            "PATH": os.pathsep.join(
                [str(Path(sys.executable).parent), os.environ["PATH"], "/usr/sbin"]
            ),
            "HOME": str(self.folder),
            "PYTHONUNBUFFERED": "1",
            **{name: self.here(service, value, folders) for name, value in told.items()},
        }

    def start(
        self,
        service: str,
        name: str = "",
        more: Sequence[str] = (),
        folders: Mapping[str, Path] | None = None,
        **environment: str,
    ) -> subprocess.Popen[bytes]:
        """Start a service by its own command, in a session of its own."""
        name, folders = name or service, folders or {}
        command = [self.here(service, word, folders) for word in self.services[service]["command"]]
        with self.log(name).open("ab") as out:
            process = subprocess.Popen(
                [*command, *more],
                cwd=self.folder,
                env=self.environment(service, folders) | environment,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.running[name] = process
        self.starts[name] = lambda: self.start(service, name, more, folders, **environment)
        return process

    def revive(self) -> None:
        """Start what has ended again, as the file's `restart` says; what runs once stays ended."""
        for name, process in list(self.running.items()):
            service = self.services.get(name.rstrip("-0123456789"), self.services.get(name, {}))
            if process.poll() is not None and service.get("restart") != "no":
                self.starts[name]()

    def log(self, name: str) -> Path:
        return self.folder / f"{name}.out"

    def tail(self, name: str) -> str:
        return "\n".join(self.log(name).read_text(errors="replace").splitlines()[-40:])

    def healthy(
        self,
        service: str,
        folders: Mapping[str, Path] | None = None,
        edit: Callable[[str], str] = str,
        **environment: str,
    ) -> bool:
        """Whether the service's own health check passes."""
        kind, *words = self.services[service]["healthcheck"]["test"]
        words = [edit(self.here(service, word, folders)) for word in words]
        done = subprocess.run(
            ["sh", "-c", *words] if kind == "CMD-SHELL" else words,
            cwd=self.folder,
            env=self.environment(service, folders or {}) | environment,
            capture_output=True,
            text=True,
            check=False,
        )
        with self.log(f"{service}-health").open("a") as out:
            out.write(done.stdout + done.stderr)
        return done.returncode == 0
