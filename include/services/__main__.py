"""Start, stop and watch the services: python -m include.services up|down|status|logs."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Sequence
from types import FrameType

from include.services.parts import PARTS
from include.services.settings import services
from include.services.stack import Stack
from pipelines.core.errors import BullionError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; return the exit code: 0, 1 after a failure, 130 when it was interrupted."""
    parser = argparse.ArgumentParser(prog="python -m include.services", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    up = commands.add_parser("up", help="start, bring the first data, and say where everything is")
    up.add_argument("parts", nargs="*", choices=[*PARTS, []], help="only these, and no data")
    up.add_argument("--detach", action="store_true", help="leave it running, and return")
    commands.add_parser("down", help="stop everything")
    commands.add_parser("status", help="what runs, and where")
    logs = commands.add_parser("logs", help="follow the logs")
    logs.add_argument("--lines", type=int, default=20)
    logs.add_argument("--once", action="store_true", help="do not follow")
    options = parser.parse_args(arguments)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupted)
    try:
        stack = Stack(services())
        if options.command == "up":
            stack.up(options.parts, detach=options.detach or not sys.stdout.isatty())
        elif options.command == "down":
            stack.down()
        elif options.command == "status":
            return 0 if stack.status() else 1
        else:
            stack.logs(options.lines, follow=not options.once)
    except BullionError as error:
        print(f"error: {error.message}", file=sys.stderr)
        if error.hint:
            print(f"  -> {error.hint}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _interrupted(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
