"""The rescaler: attached to an optimizer, once an epoch, by hand; on linear and conv layers."""

import copy
import math
import pickle

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils import prune

from companion import streams
from companion.methods.initialization import fans, initialize_, scalable_layers, sigma
from companion.methods.rescaler import Rescaler
from companion.methods.rescaling import Rescaling
from tests.references import scale

OPTIMIZERS = {
    "sgd": lambda model: torch.optim.SGD(
        model.parameters(), lr=0.05, momentum=0.9, weight_decay=1e-2
    ),
    "adamw": lambda model: torch.optim.AdamW(model.parameters(), lr=0.01),
}


def mlp() -> nn.Sequential:
    return nn.Sequential(nn.Linear(12, 8), nn.ReLU(), nn.Linear(8, 4))


def convnet() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(3, 6, 3),
        nn.BatchNorm2d(6),
        nn.ReLU(),
        nn.Conv2d(6, 6, 2, groups=3, bias=False),
        nn.Flatten(),
        nn.Linear(6, 4),
    )


MODELS = {"mlp": (mlp, (12,)), "conv": (convnet, (3, 4, 4))}


def made(name: str) -> tuple[nn.Module, torch.Tensor]:
    """A float64 model off its initial scale, with biases that are not 0, and a batch."""
    build, shape = MODELS[name]
    model = initialize_(build().double(), seed=1)
    with torch.no_grad():
        for layer in (layer for _, layer in scalable_layers(model)):
            layer.weight.mul_(1.7).add_(0.05)
            if layer.bias is not None:
                layer.bias.fill_(0.3)
    batch = streams.normal(2, "batch", 0, 5 * math.prod(shape), dtype=torch.float64)
    return model, batch.view(5, *shape)


def train_step(model: nn.Module, optimizer: torch.optim.Optimizer, batch: torch.Tensor) -> None:
    optimizer.zero_grad()
    labels = torch.arange(len(batch)) % 4
    nn.functional.cross_entropy(model(batch), labels).backward()
    optimizer.step()


def scales(model: nn.Module, rule: str) -> list[float]:
    """How far each layer is from what the rule sets; 0 is there."""
    distances = []
    for _, layer in scalable_layers(model):
        weight = layer.weight.detach()
        if rule == "wr":
            target = sigma("kaiming", *fans(weight), math.sqrt(2))
            distances.append(abs(weight.std(correction=0).item() / target - 1))
        else:
            distances.append((weight.flatten(1).norm(dim=1) - 1).abs().max().item())
    return distances


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("rule", ["wr", "wrs"])
def test_by_hand_it_does_what_the_formula_says_and_nothing_else(name, rule):
    model, _ = made(name)
    before = copy.deepcopy(model)
    Rescaler(model, Rescaling(rule)).rescale()
    for (_, old), (_, new) in zip(scalable_layers(before), scalable_layers(model), strict=True):
        w = old.weight.detach().numpy()
        fan_in = w[0].size
        expected = scale.wrs(w) if rule == "wrs" else scale.wr(w, math.sqrt(2 / fan_in))
        np.testing.assert_allclose(new.weight.detach(), expected, rtol=1e-10)
        if new.bias is not None:
            assert torch.equal(new.bias, old.bias * (rule == "wrs"))  # wr resets, wrs keeps
        assert new.weight.requires_grad
        assert new.weight.grad_fn is None
    norms = [m for m in (*before.modules(), *model.modules()) if isinstance(m, nn.BatchNorm2d)]
    for old, new in zip(norms[: len(norms) // 2], norms[len(norms) // 2 :], strict=True):
        assert all(
            torch.equal(old.state_dict()[key], new.state_dict()[key]) for key in ("weight", "bias")
        )


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("rule", ["wr", "wrs"])
def test_attached_it_acts_every_tau_steps(name, optimizer, rule):
    model, batch = made(name)
    steps = OPTIMIZERS[optimizer](model)
    rescaler = Rescaler(model, Rescaling(rule, tau=3))
    assert rescaler.attach(steps) is rescaler
    for step in range(1, 8):
        train_step(model, steps, batch)
        there = max(scales(model, rule)) < 1e-12
        assert there == (step % 3 == 0), step
    assert rescaler.steps == 7


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("rule", ["wr", "wrs"])
def test_the_state_of_the_optimizer_is_untouched(optimizer, rule):
    """After a step with a rescaling, momentum and moments are those of a step without one."""
    states = []
    for attached in (True, False):
        model, batch = made("conv")
        steps = OPTIMIZERS[optimizer](model)
        if attached:
            Rescaler(model, Rescaling(rule, tau=1)).attach(steps)
        train_step(model, steps, batch)
        states.append(steps.state_dict())
    with_it, without = states
    assert with_it["param_groups"] == without["param_groups"]
    for index, state in without["state"].items():
        for key, value in state.items():
            assert torch.equal(with_it["state"][index][key], value)


@pytest.mark.parametrize("rule", ["wr", "wrs"])
def test_once_an_epoch_it_waits_for_the_end_of_the_epoch(rule):
    model, batch = made("mlp")
    optimizer = OPTIMIZERS["sgd"](model)
    rescaler = Rescaler(model, Rescaling(rule)).attach(optimizer)
    for _ in range(4):
        train_step(model, optimizer, batch)
        assert min(scales(model, rule)) > 1e-3
    rescaler.end_epoch()
    assert max(scales(model, rule)) < 1e-12


def test_every_tau_steps_it_does_nothing_at_the_end_of_an_epoch():
    model, _ = made("mlp")
    before = copy.deepcopy(model.state_dict())
    Rescaler(model, Rescaling("wr", tau=5)).end_epoch()
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())


def test_the_rule_none_never_acts():
    model, batch = made("mlp")
    twin = copy.deepcopy(model)
    optimizers = [OPTIMIZERS["sgd"](one) for one in (model, twin)]
    rescaler = Rescaler(model, Rescaling("none", tau=1)).attach(optimizers[0])
    for _ in range(3):
        train_step(model, optimizers[0], batch)
        train_step(twin, optimizers[1], batch)
    rescaler.end_epoch()
    rescaler.rescale()
    for key, value in twin.state_dict().items():
        assert torch.equal(model.state_dict()[key], value)


@pytest.mark.parametrize(("scheme", "gain"), [("kaiming", 1.0), ("xavier", 5 / 3)])
def test_the_target_is_the_schemes_sigma(scheme, gain):
    model, _ = made("conv")
    Rescaler(model, Rescaling("wr"), scheme, gain).rescale()
    for _, layer in scalable_layers(model):
        expected = sigma(scheme, *fans(layer.weight, getattr(layer, "groups", 1)), gain)
        assert layer.weight.std(correction=0).item() == pytest.approx(expected, rel=1e-12)


def test_wrs_keeps_what_a_unit_prefers():
    """The image that excites a unit most has the direction of its weights: rescaling keeps it."""
    model, batch = made("mlp")
    before = batch @ model[0].weight.T
    Rescaler(model, Rescaling("wrs")).rescale()
    after = batch @ model[0].weight.T
    assert torch.equal(before.argmax(dim=0), after.argmax(dim=0))


def test_a_model_without_weights_to_rescale_is_refused():
    with pytest.raises(ValueError, match=r"needs a linear or convolution layer, got none"):
        Rescaler(nn.Sequential(nn.ReLU()), Rescaling("wr"))


def test_wr_to_a_constants_sigma_is_refused():
    rule = r"target standard deviation must be > 0, got 0.0 from scheme 'constant' and gain 0.5"
    with pytest.raises(ValueError, match=rule):
        Rescaler(mlp(), Rescaling("wr"), "constant", 0.5)
    Rescaler(mlp(), Rescaling("wrs"), "constant", 0.5)  # unit norm needs no target


@pytest.mark.parametrize(
    ("rule", "value"), [("wr", 0.5), ("wrs", 0.0), ("wr", math.nan), ("wrs", math.inf)]
)
def test_a_layer_that_cannot_be_rescaled_is_refused_and_nothing_changed(rule, value):
    model, _ = made("mlp")
    with torch.no_grad():
        model[2].weight.fill_(value)
    before = copy.deepcopy(model.state_dict())
    with pytest.raises(ValueError, match=r"needs finite weights that differ .* layer 2 has others"):
        Rescaler(model, Rescaling(rule)).rescale()
    for key, old in before.items():
        torch.testing.assert_close(model.state_dict()[key], old, rtol=0, atol=0, equal_nan=True)


# --- the layers of real models ---------------------------------------------------------------


def test_to_the_initial_scale_goes_back_to_what_it_found():
    model, batch = made("conv")
    start = [layer.weight.std(correction=0).item() for _, layer in scalable_layers(model)]
    optimizer = OPTIMIZERS["sgd"](model)
    rescaler = Rescaler(model, Rescaling("wr", to="initial")).attach(optimizer)
    for _ in range(5):
        train_step(model, optimizer, batch)
    rescaler.end_epoch()
    ends = [layer.weight.std(correction=0).item() for _, layer in scalable_layers(model)]
    assert ends == pytest.approx(start, rel=1e-12)


def test_at_the_start_an_epoch_ends_as_it_was_trained():
    model, batch = made("mlp")
    optimizer = OPTIMIZERS["sgd"](model)
    rescaler = Rescaler(model, Rescaling("wr", at="start")).attach(optimizer)
    held = []
    for _ in range(3):
        rescaler.start_epoch()
        held.append(max(scales(model, "wr")) < 1e-12)
        train_step(model, optimizer, batch)
        rescaler.end_epoch()
        held.append(max(scales(model, "wr")) < 1e-12)
    assert held == [False, False, True, False, True, False]


def test_a_window_needs_the_epochs_to_be_counted():
    model, batch = made("mlp")
    optimizer = OPTIMIZERS["sgd"](model)
    rescaler = Rescaler(model, Rescaling("wr", tau=1, window=(2, 2))).attach(optimizer)
    there = []
    for _ in range(3):
        train_step(model, optimizer, batch)
        there.append(max(scales(model, "wr")) < 1e-12)
        rescaler.end_epoch()
    assert there == [False, True, False]


def test_a_frozen_layer_is_left_alone():
    model, _ = made("mlp")
    model[0].requires_grad_(False)
    before = model[0].weight.clone()
    Rescaler(model, Rescaling("wr")).rescale()
    assert torch.equal(model[0].weight, before)
    assert scales(model, "wr")[1] < 1e-12


def test_a_shared_weight_is_rescaled_once():
    model = nn.Sequential(nn.Linear(6, 6), nn.Tanh(), nn.Linear(6, 6)).double()
    model[2].weight = model[0].weight
    with torch.no_grad():
        model[0].weight.mul_(3)
    rescaler = Rescaler(model, Rescaling("wrs"))
    assert list(rescaler.layers) == ["0"]
    rescaler.rescale()
    torch.testing.assert_close(model[2].weight.norm(dim=1), torch.ones(6).double())


def test_a_shared_weight_with_two_targets_is_refused():
    """A weight [6, 4] feeds 6 units from 4; used the other way round its fan_in is another."""
    model = nn.Sequential(nn.Linear(4, 6), nn.Conv1d(4, 6, 1)).double()
    model[0].weight = nn.Parameter(model[1].weight.detach().view(6, 4))
    model[1].weight = model[0].weight
    Rescaler(model, Rescaling("wr"))  # the same fans: the same target
    model = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))
    model[1].weight = model[0].weight
    real = Rescaler._target
    try:
        Rescaler._target = lambda self, name, *rest: 1.0 + float(name)
        with pytest.raises(ValueError, match=r"layers 0 and 1 share a weight .* got 1 and 2"):
            Rescaler(model, Rescaling("wr"))
    finally:
        Rescaler._target = real


@pytest.mark.parametrize("rule", ["wr", "wrs"])
def test_behind_weight_norm_the_weight_that_is_used_is_rescaled(rule):
    model, batch = made("mlp")
    for layer in (model[0], model[2]):
        nn.utils.parametrizations.weight_norm(layer)
    optimizer = OPTIMIZERS["sgd"](model)
    Rescaler(model, Rescaling(rule, tau=2)).attach(optimizer)
    train_step(model, optimizer, batch)
    assert max(scales(model, rule)) > 1e-3
    train_step(model, optimizer, batch)
    assert max(scales(model, rule)) < 1e-9


def test_a_parametrization_that_gives_another_weight_back_is_refused_and_nothing_changed():
    model, _ = made("mlp")
    nn.utils.parametrizations.orthogonal(model[2])
    before = [model[0].weight.clone(), model[2].weight.clone()]
    with pytest.raises(ValueError, match=r"parametrization of layer 2 must give back the weight"):
        Rescaler(model, Rescaling("wr")).rescale()
    torch.testing.assert_close(model[0].weight, before[0])
    torch.testing.assert_close(model[2].weight, before[1])


@pytest.mark.filterwarnings("ignore:`torch.nn.utils.weight_norm` is deprecated")
@pytest.mark.parametrize(
    "wrap",
    [
        nn.utils.weight_norm,
        nn.utils.spectral_norm,
        lambda layer: prune.l1_unstructured(layer, "weight", 2),
    ],
)
def test_a_weight_that_is_computed_anew_is_refused(wrap):
    model, _ = made("mlp")
    wrap(model[0])
    with pytest.raises(ValueError, match=r"weight of layer 0 is computed anew before each forward"):
        Rescaler(model, Rescaling("wr"))
    with pytest.raises(ValueError, match=r"weight of layer 0 is computed anew before each forward"):
        initialize_(model)


class Halved(nn.Module):
    """A parametrization of one tensor, called ``original``, that gives back what it is set to."""

    def forward(self, weight):
        return weight / 2

    def right_inverse(self, weight):
        return 2 * weight


class Clipped(nn.Module):
    """One that cannot."""

    def forward(self, weight):
        return weight.clamp(-0.1, 0.1)

    def right_inverse(self, weight):
        return weight


def test_a_parametrization_of_one_tensor_is_asked_for_the_weight_that_it_gives():
    model, _ = made("mlp")
    nn.utils.parametrize.register_parametrization(model[0], "weight", Halved())
    assert list(model[0].parametrizations.weight._parameters) == ["original"]
    rescaler = Rescaler(model, Rescaling("wr")).attach(OPTIMIZERS["sgd"](model))
    rescaler.rescale()
    assert max(scales(model, "wr")) < 1e-9
    nn.utils.parametrize.register_parametrization(model[2], "weight", Clipped())
    before = [model[0].weight.clone(), model[2].weight.clone()]
    for act in (Rescaler(model, Rescaling("wr")).rescale, lambda: initialize_(model[2:])):
        with pytest.raises(ValueError, match="must give back the weight that it is set to"):
            act()
        for layer, old in zip((model[0], model[2]), before, strict=True):
            assert torch.equal(layer.weight, old)


@pytest.mark.filterwarnings("ignore:Initializing zero-element tensors")
@pytest.mark.parametrize("rule", ["wr", "wrs"])
@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: nn.Linear(4, 3, device="meta"), "weight of layer 0 .* is on the meta device"),
        (lambda: nn.Linear(4, 3, dtype=torch.complex64), "weight of layer 0 .* is complex"),
        (lambda: nn.Linear(0, 3), "weight of layer 0 .* is empty, .3, 0."),
        (lambda: nn.Linear(3, 0), "weight of layer 0 .* is empty, .0, 3."),
        (lambda: nn.LazyLinear(3), "0.weight is lazy; run one batch through the model first"),
        (lambda: holding(torch.eye(4).to_sparse()), "weight of layer 0 .* is sparse; make it den"),
    ],
)
def test_a_weight_that_no_rule_can_rescale_is_refused(rule, make, message):
    with pytest.raises(ValueError, match=message):
        Rescaler(nn.Sequential(make()), Rescaling(rule))


def holding(weight):
    layer = nn.Linear(4, 4)
    layer.weight = nn.Parameter(weight)
    return layer


@pytest.mark.parametrize(("per", "layer"), [("layer", nn.Linear(1, 1)), ("unit", nn.Linear(1, 5))])
def test_one_weight_has_no_standard_deviation(per, layer):
    model = nn.Sequential(nn.Linear(4, 1), layer)
    with pytest.raises(ValueError, match=rf"at least 2 weights .* {per} 1 has 1; freeze it"):
        Rescaler(model, Rescaling("wr", per=per))
    layer.requires_grad_(False)
    Rescaler(model, Rescaling("wr", per=per)).rescale()


# --- the loops of real trainings -------------------------------------------------------------


def test_a_saved_state_goes_on_in_the_middle_of_a_period():
    model, batch = made("mlp")
    optimizer = OPTIMIZERS["sgd"](model)
    rescaler = Rescaler(model, Rescaling("wr", tau=3, to="initial")).attach(optimizer)
    for _ in range(2):
        train_step(model, optimizer, batch)
    saved = copy.deepcopy([model.state_dict(), optimizer.state_dict(), rescaler.state_dict()])
    train_step(model, optimizer, batch)

    other, _ = made("mlp")
    with torch.no_grad():
        other[0].weight.mul_(2)  # so that its own initial scale would be another
    resumed = OPTIMIZERS["sgd"](other)
    again = Rescaler(other, Rescaling("wr", tau=3, to="initial")).attach(resumed)
    for part, state in zip((other, resumed, again), saved, strict=True):
        part.load_state_dict(state)
    train_step(other, resumed, batch)
    for mine, theirs in zip(other.parameters(), model.parameters(), strict=True):
        assert torch.equal(mine, theirs)


def test_the_state_of_another_model_is_refused():
    state = Rescaler(mlp(), Rescaling("wr")).state_dict()
    with pytest.raises(ValueError, match=r"a model with 3 layers to rescale, got 2; load it into"):
        Rescaler(convnet(), Rescaling("wr")).load_state_dict(state)


def test_accumulated_gradients_count_as_one_step():
    model, batch = made("mlp")
    optimizer = OPTIMIZERS["sgd"](model)
    rescaler = Rescaler(model, Rescaling("wr", tau=1)).attach(optimizer)
    for part in batch.split(1):
        model(part).square().sum().backward()
    assert rescaler.steps == 0
    optimizer.step()
    assert rescaler.steps == 1
    assert max(scales(model, "wr")) < 1e-12


def test_a_closures_evaluations_count_as_one_step():
    model, batch = made("mlp")
    optimizer = torch.optim.LBFGS(model.parameters(), lr=0.1, max_iter=4)
    rescaler = Rescaler(model, Rescaling("wr", tau=1)).attach(optimizer)
    evaluations = []

    def closure():
        optimizer.zero_grad()
        loss = model(batch).square().mean()
        loss.backward()
        evaluations.append(loss.item())
        return loss

    optimizer.step(closure)
    assert len(evaluations) > 1
    assert rescaler.steps == 1
    assert max(scales(model, "wr")) < 1e-12


def test_a_step_that_mixed_precision_skips_is_not_counted():
    model, batch = made("mlp")
    model, batch = model.float(), batch.float()
    optimizer = OPTIMIZERS["sgd"](model)
    rescaler = Rescaler(model, Rescaling("wr", tau=1)).attach(optimizer)
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**10)
    for bad in (False, True, False):
        optimizer.zero_grad()
        with torch.autocast("cpu", torch.bfloat16):
            loss = model(batch).float().square().mean() * (math.inf if bad else 1.0)
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
    assert rescaler.steps == 2
    assert max(scales(model, "wr")) < 1e-5


def test_parameter_groups_and_a_compiled_model_are_rescaled_alike():
    model, batch = made("mlp")
    groups = [{"params": model[0].parameters(), "lr": 0.1}, {"params": model[2].parameters()}]
    optimizer = torch.optim.SGD(groups, lr=0.01)
    compiled = torch.compile(model, backend="eager")
    Rescaler(compiled, Rescaling("wr", tau=1)).attach(optimizer)
    for _ in range(2):
        train_step(compiled, optimizer, batch)
    assert max(scales(model, "wr")) < 1e-12


# --- whose steps, whose parameters ------------------------------------------------------------


def attached(model, tau=1, **options):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.0)
    return Rescaler(model, Rescaling("wr", tau=tau), **options).attach(optimizer), optimizer


def plain():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(8, 6), nn.ReLU(), nn.Linear(6, 4))


def test_an_attach_that_is_repeated_counts_once():
    rescaler, optimizer = attached(plain(), tau=4)
    rescaler.attach(optimizer)
    for _ in range(3):
        optimizer.step()
    assert rescaler.steps == 3


def test_a_cell_run_again_leaves_one_rescaler_that_counts():
    model = plain()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.0)
    first = Rescaler(model, Rescaling("wr", tau=4)).attach(optimizer)
    second = Rescaler(model, Rescaling("wr", tau=4)).attach(optimizer)
    for _ in range(3):
        optimizer.step()
    assert (first.steps, second.steps) == (0, 3)


def test_two_rescalers_of_different_layers_share_an_optimizer():
    model = plain()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.0)
    both = [Rescaler(model[k], Rescaling("wr", tau=1)).attach(optimizer) for k in (0, 2)]
    optimizer.step()
    assert [one.steps for one in both] == [1, 1]


def test_a_second_optimizer_is_refused():
    model = plain()
    weights = [p for name, p in model.named_parameters() if name.endswith("weight")]
    biases = [p for name, p in model.named_parameters() if name.endswith("bias")]
    rescaler = Rescaler(model, Rescaling("wr", tau=1)).attach(torch.optim.SGD(weights, lr=0.1))
    with pytest.raises(ValueError, match="counts the steps of one optimizer, and this one has its"):
        rescaler.attach(torch.optim.SGD(biases, lr=0.1))


def test_the_optimizer_of_another_model_is_refused():
    other = torch.optim.SGD(plain().parameters(), lr=0.1)
    with pytest.raises(ValueError, match="must train a layer that is rescaled, and it trains none"):
        Rescaler(plain(), Rescaling("wr", tau=1)).attach(other)


@pytest.mark.parametrize("copied", [copy.deepcopy, copy.copy, pickle.dumps])
def test_a_copy_is_refused(copied):
    rescaler, optimizer = attached(plain())
    with pytest.raises(TypeError, match="is not copied with them; make a new one for the copy"):
        copied(rescaler)
    copied(optimizer)


@pytest.mark.parametrize("rule", ["wr", "wrs"])
@pytest.mark.parametrize("frozen", [False, True])
def test_a_model_in_which_a_layer_was_replaced_is_refused(rule, frozen):
    """As where a network gets a new last layer: the rescaler would go on with the old one."""
    model = plain()
    model[2].requires_grad_(not frozen)
    rescaler = Rescaler(model, Rescaling(rule))
    model[2] = nn.Linear(*reversed(model[2].weight.shape))
    before = [layer.weight.clone() for layer in model[::2]]
    with pytest.raises(ValueError, match="layer 2 of the model is another than when this rescaler"):
        rescaler.rescale()
    assert all(map(torch.equal, before, [layer.weight for layer in model[::2]]))
    del model[2]
    with pytest.raises(ValueError, match="layer 2 of the model is another"):
        rescaler.rescale()


def test_a_layer_frozen_later_is_left_alone_and_one_unfrozen_later_is_rescaled():
    model = plain()
    model[2].requires_grad_(False)
    rescaler = Rescaler(model, Rescaling("wr"))
    with torch.no_grad():
        for layer in (model[0], model[2]):
            layer.weight.mul_(5)
    held = model[2].weight.clone()
    rescaler.rescale()
    assert torch.equal(model[2].weight, held)
    model[0].requires_grad_(False)
    model[2].requires_grad_(True)
    held = 3 * model[0].weight
    with torch.no_grad():
        model[0].weight.copy_(held)
    rescaler.rescale()
    assert torch.equal(model[0].weight, held)
    assert model[2].weight.std(correction=0).item() == pytest.approx(math.sqrt(2 / 6))


def test_a_layer_without_a_target_says_so_when_it_is_unfrozen():
    model = nn.Sequential(nn.Linear(3, 4), nn.Linear(1, 1))
    model[1].requires_grad_(False)
    rescaler = Rescaler(model, Rescaling("wr"))
    rescaler.rescale()
    model[1].requires_grad_(True)
    with pytest.raises(ValueError, match="layer 1 had no target while it was frozen; make a new"):
        rescaler.rescale()


def test_a_frozen_bias_stays():
    model = plain()
    with torch.no_grad():
        for layer in (model[0], model[2]):
            layer.bias.fill_(1.0)
    model[0].bias.requires_grad_(False)
    Rescaler(model, Rescaling("wr")).rescale()
    assert (model[0].bias == 1).all()
    assert (model[2].bias == 0).all()


@pytest.mark.parametrize(
    "change",
    [{"targets": [-1.0, 0.5]}, {"targets": [0.0, 0.5]}, {"steps": -1}, {"epoch": 0},
     {"targets": [math.inf, 0.5]}],
)  # fmt: skip
def test_a_state_that_cannot_be_is_refused(change):
    rescaler, _ = attached(plain())
    state = rescaler.state_dict()
    with pytest.raises(ValueError, match="a state has targets > 0, steps >= 0 and an epoch >= 1"):
        rescaler.load_state_dict({**state, **change})
    assert rescaler.state_dict() == state


def test_batch_normalization_is_stale_after_a_rescaling_until_batches_renew_it():
    """A rescaling that keeps the mean 0 and the bias changes nothing in training mode, where batch
    normalization divides the scale out; in evaluation it does until statistics follow."""
    layer, norm = nn.Linear(12, 8, bias=False), nn.BatchNorm1d(8, eps=1e-12)
    model = nn.Sequential(layer, norm).double()
    with torch.no_grad():
        layer.weight.sub_(layer.weight.mean()).mul_(3)
    batch = streams.normal(2, "batch", 0, 40 * 12, dtype=torch.float64).view(40, 12)
    for _ in range(400):
        trained = model(batch)
    evaluated = model.eval()(batch)
    Rescaler(model, Rescaling("wr")).rescale()
    stale = model(batch)
    torch.testing.assert_close(model.train()(batch), trained, rtol=1e-8, atol=1e-8)
    assert bool(((stale - evaluated).abs() > 0.3).any())
    for _ in range(400):
        model(batch)
    torch.testing.assert_close(model.eval()(batch), evaluated, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize(
    "change",
    [
        *({"targets": value} for value in ("ab", None, [None, 1.0], [True, 1.0], ["1", 1.0])),
        *({"targets": value} for value in (torch.ones(2), [[1.0], [2.0]])),
        *({name: value} for name in ("steps", "epoch") for value in ("1", None, 1.5, True)),
    ],
)
def test_a_state_of_other_kinds_is_refused(change):
    rescaler, _ = attached(plain())
    state = rescaler.state_dict()
    with pytest.raises(ValueError, match="a state has targets, a list of numbers, and counts of"):
        rescaler.load_state_dict({**state, **change})
    for wrong in ({}, None, [state]):
        with pytest.raises(ValueError, match=r"; load one that state_dict\(\) gave"):
            rescaler.load_state_dict(wrong)
    assert rescaler.state_dict() == state


def test_a_rescaler_is_of_a_model_a_rescaling_and_an_optimizer():
    with pytest.raises(ValueError, match="rescaling must be a Rescaling, got str; for example"):
        Rescaler(plain(), "wr")
    with pytest.raises(ValueError, match="model must be a Module, got str; for example"):
        Rescaler("wr", Rescaling("wr"))
    with pytest.raises(ValueError, match="attached to an optimizer of torch, got Sequential; call"):
        Rescaler(plain(), Rescaling("wr")).attach(plain())
