"""Serve the API: python -m serving."""

from __future__ import annotations

import uvicorn

from serving.app import create_app
from serving.protocol import limited

if __name__ == "__main__":
    app = create_app()
    chosen = app.state.settings
    uvicorn.run(
        app,
        host=chosen.host,
        port=chosen.port,
        http=limited(chosen),
        ws="websockets-sansio",
        ws_max_size=1024,  # nothing that a listener says is looked at
        ws_per_message_deflate=False,
        access_log=False,  # /metrics counts them
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=15,
        timeout_graceful_shutdown=5,
    )
