"""The benchmark compares like with like; how fast anything is is not tested here."""

from dataclasses import replace

import pytest
import torch
from torch.nn.utils import parametrize

from companion.cli import main
from companion.experiments import benchmark, contenders, growth, overhead, performance, timing
from companion.experiments.benchmark import Case
from companion.training.many_runs import Stack
from companion.training.settings import Run, Settings

CPU = torch.device("cpu")
SMALL = Case(Settings(widths=(12, 5, 3), batch_size=8), (3, 2, 2), runs=3, gpu_runs=3)
LENET = Case(
    Settings(model="lenet5", widths=(1, 2, 3, 4, 4, 3), batch_size=4), (1, 8, 8), 1, 1, loader=False
)


@pytest.fixture
def quick(monkeypatch):
    """Turns of one step, and a small ceiling."""
    monkeypatch.setattr(timing, "TURN", 0.0)
    monkeypatch.setattr(timing, "CEILING", 256)


def test_the_operations_of_a_step_are_counted_by_hand():
    # forward 2 * (60 + 15), weight gradients the same, one input gradient 2 * 15; 8 images
    assert timing.flops(SMALL.settings, SMALL.shape) == 8 * (2 * 75 + 2 * 75 + 2 * 15)


def test_the_operations_of_a_convolution_are_counted_by_hand():
    # 28 x 28 places of a 5 x 5 kernel on 1 channel, then 10 x 10 places on 2, then 75-4-4-3
    first, second, linear = 28 * 28 * 25 * 2, 100 * 50 * 3, 75 * 4 + 16 + 12
    expected = 2 * 4 * (2 * first + 3 * second + 3 * linear)
    assert timing.flops(LENET.settings, LENET.shape) == expected


@pytest.mark.parametrize("case", [SMALL, LENET])
def test_every_contender_takes_its_turn_and_the_stack_is_the_unit(quick, case):
    lines = benchmark.compare(case, 1, CPU)
    named = {line.contender: line for line in lines}
    assert named["stack"].ratio == 1
    assert 0 < named["stack"].share < 1
    assert {line.case for line in lines} == {case.title}
    assert named["stack"].runs == case.runs
    assert named["in memory, fused"].runs == 1
    assert ("DataLoader, transforms" in named) == case.loader
    assert named["stack, compander"].runs == case.runs
    assert {"in memory, one run, compander", "forward, plain", "forward, compander"} <= set(named)
    for line in lines:
        assert line.milliseconds > 0
        assert line.ratio == pytest.approx(line.milliseconds / named["stack"].milliseconds)
    every = named["stack, WR every step"].ratio - 1
    once = named["stack, WR once an epoch"].ratio - 1
    assert once == pytest.approx(every / benchmark.EPOCH_STEPS)


@pytest.mark.parametrize("contender", ["stack", "memory", "loader"])
def test_all_contenders_take_the_same_step(monkeypatch, contender):
    """Same start, same images in one batch: the same weights after one step, in any order."""
    settings = replace(SMALL.settings, batch_size=20, learning_rate=0.1)
    split = contenders.made_images((3, 2, 2), count=62, classes=3)
    start = contenders.one_run.build(settings, 0, torch.float32, CPU)
    index = torch.arange(20)
    split = replace(
        split, train_images=split.train_images[index], train_labels=split.train_labels[index]
    )
    images, labels = split.standardize(split.train_images), split.train_labels
    optimizer = torch.optim.SGD(start.parameters(), lr=0.1, momentum=0.9)
    torch.nn.functional.cross_entropy(start(images), labels).backward()
    optimizer.step()

    made = []
    real = contenders._one

    def kept(*arguments, **how):
        made.append(real(*arguments, **how)[0])
        return made[-1], torch.optim.SGD(made[-1].parameters(), lr=0.1, momentum=0.9)

    monkeypatch.setattr(contenders, "_one", kept)
    if contender == "stack":
        stack = Stack([Run(r, "bench", r, settings) for r in range(2)], split)
        contenders.stack_steps(stack)()
        found = [weight[0] for weight in stack.weights]
    elif contender == "memory":
        doubled = torch.cat([index, index])
        twice = replace(
            split,
            train_images=split.train_images[doubled],
            train_labels=split.train_labels[doubled],
        )
        monkeypatch.setattr(torch, "randperm", lambda n, device=None: torch.arange(n))
        contenders.memory_steps(settings, twice, foreach=False, fused=False)()
        found = [layer.weight for layer in made[0].layers]
    else:
        contenders.loader_steps(settings, split)()
        found = [layer.weight for layer in made[0].layers]
    for mine, layer in zip(found, start.layers, strict=True):
        torch.testing.assert_close(mine, layer.weight, rtol=1e-4, atol=1e-6)


def test_a_baked_network_answers_what_the_bent_one_answers(monkeypatch):
    seen = []
    real = contenders.bake
    monkeypatch.setattr(
        contenders, "bake", lambda model: seen.append((model, real(model))) or model
    )
    bent = replace(SMALL.settings, parametrization="arctan", compander_clamp=True)
    split = contenders.made_images((3, 2, 2), count=62, classes=3)
    steps = contenders.forward_steps(SMALL.settings, bent, split)
    assert list(steps) == ["forward, plain", "forward, compander", "forward, baked"]
    [(model, baked)] = seen
    images = split.standardize(split.train_images[:8])
    assert torch.equal(model(images), baked(images))
    for step in steps.values():
        step()


def test_growth_changes_one_thing_at_a_time(quick, monkeypatch):
    for name, values in (("RUNS", (1, 2)), ("WIDTHS", (4, 8)), ("DEPTHS", (1, 2))):
        monkeypatch.setattr(growth, name, values)
    points = list(growth.measure(CPU, rounds=1))
    assert [(point.along, point.value) for point in points] == [
        ("runs", 1), ("runs", 2), ("width", 4), ("width", 8), ("depth", 1), ("depth", 2),
    ]  # fmt: skip
    one, two = points[:2]
    weights = 64 * 64 + 64 + 64 * 64 + 64 + 64 * 10 + 10
    counter = 8  # bytes of the optimizer's count of steps
    assert one.kept_mib * 2**20 == 2 * 4 * weights + counter
    assert two.kept_mib * 2**20 == 2 * 2 * 4 * weights + counter
    assert all(point.milliseconds > 0 and point.peak_mib is None for point in points)


def test_what_a_curve_adds_is_measured_against_the_same_network_without(quick, monkeypatch):
    monkeypatch.setattr(overhead, "MLP", replace(overhead.MLP, widths=(3072, 4, 10)))
    monkeypatch.setattr(overhead, "BATCHES", {"N's MLP, one run": (8, 16), "MLP, a stack": (8,)})
    made = []
    real = contenders._one

    def kept(*arguments, **how):
        made.append(real(*arguments, **how)[0])
        return made[-1], torch.optim.SGD(made[-1].parameters(), lr=0.1)

    monkeypatch.setattr(contenders, "_one", kept)
    shares = list(overhead.measure(CPU, rounds=1))
    found = [(share.network, share.batch) for share in shares]
    assert found == [("N's MLP, one run", 8), ("N's MLP, one run", 16), ("MLP, a stack", 8)]
    assert all(share.milliseconds > 0 and share.added > -1 for share in shares)
    assert [share.least is None for share in shares] == [False, False, True]
    kinds = [
        type(layer.parametrizations.weight[0]).__name__
        if parametrize.is_parametrized(layer := model.layers[0], "weight") else "plain"
        for model in made[:3]
    ]  # fmt: skip
    assert kinds == ["plain", "Compander", "Factor"]


def test_all_three_start_from_one_network():
    layer = torch.nn.Linear(3, 2)
    weight = layer.weight.detach().clone()
    overhead._by_a_factor(layer)
    assert torch.equal(layer.weight, weight)
    layer.weight.sum().backward()
    assert torch.equal(layer.parametrizations.weight.original.grad, torch.full_like(weight, 2.0))


def test_bench_prints_its_ratios_and_saves_what_it_measured(quick, monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(benchmark, "CPU_CASES", (SMALL,))
    for name in ("RUNS", "WIDTHS", "DEPTHS"):
        monkeypatch.setattr(growth, name, (2,))
    with pytest.raises(SystemExit) as stop:
        main(["bench", "--rounds", "1", "--device", "cpu", "--save", str(tmp_path)])
    assert stop.value.code == 0
    printed = capsys.readouterr().out
    for word in (
        "mlp 12-5-3, batch 8, 3 runs in the stack",
        "in memory, foreach",
        "2048-cubed",
        "depth",
    ):
        assert word in printed
    [path] = tmp_path.glob("*.json")
    measured = performance.load(path)
    assert path.stem == measured.name
    assert str(path) in printed
    assert measured.machine["device"] == "cpu"
    assert measured.lines[0].contender == "stack"
    assert performance.load(performance.save(measured, tmp_path / "again")) == measured


def test_bench_measures_the_overhead_alone(quick, monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(overhead, "BATCHES", {"N's MLP, one run": (8,), "N's MLP, a stack": (8,)})
    with pytest.raises(SystemExit) as stop:
        main(["bench", "--overhead", "--rounds", "1", "--device", "cpu", "--save", str(tmp_path)])
    assert stop.value.code == 0
    printed = capsys.readouterr().out
    for word in ("N's MLP, one run, batch 8", "arctan", "; a factor", "N's MLP, a stack, batch 8"):
        assert word in printed
    assert "2048-cubed" not in printed
    [path] = tmp_path.glob("*.json")
    measured = performance.load_overhead(path)
    assert [share.batch for share in measured.shares] == [8, 8]
    assert performance.load_overhead(performance.save(measured, tmp_path / "again")) == measured


def test_a_folder_that_takes_nothing_is_refused_before_anything_is_measured(
    monkeypatch, capsys, tmp_path
):
    monkeypatch.setattr(performance, "measure", None)
    (tmp_path / "file").touch()
    with pytest.raises(SystemExit) as end:
        main(["bench", "--save", str(tmp_path / "file")])
    assert end.value.code == 2
    assert "must be usable and is not (File exists)" in capsys.readouterr().err


def test_no_rounds_are_refused(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["bench", "--rounds", "0"])
    assert stop.value.code == 2
    assert "--rounds must be >= 1, got 0; 7 give a steady median" in capsys.readouterr().err


def test_bench_has_rounds_of_its_own(capsys):
    with pytest.raises(SystemExit):
        main(["bench", "--device", "tpu"])
    err = capsys.readouterr().err
    assert "device" in err
    assert "Traceback" not in err
