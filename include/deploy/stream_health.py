"""Whether the stream of a source lives: python -m include.deploy.stream_health oanda.

It writes every second how it stands. That its provider is silent is no fault of its own.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime

from pipelines.stream.newest_prices import prices_file, read_state

LATEST = 30.0  # seconds since it wrote last


def main(source: str) -> int:
    """Return the exit code: 0 where it has written lately."""
    state = read_state(prices_file(source))
    if state is None:
        print(f"the stream of {source} has written nothing yet")
        return 1
    age = (datetime.now(UTC) - state.written_at).total_seconds()
    print(f"written {age:.0f} s ago; connected: {state.connected}; {state.trouble or 'no trouble'}")
    return int(age > LATEST)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
