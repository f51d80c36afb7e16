"""Start the dashboard: python -m dashboard."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from pydantic import ValidationError

from dashboard.settings import Settings

APP = Path(__file__).with_name("app.py")
ROOT = APP.parents[1]


def command(settings: Settings) -> list[str]:
    """Return the command that serves the dashboard; .streamlit/config.toml has the other options."""
    flags = [f"--server.address={settings.host}", f"--server.port={settings.port}"]
    flags += [f"--server.allowedHosts={host}" for host in dict.fromkeys(settings.host_list)]
    return [sys.executable, "-m", "streamlit", "run", str(APP), *flags]


def environment() -> dict[str, str]:
    """Return the variables of the process; another dashboard's options are left out."""
    variables = {k: v for k, v in os.environ.items() if not k.startswith("STREAMLIT_")}
    variables["PYTHONPATH"] = os.pathsep.join(
        filter(None, [str(ROOT), variables.get("PYTHONPATH")])
    )
    return variables


def main() -> int:
    """Become the server; return 2 where a setting is wrong."""
    try:
        settings = Settings()
    except ValidationError as error:
        for problem in error.errors():
            name = "_".join(map(str, problem["loc"])).upper()
            print(f"error: BULLION_DASHBOARD_{name}: {problem['msg']}", file=sys.stderr)
        return 2
    arguments = command(settings)
    os.execve(arguments[0], arguments, environment())  # noqa: S606


if __name__ == "__main__":
    sys.exit(main())
