"""2,000 WebSockets on one uvicorn worker: how long after a commit the last of them has it."""

from __future__ import annotations

import asyncio
import os
from statistics import median

from pipelines.steps.lake import open_lake
from tests.bench.measure import Figure
from tests.bench.published import publish
from tests.serving.process import memory_of
from tests.serving.socket_listener import listen

SOCKETS, ROUNDS, TARGET = 2000, 5, 1.0  # seconds


def figure(port: int, process: int) -> Figure:
    with open_lake() as lake:
        took = asyncio.run(
            listen(port, SOCKETS, lambda count: publish(lake, 10**6 + count), ROUNDS)
        )
    last, middle = ([delays[at] for delays in took] for at in (-1, SOCKETS // 2))
    return Figure(
        f"a signal to {SOCKETS:,} WebSockets",
        f"the last has it {median(last):.2f} s after the commit ({max(last):.2f} at worst)",
        f"{TARGET:g} s",
        f"{median(last) / TARGET:.2f}",
        f"half of them after {median(middle):.2f} s; {memory_of(process):.0f} MiB resident, "
        f"load {os.getloadavg()[0]:.1f}",
    )
