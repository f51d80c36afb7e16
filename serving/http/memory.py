"""Return memory to the machine once large requests are over."""

from __future__ import annotations

import asyncio
from ctypes import CDLL

import pyarrow as pa

from serving.http.bodies import Bodies

INTERVAL = 10.0  # seconds between two looks
MIN_RELEASED = 2**20  # bytes of bodies since the last trim; fewer leave nothing worth returning


async def trim_after_bodies(bodies: Bodies) -> None:
    """Trim the process's memory again and again, after large bodies were let go of."""
    while True:
        await asyncio.sleep(INTERVAL)
        if bodies.bytes_released >= MIN_RELEASED:
            bodies.bytes_released = 0
            await asyncio.to_thread(trim)


def trim() -> None:
    """Return free memory, which glibc and Arrow's own pool would keep for later."""
    pa.default_memory_pool().release_unused()
    malloc_trim = getattr(CDLL(None), "malloc_trim", None)
    if malloc_trim is not None:  # another C library has no such call, and keeps less
        malloc_trim(0)
