"""A throwaway PostgreSQL on the loopback.

    with postgres(folder) as target:  # "host=127.0.0.1 port=... user=... dbname=..."
        ...

It trusts every local connection unless it has a password, keeps nothing, and is gone with the
block.
"""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.servers.ports import free_port, stop

UNPRIVILEGED = ("postgres", "nobody")  # PostgreSQL refuses to run as root


def binaries() -> Path | None:
    """The folder of initdb and postgres of the newest PostgreSQL installed."""
    paths = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda p: float(p.parts[-3])
    )
    if paths:
        return paths[-1].parent
    on_path = shutil.which("initdb")
    return Path(on_path).resolve().parent if on_path else None


def missing() -> str:
    """Why no server can be run here; empty when one can."""
    if binaries() is None:
        return "no PostgreSQL is installed: apt-get install postgresql"
    if os.geteuid() == 0 and _account() is None:
        return "PostgreSQL does not run as root, and neither postgres nor nobody is a user here"
    return ""


def _account() -> pwd.struct_passwd | None:
    for entry in pwd.getpwall():
        if entry.pw_name in UNPRIVILEGED:
            return entry
    return None


@contextmanager
def postgres(password: str = "", port: int = 0, options: Sequence[str] = ()) -> Iterator[str]:
    """The libpq string of an empty database.

    With a password nobody comes in without one, and the superuser is `postgres`.
    """
    home = binaries()
    assert home is not None, missing()
    # Not in pytest's own folder: that is closed to the user the server runs as.
    folder = Path(tempfile.mkdtemp(prefix="bullion-pg-"))
    account = _account() if os.geteuid() == 0 else None
    as_user = {}
    if account is not None:
        os.chown(folder, account.pw_uid, account.pw_gid)
        as_user = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
    user, port = "postgres" if password else f"u{secrets.token_hex(4)}", port or free_port()
    data = folder / "data"
    server = None
    try:
        secret = folder / "password"
        secret.write_text(password)
        secret.chmod(0o644)  # the folder itself is closed
        proof = ("-A", "scram-sha-256", "--pwfile", secret) if password else ("-A", "trust")
        subprocess.run(
            [
                *(home / "initdb", "-D", data, "-U", user, *proof),
                *("-E", "UTF8", "--locale=C", "--no-sync"),
            ],
            check=True,
            capture_output=True,
            cwd=folder,
            **as_user,
        )
        log = (folder / "log").open("w")
        server = subprocess.Popen(
            [
                *(home / "postgres", "-D", data, "-p", str(port), "-k", folder),
                *("-h", "127.0.0.1", "-F", "-c", "max_connections=60", *options),
            ],
            stdout=log,
            stderr=log,
            cwd=folder,
            **as_user,
        )
        target = f"host=127.0.0.1 port={port} user={user} dbname=postgres"
        target += f" password={password}" if password else ""
        _await(target, server, folder / "log")
        yield target
    finally:
        stop(server)
        shutil.rmtree(folder, ignore_errors=True)


def create_database(server: str, name: str) -> str:
    """Create an empty database on a running server; return its libpq string."""
    import psycopg2

    admin = psycopg2.connect(server)
    admin.autocommit = True
    admin.cursor().execute(f"CREATE DATABASE {name}")
    admin.close()
    return server.replace("dbname=postgres", f"dbname={name}")


def _await(target: str, server: subprocess.Popen[bytes], log: Path) -> None:
    import psycopg2

    deadline = time.monotonic() + 60
    while True:
        try:
            psycopg2.connect(target).close()
            return
        except psycopg2.OperationalError:
            if server.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"PostgreSQL did not start:\n{log.read_text()}") from None
            time.sleep(0.05)
