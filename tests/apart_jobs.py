"""Jobs for what a test must not do itself: fill its disk, read a file that hangs its reader."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import subprocess
import sys
import tempfile
import traceback
from pathlib import Path
from typing import Any

from pipelines.core.errors import BullionError
from pipelines.sources.files import Files
from tests.sources.files.folder import request

NEW_MOUNTS = 0x00020000  # CLONE_NEWNS
HANGS = 120  # seconds: none takes two, but machines are busy


def run_on_disk(disk: str, megabytes: int, script: str, out: str, errors: str) -> int:
    """Run a script on a disk that no other process sees: its exit code, as of a Python program."""
    for number, path in ((1, out), (2, errors)):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT), number)
    if ctypes.CDLL(None, use_errno=True).unshare(NEW_MOUNTS):
        raise OSError(ctypes.get_errno(), "no mounts of its own")
    size = f"size={megabytes}m"
    for words in (["--make-rprivate", "/"], ["-t", "tmpfs", "-o", size, "none", disk]):
        subprocess.run(["mount", *words], check=True)
    os.environ |= {
        "DISK": disk,
        "BULLION_LAKE_CATALOG": f"sqlite:{disk}/lake/catalog.sqlite",
        "BULLION_LAKE_DATA": f"{disk}/lake/files",
    }
    try:
        exec(script, {"__name__": "__main__"})
    except SystemExit as end:
        return int(end.code or 0)
    except BaseException:
        traceback.print_exc()
        return 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
    return 0


def run_bullion(*words: str) -> tuple[int, str]:
    """Run a command of `bullion`: its exit code, and what it printed."""
    from pipelines import cli

    with tempfile.TemporaryFile() as text:
        for number in (1, 2):
            os.dup2(text.fileno(), number)
        sys.argv, code = ["bullion", *words], 0
        try:
            cli.main()
        except SystemExit as end:
            code = int(end.code or 0)
        sys.stdout.flush()
        sys.stderr.flush()
        text.seek(0)
        return code, text.read().decode()


def read_files(folder: str) -> dict[str, Any]:
    """Read a folder of files: rows and rejects of each file, errors, memory. Hanging ends it."""
    signal.alarm(HANGS)
    files, sizes, errors = Files(Path(folder)), {}, []
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    try:
        for answer in files.fetch(request()):
            try:
                parsed = files.parse(answer)
                sizes[answer.query["path"]] = [parsed.bars.num_rows, parsed.rejects.num_rows]
            except BullionError as error:
                errors.append(str(error))
    except BullionError as error:
        errors.append(str(error))
    peak = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    return {"sizes": sizes, "errors": errors, "peak_mib": peak}
