"""Start the dashboard: python -m dashboard."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from pydantic import ValidationError

from dashboard.settings import Settings

APP = Path(__file__).with_name("app.py")


def arguments(settings: Settings) -> list[str]:
    """Return the arguments of Streamlit's command; .streamlit/config.toml has more options."""
    options = [f"--server.address={settings.host}", f"--server.port={settings.port}"]
    options += [f"--server.allowedHosts={host}" for host in dict.fromkeys(settings.host_list)]
    return ["run", str(APP), *options]


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
    from streamlit.web.cli import main as streamlit

    streamlit(arguments(settings), prog_name="streamlit")
    return 0


if __name__ == "__main__":
    sys.exit(main())
