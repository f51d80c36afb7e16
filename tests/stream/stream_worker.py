"""A stream of the sample in haste, in a process that can be killed.

python -m tests.stream.stream_worker 2026-11-25T14:30:00+00:00 2026-11-30T12:00:00+00:00 60
"""

from __future__ import annotations

import sys
from datetime import datetime

from pipelines.stream.process import run_stream
from pipelines.stream.sample import SamplePrices


def main(start: str, began: str, speed: str) -> None:
    begin, since = datetime.fromisoformat(start), datetime.fromisoformat(began)
    run_stream(SamplePrices(("ES",), float(speed), begin, since))


if __name__ == "__main__":
    main(*sys.argv[1:])
