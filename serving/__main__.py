"""Serve the API: python -m serving."""

from __future__ import annotations

import uvicorn

from serving.app import app
from serving.settings import Settings

if __name__ == "__main__":
    chosen = Settings()
    uvicorn.run(app, host=chosen.host, port=chosen.port)
