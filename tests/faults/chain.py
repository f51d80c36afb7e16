"""The steps of some days as commands, each begun where the one before has ended."""

from __future__ import annotations

import time
from dataclasses import dataclass

from tests.faults.world import Content, World, what_agrees
from tests.job_server import Job, Jobs

OF_AAPL = "--source sample --symbols AAPL --interval 1d"
DAILY = "aapl_daily --source sample"
HISTORY = (
    f"ingest {OF_AAPL} --start 2023-01-03 --end 2026-09-25",
    f"train {DAILY} --as-of 2026-09-25",
)
BEGINNING = "history"


@dataclass(frozen=True)
class Step:
    """A command of `bullion`, and the step after which it is run."""

    name: str
    command: str
    after: str = BEGINNING


STEPS = (
    Step("ingest", f"ingest {OF_AAPL} --start 2026-09-25 --end 2026-10-03"),
    Step("train", f"train {DAILY} --as-of 2026-10-02", after="ingest"),
    Step("score", f"score {DAILY} --start 2026-09-25 --end 2026-10-02", after="ingest"),
    Step("outcomes", f"outcomes {DAILY}", after="score"),
    Step("monitor", f"monitor {DAILY} --as-of 2026-10-02", after="outcomes"),
    Step("compact", "compact --keep-days 0", after="outcomes"),
    Step("backup", "backup {backups}", after="outcomes"),
)


@dataclass(frozen=True)
class Undisturbed:
    """What a step leaves where nothing disturbs it, and how long it takes."""

    content: Content
    seconds: float


class Chain:
    """A world in which each step can be begun; what comes before it is made once."""

    def __init__(self, world: World, jobs: Jobs) -> None:
        self.world, self._jobs = world, jobs
        self._saved: set[str] = set()

    def begin(self, step: Step) -> None:
        """Make the world the one in which the step begins."""
        self._make(step.after)
        self.world.put_back(step.after)

    def start(self, step: Step) -> Job:
        return self._start(step.command)

    def run(self, step: Step) -> float:
        """Run a step to its end; return its seconds. It must succeed."""
        return self._run(step.command)

    def run_undisturbed(self, step: Step) -> Undisturbed:
        """Run the step twice: what both runs agree on is what a disturbed run must leave."""
        contents: list[Content] = []
        for _ in range(2):
            self.begin(step)
            seconds = self.run(step)
            contents.append(self.world.content())
        return Undisturbed(what_agrees(*contents), seconds)

    def words(self, command: str) -> list[str]:
        return command.format(backups=self.world.backups).split()

    def _make(self, name: str) -> None:
        if name in self._saved:
            return
        if name == BEGINNING:
            for command in HISTORY:
                self._run(command)
        else:
            step = next(step for step in STEPS if step.name == name)
            self.begin(step)
            self.run(step)
        self.world.save(name)
        self._saved.add(name)

    def _run(self, command: str) -> float:
        began = time.monotonic()
        code, text = self._start(command).result()
        assert code == 0, f"bullion {command}:\n{text}"
        return time.monotonic() - began

    def _start(self, command: str) -> Job:
        return self._jobs.start("run_bullion", *self.words(command))
