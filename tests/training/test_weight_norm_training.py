"""Lengths and directions as settings of a training: one run, stacks, and what is refused."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from companion.methods.initialization import scalable_layers, weight_norm_
from companion.theory import weight_norm as theory
from companion.training import one_run
from companion.training.many_runs import Stack
from companion.training.parts.start import LENGTHS, START_IMAGES
from companion.training.settings import PER_RUN, Run, Settings
from tests.references import tiny

SPLIT = tiny.split()
NORMED = Settings(
    widths=(tiny.INPUTS, 9, 5, tiny.CLASSES),
    parametrization="weight_norm",
    learning_rate=0.02,
    batch_size=8,
    epochs=2,
)
RESNET = replace(NORMED, model="resnet18", widths=(2, 4, 4, 8, 8, 3))


@pytest.mark.parametrize("base", [NORMED, RESNET], ids=["mlp", "resnet"])
def test_a_stack_of_every_start_equals_one_run(base):
    """Starts are each run's own: all in one stack, with rescalings that need their scale."""
    changes = [{"lengths": lengths} for lengths in LENGTHS]
    changes += [
        {"lengths": "forward", "directions": "gaussian", "gain": 1.0},
        {"lengths": "one", "rescale": "wr", "tau": 2},
        {"lengths": "forward", "rescale": "wr", "tau": 1, "rescale_to": "initial"},
        {"lengths": "one", "rescale": "wrs", "tau": 3},
    ]
    epochs = 2 if base is NORMED else 1
    runs = [Run(k, "a", 40 + k, replace(base, epochs=epochs, **c)) for k, c in enumerate(changes)]
    stack = Stack(runs, SPLIT, torch.float64)
    measured = [stack.measure()]
    for _ in range(epochs):
        stack.train_epoch()
        measured.append(stack.measure())
    for r, run in enumerate(runs):
        model, rows = one_run.train(run.settings, SPLIT, run.seed, torch.float64)
        for stacked, (_, layer) in zip(stack.weights, scalable_layers(model), strict=True):
            torch.testing.assert_close(stacked[r], layer.weight.detach(), rtol=1e-8, atol=1e-8)
        for ours, row in zip(measured, rows, strict=True):
            np.testing.assert_allclose(ours["test_loss"][r], row["test_loss"], rtol=1e-8)


@pytest.mark.parametrize("lengths", ["forward", "backward", "one"])
def test_a_run_starts_at_the_rules_lengths(lengths):
    model = one_run.build(replace(NORMED, lengths=lengths), 3, torch.float64, torch.device("cpu"))
    for layer, gain in zip(model.layers, (math.sqrt(2), math.sqrt(2), 1.0), strict=True):
        expected = theory.length(lengths, layer.in_features, layer.out_features, gain)
        found = layer.parametrizations.weight.original0.flatten().tolist()
        assert found == pytest.approx([expected] * layer.out_features)
        assert not layer.bias.any()


def test_a_start_from_data_uses_images_of_the_runs_own():
    settings = replace(NORMED, lengths="data")
    images = SPLIT.standardize(SPLIT.train_images, torch.float64)
    assert len(images) <= START_IMAGES  # so every run sees all of them
    model = one_run.build(settings, 3, torch.float64, torch.device("cpu"), SPLIT)
    z = model.preactivations(images)
    for values in z:
        torch.testing.assert_close(values.mean(0), torch.zeros_like(values[0]), atol=1e-9, rtol=0)
        torch.testing.assert_close(values.var(0, correction=0), torch.ones_like(values[0]))
    by_hand = weight_norm_(settings.build().double(), "data", seed=3, images=images)
    torch.testing.assert_close(by_hand(images), model(images))
    with pytest.raises(ValueError, match="data-dependent lengths need images, got None"):
        one_run.build(settings, 3, torch.float64, torch.device("cpu"))


def test_drawn_is_the_scheme_as_it_was():
    plain = replace(NORMED, scheme="xavier", gain=0.7)
    model = one_run.build(plain, 5, torch.float64, torch.device("cpu"))
    bare = one_run.build(
        replace(plain, parametrization="none"), 5, torch.float64, torch.device("cpu")
    )
    for a, b in zip(model.layers, bare.layers, strict=True):
        torch.testing.assert_close(a.weight, b.weight)


def test_starts_are_each_runs_own_and_survive_json():
    assert {"lengths", "directions"} < set(PER_RUN)
    settings = replace(NORMED, lengths="data", directions="gaussian")
    assert settings.shape == NORMED.shape
    assert Settings(**json.loads(json.dumps(settings.as_dict()))) == settings


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"lengths": "both"}, "lengths must be one of drawn, forward, .*, got 'both'; pick one"),
        ({"directions": "keep"}, "directions must be one of orthogonal, gaussian, got 'keep'"),
        ({"lengths": "one", "parametrization": "none"},
         "lengths of their own need weight norm, got 'one' for parametrization 'none'; use weigh"),
        ({"lengths": "one", "model": "lenet5", "widths": (1, 6, 16, 120, 84, 10)},
         "need a network whose structure can be found, .* got 'one' for lenet5; use lengths"),
    ],
)  # fmt: skip
def test_refusals(change, match):
    with pytest.raises(ValueError, match=match):
        replace(NORMED, **change)
