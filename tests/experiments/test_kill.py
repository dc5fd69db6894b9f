"""Real processes that are killed at any moment, and two that want the same record."""

import itertools
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import pytest

import companion
from companion.chapters.rescaling.experiments import scale_grid
from companion.evidence import checkpoints, records
from companion.experiments import stack_training

PERIOD = 0.01
"""Seconds between checkpoints, instead of the runner's minute."""
KILLS = 6
# one stack for each width, so that a record has parts before it has all its rows
ARMS = [
    next(arm for arm in scale_grid.GRID.arms if arm.startswith(f"width {width}, "))
    for width in scale_grid.WIDTHS[:3]
]
EPOCHS = 24
MOST = len(ARMS) * EPOCHS // KILLS - 5
"""Epochs that a process trains before it is killed, at most: none of them comes to the end."""
COMMAND = ["run", "scale-grid", "--scale", "quick", "--runs", "2", "--epochs", str(EPOCHS)]
COMMAND += ["--device", "cpu", *(part for arm in ARMS for part in ("--arm", arm))]

# Forks a process for every line it reads: without the fork each would import torch for seconds.
# Apart from the period and the log, a child is `python -m companion.cli` with those arguments.
LAUNCHER = """
import json, os, signal, sys, time
import companion.cli, companion.evidence.comparison
import sklearn.datasets, tqdm
from companion.experiments import packs, runner, stack_training
from companion.training.many_runs import Stack

stack_training.CHECKPOINT_SECONDS = float(sys.argv[1])
train_epoch = Stack.train_epoch

def logged(stack, stop=None):
    global epochs
    if not train_epoch(stack, stop):
        return False
    line = f"{packs.stack_key(stack.runs)} {stack.epoch} {time.monotonic()}\\n"
    os.write(log, line.encode())  # one write: a kill leaves whole lines
    epochs += 1
    mortal()
    while os.path.exists(job["hold"]):
        time.sleep(0.005)
    return True

def mortal():
    if job["dies"] and epochs == job["dies"][0]:
        # no handler: the system ends it, after so many seconds of its own work
        signal.setitimer(signal.ITIMER_VIRTUAL, job["dies"][1])

Stack.train_epoch = logged
for line in sys.stdin:
    job = json.loads(line)
    if "wait" in job:
        _, status = os.waitpid(job["wait"], 0)
        print(os.waitstatus_to_exitcode(status), flush=True)
        continue
    child = os.fork()
    if not child:
        log = os.open(job["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(os.open(job["errors"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 2)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        epochs = 0
        mortal()
        try:
            companion.cli.main(job["arguments"])
        except SystemExit as end:
            sys.stderr.flush()
            os._exit(end.code)
    print(child, flush=True)
"""

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="the processes are forks")


class Epoch(NamedTuple):
    """An epoch that a process trained: of which stack, its number, and when it ended."""

    stack: str
    number: int
    ended: float


class Session:
    """One process that runs the command on the records in a folder.

    dies: after so many epochs, and then so many seconds of its own work, the system ends it at
    once, however busy the machine is. hold: it waits after an epoch as long as that file is there.
    """

    def __init__(
        self,
        launcher: subprocess.Popen,
        out: Path,
        log: str,
        dies: tuple[int, float] | None = None,
        hold: str = "",
    ):
        self.launcher, self.log, self.errors = launcher, out / log, out / f"{log}.err"
        out.mkdir(exist_ok=True)
        arguments = [*COMMAND, "--out", str(out)]
        files = {"log": str(self.log), "errors": str(self.errors)}
        self.process = self._ask({"arguments": arguments, "dies": dies, "hold": hold, **files})

    def _ask(self, job: dict) -> int:
        print(json.dumps(job), file=self.launcher.stdin, flush=True)
        return int(self.launcher.stdout.readline())

    def code(self) -> int:
        """Wait for the end."""
        return self._ask({"wait": self.process})

    def epochs(self) -> list[Epoch]:
        words = (
            [line.split() for line in self.log.read_text().splitlines()]
            if self.log.exists()
            else []
        )
        return [Epoch(stack, int(number), float(ended)) for stack, number, ended in words]


@pytest.fixture(scope="module")
def session():
    environment = {
        **os.environ,
        "PYTHONPATH": str(Path(companion.__file__).parents[1]),
        "OMP_NUM_THREADS": "1",
    }
    command = [sys.executable, "-c", LAUNCHER, str(PERIOD)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, env=environment, **pipes) as launcher:
        yield lambda *given, **more: Session(launcher, *given, **more)
        launcher.stdin.close()


@pytest.fixture(scope="module")
def whole(session, tmp_path_factory):
    """The record of a process that nobody kills."""
    out = tmp_path_factory.mktemp("whole")
    undisturbed = session(out, "log")
    assert undisturbed.code() == 0, undisturbed.errors.read_text()
    assert len(undisturbed.epochs()) == len(ARMS) * EPOCHS
    return records.load(out / "scale-grid-digits-quick")


def digests(record):
    return {name: entry["sha256"] for name, entry in record.provenance["tables"].items()}


def stored(out):
    """Epoch of the checkpoint of each stack under way, and the keys of the finished ones."""
    partial = out / "scale-grid-digits-quick.partial"
    under_way = {
        path.stem: checkpoints.read(path)["stack"]["epoch"]
        for path in (partial / "checkpoints").glob("[!.]*.pt")
    }
    return under_way, {path.name for path in (partial / "parts").glob("[!.]*")}


def test_killed_at_any_moment_and_resumed_the_record_is_the_same(session, whole, tmp_path):
    chance = random.Random(0)
    logs, resumed, kept = [], 0, []
    for number in range(KILLS):
        # anywhere in an epoch, a checkpoint or a part
        dies = chance.randint(0, MOST), chance.uniform(0.001, 0.03)
        mortal = session(tmp_path, f"log-{number}", dies)
        assert mortal.code() == -signal.SIGVTALRM, mortal.errors.read_text()
        under_way, parts = stored(tmp_path)
        logs.append(mortal.epochs())
        assert_little_is_lost(logs[-1], under_way, parts)
        kept.append((under_way, parts))
    last = session(tmp_path, "log-last")
    assert last.code() == 0, last.errors.read_text()
    logs.append(last.epochs())
    for (under_way, parts), log in zip(kept, logs[1:], strict=True):
        firsts = {}
        for epoch in log:
            firsts.setdefault(epoch.stack, epoch.number)
        assert not parts & set(firsts)
        for stack, first in firsts.items():
            assert first == under_way.get(stack, 0) + 1
            resumed += first > 1
    assert resumed >= 3  # the kills came where something was at stake
    assert any(parts for _, parts in kept)
    again = records.load(tmp_path / whole.name)
    assert digests(again) == digests(whole)
    assert records.verify(again.path) == []
    assert not (tmp_path / f"{whole.name}.partial").exists()


def assert_little_is_lost(log: list[Epoch], under_way: dict, parts: set) -> None:
    """No epoch that ended a period before the kill is lost.

    What a kill loses of a stack are the epochs after its checkpoint. Each but the last, at whose
    end a checkpoint may have been due, ended within one period after the checkpoint before.
    """
    for stack, epochs in itertools.groupby(log, key=lambda epoch: epoch.stack):
        lost = [epoch for epoch in epochs if epoch.number > under_way.get(stack, 0)]
        if stack not in parts and len(lost) > 2:
            assert lost[-2].ended - lost[0].ended < PERIOD


def test_two_processes_at_once_make_one_record(session, whole, tmp_path):
    """One trains, the other is told so and touches nothing."""
    hold = tmp_path / "hold"
    hold.touch()
    winner = session(tmp_path, "one", hold=str(hold))
    limit = time.monotonic() + 300
    while not winner.epochs():
        assert time.monotonic() < limit, winner.errors.read_text()
        time.sleep(0.005)
    loser = session(tmp_path, "two")
    assert loser.code() == 2
    hold.unlink()
    assert winner.code() == 0
    sentence = loser.errors.read_text().splitlines()[-1]
    assert "a folder has one writer at a time and" in sentence
    assert "is in use by another; wait until it ends, or choose another --out." in sentence
    assert loser.epochs() == []
    made = records.load(tmp_path / whole.name)
    assert digests(made) == digests(whole)
    assert records.verify(made.path) == []


def test_the_runners_own_period_is_a_minute():
    assert stack_training.CHECKPOINT_SECONDS == 60
