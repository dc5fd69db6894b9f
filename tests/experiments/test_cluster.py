"""Stacks on a Ray cluster: the driver's decisions on a made cluster, then two real nodes."""

import contextlib
import re
import socket
import sys
import types

import pytest
import torch

from companion import cli
from companion.chapters.rescaling.experiments import scale_grid
from companion.evidence import records
from companion.experiments import cluster, driver, packs, runner, sources, stack_training, worker
from companion.training.many_runs import Stack
from tests.references import toy
from tests.references.toy import EPOCHS, RUNS, Interrupt, assert_same

# --- a cluster that is made: tasks run in this process when they are waited for -----------------


class Lost(Exception):
    """Stands for ray.exceptions.RayError: the worker is gone."""


class Failed(Lost, RuntimeError):
    """Stands for ray.exceptions.RayTaskError, which is of the cause's class too."""


class Made:
    """As much of Ray's interface as the driver uses, one task at a time."""

    exceptions = types.SimpleNamespace(RayError=Lost, RayTaskError=Failed)

    def __init__(self, lose=(), **resources):
        self.resources, self.lose = {"CPU": 2.0, **resources}, list(lose)
        self.options, self.sent, self.cancelled, self.killed = [], [], [], 0

    def cluster_resources(self):
        return self.resources

    def put(self, value):
        return value

    def get_runtime_context(self):
        return types.SimpleNamespace(get_node_id=lambda: "0" * 56)

    def remote(self, work):
        made = self

        class Remote:
            def options(self, **options):
                self.chosen = options
                return self

            def remote(self, *arguments):
                if work is worker.Mailbox:
                    return Actor(work())
                made.options.append(self.chosen)
                task = Task(lambda: work(*arguments))
                if work is worker.train:
                    made.sent.append(packs.stack_key(arguments[0]))
                return task

        return Remote()

    def wait(self, tasks, timeout):
        task = tasks[0]
        if self.lose and self.lose.pop(0):
            task.result = Lost("worker gone")
        else:
            try:
                task.result = task.work()
            except Exception as error:
                task.result = Failed(error)
        return [task], tasks[1:]

    def get(self, task):
        if not isinstance(task, Task):
            return task
        if not hasattr(task, "result"):
            task.result = task.work()
        if isinstance(task.result, Exception):
            raise task.result
        return task.result

    def cancel(self, task, force):
        self.cancelled.append(task)

    def kill(self, actor):
        self.killed += 1


class Task:
    def __init__(self, work):
        self.work = work


class Actor:
    """Its methods are called at once, as ``actor.method.remote(...)``."""

    def __init__(self, inner):
        for name in ("count", "keep", "take"):
            method = getattr(inner, name)
            setattr(self, name, types.SimpleNamespace(remote=method))


@pytest.fixture
def made(monkeypatch):
    """Trains the toy experiment on a made cluster."""
    toy.small(monkeypatch)
    monkeypatch.setattr(driver, "_only_on", lambda node: node)
    monkeypatch.setattr(worker, "_code", lambda: toy.CODE)

    def train(out, ray, **options):
        return toy.train(out, engine=driver.Engine(ray, "auto", None), **options)

    return train


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> records.Record:
    """The toy's record, trained by the local runner."""
    with pytest.MonkeyPatch.context() as patch:
        toy.small(patch)
        return toy.train(tmp_path_factory.mktemp("whole"))


def test_the_record_is_that_of_the_local_runner(tmp_path, made, whole):
    ray, reported = Made(), []
    record = made(tmp_path, ray, progress=lambda *_: reported.append)
    assert_same(record, whole)
    assert record.provenance["stacks"] == whole.provenance["stacks"]
    [only] = record.provenance["trained"]
    assert list(only["parts"]) == record.provenance["stacks"]
    assert sum(reported) == RUNS * EPOCHS
    assert ray.options == 3 * [{"num_cpus": 1, "max_retries": 0, "scheduling_strategy": "SPREAD"}]
    assert (ray.cancelled, ray.killed) == ([], 1)
    assert made(tmp_path, Made()).path == record.path  # complete: nothing is sent


def test_news_that_come_after_the_tables_are_not_missing(tmp_path, made, monkeypatch):
    monkeypatch.setattr(worker.Mailbox, "take", lambda mailbox: ({}, {}))
    reported = []
    made(tmp_path, Made(), progress=lambda *_: reported.append)
    assert reported == [2 * EPOCHS] * 3


def test_no_place_stays_empty_while_another_has_several_stacks(tmp_path, made, monkeypatch):
    monkeypatch.setattr(packs, "stack_size", lambda run, device: 100)
    ray = Made(CPU=3.0)
    made(tmp_path, ray)
    assert ray.sent == ["00000-00001", "00002-00003", "00004-00005"]


def test_a_lost_worker_costs_one_stack_which_goes_on_from_its_checkpoint(tmp_path, made, whole):
    said, reported = [], []
    ray = Made(lose=[False, True, True])
    record = made(tmp_path, ray, notice=said.append, progress=lambda *_: reported.append)
    assert_same(record, whole)
    assert ray.sent == [*whole.provenance["stacks"], "00002-00003", "00004-00005"]
    assert said == [
        f"The worker that trained runs {runs} was lost (Lost): they go on from their last "
        "checkpoint on another, attempt 2 of 4."
        for runs in ("2 to 3", "4 to 5")
    ]
    assert sum(reported) == RUNS * EPOCHS


def test_a_stack_that_loses_every_worker_ends_with_a_sentence(tmp_path, made, whole):
    ray = Made(lose=[False] + 20 * [True])
    with pytest.raises(ValueError, match=r"a stack may lose its worker 3 times, and runs . to ."):
        made(tmp_path, ray)
    assert ray.killed == 1
    assert len(ray.cancelled) == 1
    assert_same(made(tmp_path, Made()), whole)  # the first stack is kept


@pytest.mark.parametrize("then", ["cluster", "here"])
def test_an_interrupted_record_goes_on_from_checkpoints(tmp_path, made, whole, then, monkeypatch):
    """Checkpoints reach the driver: what trains next, here or there, starts from them."""
    trained, original = [], Stack.train_epoch

    def train_epoch(stack, stop=None):
        assert original(stack, stop)
        trained.append((stack.runs[0].number, stack.epoch))
        if trained == [(0, 1), (0, 2), (0, 3), (0, 4), (2, 1), (2, 2), (2, 3)]:
            raise RuntimeError("stop")
        return True

    monkeypatch.setattr(Stack, "train_epoch", train_epoch)
    with pytest.raises(RuntimeError, match="stop"):
        made(tmp_path, Made())
    partial = tmp_path / "toy-made-quick.partial"
    assert [path.name for path in partial.glob("parts/*")] == ["00000-00001"]
    assert [path.stem for path in partial.glob("checkpoints/*")] == ["00002-00003"]
    del trained[:]
    record = made(tmp_path, Made()) if then == "cluster" else toy.train(tmp_path)
    assert_same(record, whole)
    assert trained[:2] == [(2, 3), (2, 4)]


def test_an_interruption_stops_the_workers(tmp_path, made, whole):
    ray = Made()
    with pytest.raises(KeyboardInterrupt):
        made(tmp_path, ray, progress=Interrupt(2, KeyboardInterrupt))
    assert (len(ray.cancelled), ray.killed) == (2, 1)  # the second stack had not been taken yet
    assert_same(made(tmp_path, Made()), whole)


def test_a_stack_too_large_for_a_worker_is_sent_as_two_halves(tmp_path, made, whole, monkeypatch):
    class Small(Stack):
        def __init__(self, runs, split):
            if len(runs) > 2:
                raise torch.OutOfMemoryError("out of memory")
            super().__init__(runs, split)

    monkeypatch.setattr(stack_training, "Stack", Small)
    monkeypatch.setattr(packs, "stack_size", lambda run, device: 4)
    said, ray = [], Made(CPU=1.0)
    assert_same(made(tmp_path, ray, notice=said.append), whole)
    assert ray.sent == ["00000-00003", "00004-00005", "00000-00001", "00002-00003"]
    assert len(said) == 1
    assert said[0].startswith("4 runs at once do not fit in the memory of a worker's cpu")
    monkeypatch.setattr(packs, "stack_size", lambda run, device: 1)
    monkeypatch.setattr(Small, "__init__", lambda *_: (_ for _ in ()).throw(MemoryError()))
    with pytest.raises(ValueError, match=r"run 0 \(none\) alone does not fit in that of a worker"):
        made(tmp_path / "b", Made())


def test_a_fault_in_the_training_is_not_tried_again(tmp_path, made, monkeypatch):
    monkeypatch.setattr(stack_training, "Stack", lambda *_: 1 / 0)
    ray = Made()
    with pytest.raises(Failed, match="division"):
        made(tmp_path, ray)
    assert len(ray.sent) == 3


def test_a_worker_with_other_code_is_refused(tmp_path, made, monkeypatch):
    monkeypatch.setattr(worker, "_code", lambda: {**toy.CODE, "source": "1", "commit": "other"})
    with pytest.raises(ValueError, match=r"one has another \(commit other\); install the same"):
        made(tmp_path, Made())


def test_the_share_of_a_gpu_follows_the_size_of_the_stack(monkeypatch):
    monkeypatch.setattr(worker.machine, "pick_device", torch.device)
    monkeypatch.setattr(packs, "stack_size", lambda run, device: 8)
    plan = toy.TOY.runs("quick", (2, 3, 3), 3, runs=4)
    for most, share, expected in [
        (12, None, [(8, 1.0), (4, 0.5)]),
        (6, None, [(6, 0.75), (6, 0.75)]),
        (12, 0.5, [(4, 0.5)] * 3),
        (12, 0.01, [(1, 0.01)] * 12),
    ]:
        found = worker.packed(plan, "cuda", [], most, share)
        assert [(len(stack), share) for stack, share in found] == expected
    assert [share for _, share in worker.packed(plan, "cpu", [], 6, None)] == [0, 0]


def test_a_gpu_is_asked_on_the_cluster_and_its_share_sent(tmp_path, made, monkeypatch):
    monkeypatch.setattr(worker.machine, "pick_device", lambda name: torch.device("cpu"))
    monkeypatch.setattr(worker, "packed", lambda runs, *_: [(list(runs[:2]), 0.25)])
    ray = Made(GPU=4.0)
    with pytest.raises(ValueError, match="each arm has 2 runs"):  # one stack of three
        made(tmp_path, ray)
    assert ray.options[0] == {"num_cpus": 1, "num_gpus": 1}
    assert ray.options[1]["num_gpus"] == 0.25


def test_a_checkpoint_travels_on_the_cpu():
    state = {"a": [torch.ones(2), 3, "x"], "b": (torch.zeros(1),)}
    copy = worker.on_cpu(state)
    state["a"][0].zero_()
    assert copy["a"][0].tolist() == [1, 1]
    assert copy["a"][1:] == [3, "x"]
    assert isinstance(copy["b"], tuple)


# --- what is refused ----------------------------------------------------------------------------


def refused(capsys, *options):
    with pytest.raises(SystemExit) as end:
        cli.main(["run", "scale-grid", "--scale", "quick", *options])
    assert end.value.code == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    return err


def test_without_ray_there_is_one_sentence(tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    said = refused(capsys, "--cluster", "local", "--out", str(tmp_path / "x"))
    assert said == (
        "--cluster needs Ray, which is not installed; pip install 'weights-in-scale[cluster]'.\n"
    )
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--gpus-per-stack", "0.5"], "--gpus-per-stack needs --cluster, got 0.5 alone"),
        (["--cluster", "local", "--gpus-per-stack", "2"], r"must be in \(0, 1\], got 2; 0.5 lets"),
        (["--cluster", "local", "--device", "cuda:1"], "must be auto, cpu or cuda, got 'cuda:1'"),
        (["--cluster", "somewhere"], "got 'somewhere'; give both, as in 192.168.0.10:6379"),
        (["--cluster", "127.0.0.1:9"], r"got '127.0.0.1:9' \(Connection refused\); start one"),
    ],
)
def test_what_a_cluster_cannot_be_asked(tmp_path, capsys, options, sentence):
    pytest.importorskip("ray")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ray.init", lambda **_: pytest.fail("must not be reached"))
        said = refused(capsys, *options, "--out", str(tmp_path / "x"))
    assert re.search(sentence, said), said
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize(
    "error",
    [
        ConnectionError("no cluster"),
        TimeoutError("the file did not appear"),
        Exception("The current node timed out during startup."),
    ],
)
def test_a_cluster_that_does_not_answer(monkeypatch, error):
    ray = pytest.importorskip("ray")

    def init(**_):
        raise error

    monkeypatch.setattr(ray, "init", init)
    said = rf"got 'auto' \({type(error).__name__}\); start one there with `ray start --head`"
    with (
        pytest.raises(ValueError, match=said),
        cluster.connect("auto"),
    ):
        pytest.fail("connected")


@pytest.mark.parametrize(
    ("address", "options"),
    [("local", {"address": "local", "include_dashboard": False}), ("auto", {"address": "auto"})],
)
def test_how_ray_is_started(monkeypatch, address, options):
    ray = pytest.importorskip("ray")
    seen, ended = [], []
    monkeypatch.setattr(ray, "init", lambda **given: seen.append(given))
    monkeypatch.setattr(ray, "shutdown", lambda: ended.append(1))
    monkeypatch.setattr(ray, "cluster_resources", lambda: {"CPU": 2.0})
    with cluster.connect(address, "auto") as engine:
        assert (engine.device, engine.places) == ("cpu", 2)
    assert options.items() <= seen[0].items()
    with (
        pytest.raises(ValueError, match="--device cuda needs a cluster with a free GPU, and this"),
        cluster.connect(address, "cuda"),
    ):
        pytest.fail("connected")
    assert len(ended) == 2


# --- two real nodes -----------------------------------------------------------------------------

ARMS = list(scale_grid.GRID.arms)[:2]
LENGTH = 80
PLAN = {"runs": 2, "epochs": LENGTH, "arms": ARMS}


@pytest.fixture
def nodes(monkeypatch):
    """A head and a second node with a CPU each."""
    pytest.importorskip("ray")
    from ray.cluster_utils import Cluster

    monkeypatch.setenv("PYTHONPATH", str(sources.PACKAGE.parent))
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    few = {"include_dashboard": False, "include_log_monitor": False, "no_monitor": True}
    both = Cluster(initialize_head=True, head_node_args={**size(), **few})
    try:
        yield both, both.add_node(**size())
    finally:
        both.shutdown()


def wait_for_workers(ray):
    """Return when each node has a worker that has imported what trains."""

    def ready():
        import companion.experiments.worker

        return companion.experiments.worker.__name__

    tasks = [
        ray.remote(ready).options(scheduling_strategy=driver._only_on(node["NodeID"])).remote()
        for node in ray.nodes()
    ]
    assert set(ray.get(tasks, timeout=120)) == {worker.__name__}


def size():
    """A small node. Ports that are given spare its start the wait for those that report theirs."""
    names = ("metrics_agent_port", "metrics_export_port")
    names += ("dashboard_agent_listen_port", "runtime_env_agent_port")
    with contextlib.ExitStack() as stack:
        open_ = [stack.enter_context(socket.create_server(("", 0))) for _ in names]
        ports = {name: one.getsockname()[1] for name, one in zip(names, open_, strict=True)}
    return {"num_cpus": 1, "object_store_memory": 80 * 2**20, **ports}


def test_a_node_that_is_removed_costs_nothing_but_time(tmp_path, nodes, monkeypatch):
    both, second = nodes
    monkeypatch.setattr(packs, "stack_size", lambda run, device: 2)
    monkeypatch.setattr(stack_training, "CHECKPOINT_SECONDS", 0.5)
    monkeypatch.setattr(driver, "LISTEN", 0.05)
    experiment = scale_grid.GRID
    said, removed = [], []
    with cluster.connect(both.address) as engine:
        assert engine.places == 2
        wait_for_workers(engine.ray)  # so that both nodes train at the same time

        def begin(total, done):
            assert (total, done) == (4 * LENGTH, 0)
            return report

        def report(_):
            training = [one for one in engine.running.values() if one.counted.total]
            if not removed and len(training) == 2:
                removed.append(second)
                both.remove_node(second, allow_graceful=False)

        record = runner.run(
            experiment,
            "quick",
            out=tmp_path / "cluster",
            device="cpu",
            progress=begin,
            notice=said.append,
            engine=engine,
            **PLAN,
        )
    assert removed
    assert len(said) == 1
    assert "was lost (" in said[0]
    local = runner.run(experiment, "quick", out=tmp_path / "local", device="cpu", **PLAN)
    assert_same(record, local)
    [only] = record.provenance["trained"]
    assert list(only["parts"]) == record.provenance["stacks"] == local.provenance["stacks"]
    assert all(seconds > 0 for seconds in only["parts"].values())
    assert set(record.provenance["tables"]) == {"epochs", "layers"}
