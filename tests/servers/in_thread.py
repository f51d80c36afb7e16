"""A server in a thread of this process, until the end of a block."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from socketserver import BaseServer

POLL = 0.01  # seconds between two looks at whether to end; by default a test waits for half of one


@contextmanager
def serve_in_thread(server: BaseServer) -> Iterator[None]:
    """Answer requests until the end of the block, and close the server."""
    thread = threading.Thread(target=server.serve_forever, args=(POLL,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
