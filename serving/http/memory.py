"""Memory that large requests took is given back to the machine once they have gone."""

from __future__ import annotations

import asyncio
from ctypes import CDLL

import pyarrow as pa

from serving.http.bodies import Bodies

EVERY = 10.0  # seconds between two looks
WORTH = 2**20  # bytes of bodies that have gone: less of them leaves nothing to speak of


async def give_back(bodies: Bodies) -> None:
    """Trim the process's memory, again and again, where large bodies have gone since."""
    while True:
        await asyncio.sleep(EVERY)
        if bodies.gone >= WORTH:
            bodies.gone = 0
            await asyncio.to_thread(trim)


def trim() -> None:
    """Return what is free: glibc, and Arrow's own pool, keep it for a next time otherwise."""
    pa.default_memory_pool().release_unused()
    malloc_trim = getattr(CDLL(None), "malloc_trim", None)
    if malloc_trim is not None:  # another C library has no such call, and keeps less
        malloc_trim(0)
