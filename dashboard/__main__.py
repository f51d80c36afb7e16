"""Serve the dashboard: python -m dashboard."""

from __future__ import annotations

import os
import sys

from pydantic import ValidationError

from dashboard.settings import Settings


def main() -> int:
    """Serve the pages until the process is ended; return 2 where a setting is wrong."""
    try:
        settings = Settings()
    except ValidationError as error:
        for problem in error.errors():
            name = "_".join(map(str, problem["loc"])).upper()
            print(f"error: BULLION_DASHBOARD_{name}: {problem['msg']}", file=sys.stderr)
        return 2
    for name in [name for name in os.environ if name.startswith("STREAMLIT_")]:
        del os.environ[name]  # they are options of another dashboard
    import uvicorn

    from dashboard.server import create_server

    print(f"the dashboard: http://{settings.host}:{settings.port}", flush=True)
    uvicorn.run(
        create_server(settings),
        host=settings.host,
        port=settings.port,
        log_level="warning",
        server_header=False,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
