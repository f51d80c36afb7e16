"""The drill: ten releases under load, good ones and broken ones, and a report of what callers saw.

    python -m tests.release [REQUESTS]

Callers of blue must not see a single failure, and no caller may where a release is good. It exits
with 1 where one did, or where a release was decided on wrongly.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from tests.release.stand import Stand, open_stand
from tests.serving.scored_api import build_folder

REQUESTS, RATE = 100_000, 400.0
RELEASES = (
    "good", "500s", "good", "slow", "other numbers", "good", "does not start", "dies half-way",
    "hangs half-way", "good",
)  # fmt: skip


def drill(stand: Stand, requests: int) -> bool:
    """Run the releases while callers ask; print the report, and return whether all was well."""
    stand.release()
    stand.start_load(RATE)
    well, began = True, time.monotonic()
    print(f"{'release':16} {'ended':10} {'seconds':>7}  why", flush=True)
    for fault in RELEASES:
        at = time.monotonic()
        release = stand.release(fault)
        right = release.state == ("serving" if fault == "good" else "withdrawn")
        well = well and right
        seconds = time.monotonic() - at
        mark = "" if right else "WRONG: "
        print(
            f"{fault:16} {release.state:10} {seconds:7.1f}  {mark}{release.reason[:150]}",
            flush=True,
        )
    while stand.report()["requests"] < requests:
        time.sleep(0.5)
    report, seconds = stand.end_load(), time.monotonic() - began
    failures = report["failures"]
    print(
        f"\n{report['requests']:,} requests of {report['callers']} callers in {seconds:,.0f} s, "
        f"{report['by_colour'].get('green', 0):,} of them to green; failed: "
        f"{sum(failures.values())} ({failures or 'none'})\n"
        f"p99 {report['p99_ms']} ms; WebSockets closed by the server, by code: {report['closes']}",
        flush=True,
    )
    for example in report["examples"]:
        print(f"  {example}")
    return well and not failures and set(report["closes"]) <= {"1012"}


def main() -> None:
    requests = int(sys.argv[1]) if len(sys.argv) > 1 else REQUESTS
    with tempfile.TemporaryDirectory() as name:
        lake = Path(name) / "lake"
        lake.mkdir()
        build_folder(lake)
        with open_stand(lake, Path(name) / "stand") as stand:
            well = drill(stand, requests)
    print("all is well" if well else "NOT WELL")
    sys.exit(not well)


if __name__ == "__main__":
    main()
