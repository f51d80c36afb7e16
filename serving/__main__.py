"""Serve the API: python -m serving."""

from __future__ import annotations

import sys

import uvicorn

from serving.app import create_app
from serving.http.protocol import options

if __name__ == "__main__":
    # A computing thread gives way to the event loop after one millisecond instead of five.
    sys.setswitchinterval(0.001)
    app = create_app()
    uvicorn.run(app, **options(app.state.settings, app.state.unread))
