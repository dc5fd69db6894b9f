"""Roles, losses, label noise, full batches: the same in one run and in a stack."""

from dataclasses import dataclass, fields, replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from companion import models
from companion.training import losses, one_run, stacked_mlp, stacked_module
from companion.training.many_runs import Stack
from companion.training.settings import PER_RUN, Run, Settings
from tests.references import tiny

SMALL = Settings(widths=(18, 7, 5, 3), epochs=2, learning_rate=0.05, batch_size=9)
LENET = replace(SMALL, model="lenet5", widths=(2, 2, 3, 6, 5, 3), normalization="batch")


@pytest.fixture(scope="module")
def split():
    return tiny.split()


def both(one, split):
    """The weights after training, in one run and as the second of a stack of three."""
    model, _ = one_run.train(one, split, seed=7, dtype=torch.float64)
    runs = [Run(number, "arm", seed, one) for number, seed in enumerate((3, 7, 11))]
    stack = Stack(runs, split, torch.float64)
    for _ in range(one.epochs):
        stack.train_epoch()
    return list(model.parameters()), [value[1] for value in stack.network.parameters]


CHANGES = {
    "bias faster": {"rate_factors": (("bias", 3.0),)},
    "output slower, weights faster": {"rate_factors": (("output", 0.1), ("weight", 2.0))},
    "only weights decay": {"weight_decay": 0.1, "decayed": ("weight",)},
    "gains and shifts decay, decoupled": {
        "optimizer": "sgdw", "weight_decay": 0.1, "decayed": ("gain", "shift"),
    },
    "adam's eps": {"optimizer": "adam", "eps": 1e-2, "rate_factors": (("input", 0.5),)},
    "adamw by role": {"optimizer": "adamw", "weight_decay": 0.1, "decayed": ("weight",)},
    "squared error": {"loss": "squared_error"},
    "noise": {"label_noise": 0.5},
    "full batch": {"batch_size": 0, "epochs": 3},
}  # fmt: skip


@pytest.mark.parametrize("base", [SMALL, LENET], ids=["mlp", "lenet5"])
@pytest.mark.parametrize("change", CHANGES.values(), ids=list(CHANGES))
def test_a_stack_is_one_run_many_times(base, change, split):
    plain, stacked = both(replace(base, **change), split)
    for one, other in zip(plain, stacked, strict=True):
        # a bias before a batch normalization has a gradient of rounding, which Adam divides by eps
        torch.testing.assert_close(other.view_as(one), one.detach(), rtol=1e-9, atol=1e-8)
    before, _ = both(base, split)
    same = all(torch.allclose(a, b) for a, b in zip(before, plain, strict=True))
    assert same == (base is SMALL and change.get("decayed") == ("gain", "shift"))  # has neither


def test_a_factor_of_0_keeps_a_role_as_it_starts(split):
    still = replace(SMALL, rate_factors=(("hidden", 0.0),))
    start = one_run.build(still, 7, torch.float64, torch.device("cpu"))
    trained, _ = both(still, split)
    for (name, first), last in zip(start.named_parameters(), trained, strict=True):
        assert torch.equal(first, last) == name.startswith("layers.1.")


def test_every_tensor_has_its_roles():
    names = models.roles(models.build("mlp", (4, 3, 3, 2), normalization="layer"))
    assert names["layers.0.weight"] == ("weight", "input")
    assert names["layers.1.bias"] == ("bias", "hidden")
    assert names["layers.2.weight"] == ("weight", "output")
    assert names["normalizations.0.weight"] == ("gain", "hidden")
    assert names["normalizations.0.bias"] == ("shift", "hidden")
    lengths = models.roles(models.build("mlp", (4, 3, 2), parametrization="weight_norm"))
    kinds = {name.rpartition(".")[2]: kind for name, (kind, _) in lengths.items()}
    assert kinds == {"bias": "bias", "original0": "gain", "original1": "weight"}
    assert models.roles(nn.Sequential(nn.Linear(2, 2)))["0.weight"] == ("weight", "output")


@pytest.mark.parametrize("name", models.MODELS)
def test_a_network_has_one_input_and_one_output(name):
    with torch.device("meta"):
        found = models.roles(models.build(name, models.default_widths(name)))
    places = [place for kind, place in found.values() if kind == "weight"]
    assert (places[0], places[-1]) == ("input", "output")
    assert set(places[1:-1]) == {"hidden"}


# --- losses -------------------------------------------------------------------------------------


def test_an_unknown_loss_is_refused_and_not_another():
    with pytest.raises(ValueError, match="must be one of cross_entropy, squared_error, got 'mse'"):
        losses.loss("mse", torch.zeros(2, 3), torch.tensor([0, 1]))


@pytest.mark.parametrize("name", ["cross_entropy", "squared_error"])
@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 2**31))
def test_the_gradient_by_hand_is_autograds(name, seed):
    random = torch.Generator().manual_seed(seed)
    logits = torch.randn(2, 5, 3, generator=random, dtype=torch.float64, requires_grad=True)
    labels = torch.randint(3, (2, 5), generator=random)
    total = sum(losses.loss(name, logits[r], labels[r]) for r in range(2))
    (wanted,) = torch.autograd.grad(total, logits)
    found = losses.logits_gradient(name, logits.detach().clone(), labels)
    torch.testing.assert_close(found, wanted, rtol=1e-12, atol=1e-14)


# --- noise --------------------------------------------------------------------------------------


def test_noise_replaces_its_share_by_any_class_alike():
    count, share, classes = 100_000, 0.3, 10
    labels = torch.zeros(count, dtype=torch.int64)
    found = losses.noisy(labels, share, 5, classes)
    shares = np.bincount(found.numpy(), minlength=classes) / count
    # five standard errors of a share; class 0 keeps 1 - share and gets a tenth of the rest back
    expected = np.full(classes, share / classes)
    expected[0] += 1 - share
    error = 5 * np.sqrt(expected * (1 - expected) / count)
    assert (np.abs(shares - expected) < error).all()


def test_each_run_has_noise_of_its_own_and_the_same_alone():
    labels = torch.arange(60) % 3
    two = losses.noisy(labels, 0.5, [4, 9], 3)
    assert not torch.equal(two[0], two[1])
    assert torch.equal(two[1], losses.noisy(labels, 0.5, 9, 3))
    assert losses.noisy(labels, 0.0, [4, 9], 3) is labels


# --- a forgotten setting --------------------------------------------------------------------------


@dataclass(frozen=True)
class Later(Settings):
    """A setting that no trainer has heard of."""

    compander: float = 0.0


def test_a_setting_that_nobody_named_is_shared_and_never_ignored(split):
    plain, changed = (Later(**{**SMALL.as_dict(), "compander": value}) for value in (0.0, 1.0))
    assert plain.shape != changed.shape
    with pytest.raises(ValueError, match=r"must share every setting but scheme, .* got 2"):
        Stack([Run(0, "a", 0, plain), Run(1, "b", 1, changed)], split)
    assert stacked_mlp.is_plain(plain)
    assert not stacked_mlp.is_plain(changed)
    with pytest.raises(
        ValueError, match=r"must understand .* got compander = 1.0, which none does"
    ):
        Stack([Run(0, "b", 1, changed)], split)
    Stack([Run(0, "a", 0, plain)], split)


def test_every_setting_is_heeded_by_a_stack():
    assert {field.name for field in fields(Settings)} == set(stacked_module.UNDERSTOOD)
    assert set(PER_RUN) < set(stacked_mlp.UNDERSTOOD) < set(stacked_module.UNDERSTOOD)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"loss": "hinge"}, "loss must be one of cross_entropy, squared_error, got 'hinge'; pick"),
        ({"eps": 0.0}, r"eps must be > 0, got 0\.0; 1e-8 is usual"),
        ({"label_noise": 1.5}, r"label_noise must be in \[0, 1\], got 1\.5; 0 switches it off"),
        ({"decayed": ("wait",)}, "role must be one of weight, bias, gain, .*got 'wait'; pick one"),
        ({"rate_factors": (("bias", -1.0),)}, "rate_factors must be one factor >= 0 a role, got"),
        ({"rate_factors": (("bias", 1.0), ("bias", 2.0))}, "rate_factors must be one factor >= 0"),
        ({"batch_size": -1}, "batch_size must be a whole number >= 1, or 0 for all images, got -1"),
    ],
)
def test_bad_settings_say_rule_value_and_remedy(change, message):
    with pytest.raises(ValueError, match=message):
        Settings(**change)


def test_settings_survive_json():
    given_ = replace(SMALL, rate_factors=(("bias", 2.0), ("output", 0.5)), decayed=("weight",))
    assert Settings(**given_.as_dict()) == given_
    assert given_.as_dict()["rate_factors"] == [["bias", 2.0], ["output", 0.5]]
