"""The bullion command: the same steps that the DAGs run, for a person at a terminal."""

from __future__ import annotations

import os
import signal
import sys
from io import TextIOWrapper
from types import FrameType
from typing import NoReturn

INTERRUPTED = 130
STOPPED = "stopped; what was committed stays, and the same command continues from there"


def main() -> None:
    """Run a command. A failure prints what was wrong and what to do, and exits with 1 or 2."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal may know ASCII alone
    try:
        _run()
    except KeyboardInterrupt:
        _stop()
    except RuntimeError as error:
        if str(error) != "Query interrupted":  # DuckDB's error after a Ctrl-C
            raise
        _stop()
    except SystemExit as end:
        if end.code == INTERRUPTED:  # typer's exit after a Ctrl-C
            _stop()
        raise


def _run() -> None:
    """Run the command, and print its errors as text."""
    before = signal.getsignal(signal.SIGINT)
    # The imports take a second, and an extension module may lose or change a KeyboardInterrupt
    # that arrives meanwhile. Nothing has been done yet, so a Ctrl-C may simply end the process.
    if before is signal.default_int_handler:
        signal.signal(signal.SIGINT, _exit_at_once)
    from pipelines.cli.complaints import complain
    from pipelines.core.errors import BullionError, InvalidRequest

    try:
        # A forecast that names no universe, or a universe that cannot be read, is an error here.
        from pipelines.cli import (  # noqa: F401  (they register their commands)
            backtest,
            backup,
            feast,
            forecasts,
            lake,
            new,
            news,
            predict,
            proof,
            release,
            sentiment,
            status,
            stream,
            withdraw,
        )
        from pipelines.cli.app import app

        if before is signal.default_int_handler:
            signal.signal(signal.SIGINT, before)
        app()
    except BullionError as error:
        complain(error.message, error.hint)
        sys.exit(2 if isinstance(error, InvalidRequest) else 1)
    except UnicodeEncodeError as error:
        complain(f"{error.object[:80]!r} is not UTF-8 text", "write it in UTF-8")
        sys.exit(2)
    except OSError as error:
        complain(str(error), "check that file or folder, its permissions and the space left")
        sys.exit(1)


def _exit_at_once(_number: int, _frame: FrameType | None) -> NoReturn:
    os.write(2, f"{STOPPED}\n".encode())
    os._exit(INTERRUPTED)


def _stop() -> NoReturn:
    print(STOPPED, file=sys.stderr)
    sys.exit(INTERRUPTED)
