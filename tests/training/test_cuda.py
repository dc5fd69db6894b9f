"""What only a GPU can show: its paths give what the CPU gives. Skipped where there is none."""

from dataclasses import replace

import pytest
import torch

from companion import machine
from companion.evidence import records
from companion.experiments import packs, runner
from companion.training import packing
from companion.training.many_runs import Stack
from companion.training.settings import Run
from tests.references import tiny, toy
from tests.training.test_stacks import ALEXNET, LENET, MLP, RESNET, SPLIT

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.filterwarnings("ignore:TensorFloat32 tensor cores:UserWarning"),  # advice
]


def both(runs: list[Run], dtype: torch.dtype, epochs: int = 2) -> tuple[Stack, Stack]:
    """The same runs trained on the CPU and on the GPU."""
    stacks = Stack(runs, SPLIT, dtype), Stack(runs, SPLIT.to("cuda"), dtype)
    for stack in stacks:
        for _ in range(epochs):
            stack.train_epoch()
    return stacks


def close(here: Stack, there: Stack, relative: float) -> None:
    """Every layer's weights differ by less than a share of their norm."""
    for mine, theirs in zip(here.weights, there.weights, strict=True):
        gap = (theirs.cpu().double() - mine.double()).norm() / mine.double().norm()
        assert gap < relative


@pytest.mark.parametrize("parametrization", ["none", "weight_norm"])
@pytest.mark.parametrize("rule", [{"rescale": "wr"}, {"rescale": "wrs"}])
def test_a_rescaling_is_captured_and_acts_as_on_the_cpu(rule, parametrization):
    """Six steps an epoch: from the fourth rescaling on a graph is replayed."""
    base = replace(MLP, batch_size=5, parametrization=parametrization)
    runs = [Run(k, "arm", k, replace(base, **own)) for k, own in enumerate(({}, rule | {"tau": 1}))]
    here, there = both(runs, torch.float64)
    assert there.put_back[0].graph is not None
    close(here, there, 1e-5)


@pytest.mark.parametrize("base", [LENET, RESNET, ALEXNET])
def test_a_compiled_single_network_trains_as_on_the_cpu(base):
    runs = [Run(0, "alone", 3, replace(base, batch_size=15, weight_decay=0.01))]
    here, there = both(runs, torch.float32)
    assert there.network.compiled is not None
    close(here, there, 0.02)


@pytest.mark.parametrize("half", [torch.bfloat16, torch.float16])
def test_half_precision_follows_single_precision(half, monkeypatch):
    monkeypatch.setattr(machine, "half_precision", lambda device: half)
    run = Run(0, "alone", 3, replace(LENET, batch_size=15, precision="half"))
    single = Run(0, "alone", 3, replace(LENET, batch_size=15))
    there = Stack([run], SPLIT.to("cuda"))
    here = Stack([single], SPLIT)
    for stack in (here, there):
        for _ in range(2):
            stack.train_epoch()
    close(here, there, 0.05)


def test_a_stack_that_does_not_fit_a_gpu_is_halved(tmp_path, monkeypatch):
    """Within 1 GiB of memory 64 networks of 4 million weights do not fit, 16 do."""
    made = tiny.image_set()
    monkeypatch.setattr(toy.data, "load", lambda name: replace(made, name=name))
    monkeypatch.setattr(packs, "stack_size", lambda run, device: 64)
    wide = replace(toy.BASE, widths=(1, 2048, 2048, 1))
    experiment = replace(
        toy.TOY,
        arms={"none": wide},
        scales={"quick": replace(toy.TOY.scales["quick"], runs=64, epochs=1)},
    )
    torch.cuda.empty_cache()
    whole = torch.cuda.get_device_properties(0).total_memory
    allowed = torch.cuda.memory_reserved() + 2**30  # other tests' graphs may still hold theirs
    torch.cuda.set_per_process_memory_fraction(allowed / whole)
    said = []
    try:
        record = runner.run(experiment, "quick", out=tmp_path, device="cuda", notice=said.append)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert said
    assert all("at once do not fit" in sentence for sentence in said)
    assert record.epochs["run"].nunique() == 64
    assert records.verify(record.path) == []


def test_stacks_are_packed_by_the_free_memory():
    size = packing.stack_size(Run(0, "none", 0, MLP), torch.device("cuda"))
    free, _ = torch.cuda.mem_get_info()
    assert 1 < size < free // 4
