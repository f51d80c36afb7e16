"""Serve the API: python -m serving."""

from __future__ import annotations

import sys

import uvicorn

from pipelines.core.errors import BullionError


def main() -> None:
    """Serve the API, or print why it cannot: a setting, a forecast or a universe is wrong."""
    # A computing thread gives way to the event loop after one millisecond instead of five.
    sys.setswitchinterval(0.001)
    try:
        from serving.app import create_app
        from serving.http.protocol import options

        app = create_app()
    except BullionError as error:
        print(f"error: {error.message}\n  next: {error.hint}", file=sys.stderr)
        sys.exit(2)
    uvicorn.run(app, **options(app.state.settings, app.state.unread))


if __name__ == "__main__":
    main()
