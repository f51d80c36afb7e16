"""Each step is killed, runs out of disk and meets errors of it; the next run makes the rows whole.

What a step must leave after a fault: a lake that verify finds nothing in, and, once the step has
been run again, the rows of a run that nothing disturbed.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.chain import STEPS, Chain, Step, Undisturbed
from tests.faults.injected import count_calls, require_strace, run_traced
from tests.faults.world import World, differences
from tests.job_server import Jobs

ROUNDS = 12
FAULTS = {"a full disk": "error=ENOSPC", "an error of the disk": "error=EIO"}


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chain]:
    with pytest.MonkeyPatch.context() as patch, Jobs() as jobs:
        yield Chain(World(tmp_path_factory.mktemp("faults"), patch), jobs)


@pytest.fixture(autouse=True)
def settings_of_the_world(
    lake_settings: object, chain: Chain, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each test's own settings give way to the world's."""
    chain.world.name_in(monkeypatch)


def assert_repeats(chain: Chain, step: Step, undisturbed: Undisturbed) -> None:
    """Nothing is torn, and the step's next run leaves what it would have left."""
    assert chain.world.problems() == []
    chain.run(step)
    assert differences(chain.world.content(), undisturbed.content) == []
    assert chain.world.problems() == []


@pytest.mark.torture
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)
def test_a_step_killed_at_any_time_repeats_to_the_same_rows(chain: Chain, step: Step) -> None:
    undisturbed, draw = chain.run_undisturbed(step), random.Random(step.name)
    for number in range(1, ROUNDS + 1):
        chain.begin(step)
        job = chain.start(step)
        moment = draw.uniform(0.02, 1.0)
        time.sleep(undisturbed.seconds * moment)
        job.kill()
        print(f"{step.name}: killed at {moment:.0%}, round {number} of {ROUNDS}")
        assert_repeats(chain, step, undisturbed)


@pytest.mark.torture
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)
def test_a_step_that_meets_a_fault_of_the_disk_says_so_and_repeats(
    chain: Chain, step: Step, fault: str, tmp_path: Path
) -> None:
    require_strace()
    undisturbed, draw = chain.run_undisturbed(step), random.Random(step.name + fault)
    words, log = chain.words(step.command), tmp_path / "calls"
    chain.begin(step)
    assert run_traced(words, log).returncode == 0
    calls = count_calls(log)
    for number in range(ROUNDS // 2):
        chain.begin(step)
        first = draw.randint(1, calls)
        ended = run_traced(words, log, f"{FAULTS[fault]}:when={first}+")
        print(f"{step.name}, {fault} from call {first} of {calls} on: exit {ended.returncode}")
        assert "Traceback" not in ended.stderr, ended.stderr
        assert ended.returncode == 0 or ended.stderr.strip(), f"nothing was said, round {number}"
        assert_repeats(chain, step, undisturbed)
