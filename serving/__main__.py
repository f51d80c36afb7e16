"""Serve the API: python -m serving."""

from __future__ import annotations

import uvicorn

from serving.app import create_app
from serving.protocol import options

if __name__ == "__main__":
    app = create_app()
    uvicorn.run(app, **options(app.state.settings))
