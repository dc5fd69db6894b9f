"""The benchmark compares like with like; how fast anything is is not tested here."""

import pytest
import torch

from companion.cli import main
from companion.experiments import benchmark
from companion.training.settings import Settings

SMALL = Settings(widths=(12, 5, 3), batch_size=8)


def test_the_operations_of_a_step_are_counted_by_hand():
    # forward 2 * (60 + 15), weight gradients the same, one input gradient 2 * 15; 8 images
    assert benchmark.flops(SMALL) == 8 * (2 * 75 + 2 * 75 + 2 * 15)


def test_every_contender_takes_its_turn_and_the_stack_is_the_unit():
    lines = benchmark.compare(SMALL, (3, 2, 2), runs=3, rounds=1)
    assert lines[0].contender == "stack"
    assert lines[0].ratio == 1
    assert 0 < lines[0].share < 1
    assert {line.case for line in lines} == {"12-5-3, batch 8, 3 runs"}
    for line in lines:
        assert line.milliseconds > 0
        assert line.ratio == pytest.approx(line.milliseconds / lines[0].milliseconds)


def test_the_loops_compute_one_step_of_the_same_training():
    split = benchmark.made_images((3, 2, 2), count=64, classes=3)
    for foreach, fused in ((False, False), (True, False), (False, True)):
        torch.manual_seed(0)
        benchmark.memory_steps(SMALL, split, foreach, fused)()
    benchmark.loader_steps(SMALL, split)()
    benchmark.stack_steps(SMALL, split, 2)()


def test_no_rounds_are_refused(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["bench", "--rounds", "0"])
    assert stop.value.code == 2
    assert "--rounds must be >= 1, got 0; 7 give a steady median" in capsys.readouterr().err
