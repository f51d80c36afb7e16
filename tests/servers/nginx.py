"""nginx as the deployment has it, on loopback, in front of processes of this machine."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx

from tests.servers.ports import stop

ROOT = Path(__file__).resolve().parents[2]
CONF = ROOT / "include/nginx/nginx.conf"
PROGRAM = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")


def native_conf(text: str) -> str:
    """Return the file as any nginx takes it: names are looked up again only since 1.27.3."""
    return re.sub(r" resolve\b(?=[^;\n]*;)", "", text)


def fill_conf(addresses: Mapping[str, str], release_folder: Path, folder: Path) -> str:
    """Return the file with the addresses and the folders of this machine.

    An address stands for a server of the file, such as `api:8000`, or for a port that listens.
    """
    places = {
        "/srv/release": str(release_folder),
        "/srv/pages": str(folder),
        "/tmp/": f"{folder}/",
        "/dev/stderr": f"{folder}/nginx-error.log",
    }
    text = native_conf(CONF.read_text())
    for name, address in addresses.items():
        text = re.sub(rf"(server |listen |http://){name}\b", rf"\g<1>{address}", text)
    return re.sub("|".join(map(re.escape, places)), lambda match: places[match[0]], text)


@contextmanager
def run_nginx(
    port: int, first: str, second: str, release_folder: Path, folder: Path
) -> Iterator[str]:
    """Run nginx in front of two addresses until the end of the block; yields its own address."""
    from tests.servers.ports import free_port

    release_folder.mkdir(parents=True, exist_ok=True)
    folder.mkdir(parents=True, exist_ok=True)
    addresses = {
        "api:8000": first,
        "api-second:8000": second,
        "dashboard:8501": f"127.0.0.1:{free_port()}",
        "8080": f"127.0.0.1:{port}",
        "8081": f"127.0.0.1:{free_port()}",
        "8082": f"127.0.0.1:{free_port()}",
    }
    conf = folder / "nginx.conf"
    conf.write_text(fill_conf(addresses, release_folder, folder))
    user = " user root;" if os.geteuid() == 0 else ""
    assert PROGRAM, "apt-get install nginx-light"
    with (folder / "nginx.out").open("wb") as out:
        server = subprocess.Popen(
            [PROGRAM, "-c", str(conf), "-g", f"daemon off;{user}"], stdout=out, stderr=out
        )
    url = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            assert server.poll() is None, (folder / "nginx.out").read_text()
            with suppress(httpx.TransportError):
                if httpx.get(f"{url}/proxy-health", trust_env=False).status_code == 204:
                    break
            time.sleep(0.05)
        yield url
    finally:
        stop(server)
