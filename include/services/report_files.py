"""Serve Evidently's reports and the Data Docs, and nothing else from the lake's folder."""

from __future__ import annotations

from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from include.services.parts import lake_folder
from include.services.settings import HOST, services

SITES = ("reports", "docs")


class ReportFiles(SimpleHTTPRequestHandler):
    """Serves two folders, each with an index page of its own. The dashboard links to both."""

    server_version = "Bullion"
    sys_version = ""

    def send_head(self) -> Any:
        # A request under another host name comes from a web page of another site.
        if self.headers.get("Host", "").rpartition(":")[0] not in (HOST, "localhost"):
            return self.send_error(403)
        if self.path.partition("?")[0] == "/":
            return self._redirect("/reports/")
        # Decided by the file that would be sent: a path may leave the folder that it names.
        root, file = Path(self.directory).resolve(), Path(self.translate_path(self.path)).resolve()
        name = file.relative_to(root).parts[:1] if file.is_relative_to(root) else ()
        if not name or name[0] not in SITES:
            return self.send_error(404)
        if not (root / name[0] / "index.html").exists():
            return self.send_error(404, "Not made yet", f"{name[0]}: its DAG has not run so far")
        return super().send_head()

    def list_directory(self, path: Any) -> None:
        return self.send_error(404)

    def _redirect(self, path: str) -> None:
        self.send_response(302)
        self.send_header("Location", path)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def end_headers(self) -> None:
        self.send_header("Cache-Control", "no-cache")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("X-Frame-Options", "DENY")
        self.send_header("Content-Security-Policy", "frame-ancestors 'none'")
        super().end_headers()


def server(port: int, folder: Path) -> ThreadingHTTPServer:
    """Return a server that listens on the port and serves the folder."""
    return ThreadingHTTPServer((HOST, port), partial(ReportFiles, directory=str(folder)))


if __name__ == "__main__":
    with server(services().pages_port, lake_folder()) as pages:
        pages.serve_forever()
