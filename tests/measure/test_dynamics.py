"""What moves a norm, against the vectors themselves; rescaling all layers but the last."""

import math
from dataclasses import replace

import pytest
import torch
from torch import nn

from companion import data
from companion.experiments.stack_training import train_stack
from companion.measure import accuracy, dynamics
from companion.measure.declare import View
from companion.methods.rescaler import Rescaler
from companion.methods.rescaling import Rescaling
from companion.theory import norm_paths, norms
from companion.training.many_runs import Stack
from companion.training.settings import Run, Settings

PLAIN = Settings(
    widths=(64, 12, 8, 10), normalization="batch", momentum=0.0, learning_rate=0.5, epochs=1
)


def test_each_column_by_hand():
    before = torch.tensor([[[3.0, 4.0], [0.0, 2.0]]])
    after = torch.tensor([[[3.0, 4.0], [2.0, 2.0]]])
    slopes = torch.tensor([[[0.0, 1.0], [2.0, 0.0]]])
    view = View(None, [after], None, before=[before], gradients=[slopes])
    found = {name: value.item() for name, value in dynamics.DYNAMICS(view).items()}
    assert found["norm_square"] == (25 + 4) / 2
    assert found["gradient_square"] == (1 + 4) / 2
    assert found["unit_gradient_square"] == (25 * 1 + 4 * 4) / 2
    assert found["step_square"] == (0 + 4) / 2
    assert found["angle"] == pytest.approx((0 + math.pi / 4) / 2)


def test_turns_and_sources_by_hand():
    before = torch.tensor([[[3.0, 4.0], [0.0, 2.0]]])
    after = torch.tensor([[[3.0, 4.0], [2.0, 2.0]]])
    view = View(None, [after], None, before=[before], sources=[3 * after])
    found = {name: value.item() for name, value in dynamics.TURNS(view).items()}
    assert found["turn_square"] == pytest.approx((0 + (math.pi / 4) ** 2) / 2)
    assert found["source_square"] == 9 * (25 + 8) / 2


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"parametrization": "bounded_weight_norm"},
        {"parametrization": "arctan"},
        {"parametrization": "weight_norm", "dropout": 0.1},
    ],
    ids=["plain", "bounded", "arctan", "weight norm"],
)
def test_sources_are_what_is_trained(change):
    """By hand and with autograd; under bounded weight norm they grow, and no weight does."""
    split = data.split(data.load("digits"))
    settings = replace(PLAIN, normalization="none", learning_rate=0.1, **change)
    stack = Stack([Run(0, "a", 3, settings), Run(1, "a", 4, settings)], split)
    view = stack.view()
    trained = {id(value) for value in stack.network.parameters}
    assert all(id(one) in trained for one in view.sources)
    assert [one.shape for one in view.sources] == [one.shape for one in view.weights]
    before = [one.clone() for one in view.sources]
    weights = [one.clone() for one in stack.weights]
    stack.train_epoch()
    for old, new in zip(before, stack.view().sources, strict=True):
        assert not torch.equal(old, new)
    if change.get("parametrization") != "bounded_weight_norm":
        return
    for old, new, w, later in zip(
        before, stack.view().sources, weights, stack.weights, strict=True
    ):
        if new is later:  # the last layer
            continue
        assert bool((new.norm(dim=2) >= old.norm(dim=2)).all())
        torch.testing.assert_close(later.norm(dim=2), w.norm(dim=2))


def test_a_recorded_step_obeys_the_recursion():
    """Of layers before batch norm, up to float32 and the eps of batch norm, 1e-5."""
    runs = [Run(0, "a", 3, PLAIN), Run(1, "a", 4, PLAIN)]
    split = data.split(data.load("digits"))
    tables = train_stack(runs, split, measures=(accuracy.ACCURACY, dynamics.DYNAMICS.each(1)))
    rows = tables["steps"].pivot(index=["run", "layer"], columns="step")
    for key in ((0, 1), (0, 2), (1, 1), (1, 2)):
        norm, step = rows.loc[key, "norm_square"], rows.loc[key, "step_square"]
        grown = norms.after_step(norm.iloc[:-1], step.iloc[:-1] / 0.25, 0.5)
        assert norm.iloc[1:].to_numpy() == pytest.approx(grown, rel=2e-5)
        assert norm.is_monotonic_increasing


def test_all_but_the_output_layer():
    model = nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 4), nn.ReLU(), nn.Linear(4, 3))
    last = model[4].weight.detach().clone()
    rescaler = Rescaler(model, Rescaling("wrs", layers="not_output"))
    rescaler.rescale()
    assert list(rescaler.layers) == ["0", "2"]
    assert torch.equal(model[4].weight, last)
    for layer in (model[0], model[2]):
        torch.testing.assert_close(layer.weight.norm(dim=1), torch.ones(len(layer.weight)))


def test_other_layers_than_these_are_refused():
    with pytest.raises(ValueError, match=r"the layers all or not_output, got 'first'; pick one"):
        Rescaling("wrs", layers="first")
    with pytest.raises(ValueError, match=r"the layers all or not_output, got 'first'; pick one"):
        Settings(rescale="wrs", rescale_layers="first")


def test_a_unit_of_norm_zero_cannot_be_put_to_norm_one():
    model = nn.Sequential(nn.Linear(6, 5), nn.Linear(5, 2))
    with torch.no_grad():
        model[0].weight[2] = 0
    before = model[1].weight.detach().clone()
    with pytest.raises(ValueError, match=r"are not all 0 \(wrs\), and layer 0 has others"):
        Rescaler(model, Rescaling("wrs")).rescale()
    assert torch.equal(model[1].weight, before)


def test_a_unit_whose_inputs_do_not_vary_is_left_alone():
    """Its variance is 0: batch norm puts out its shift, and no gradient reaches the weights."""
    layer, norm = nn.Linear(3, 2, bias=False), nn.BatchNorm1d(2)
    images = torch.ones(8, 3)
    output = norm(layer(images))
    output.square().sum().backward()
    rounding = 1e-6 / math.sqrt(norm.eps)  # float32's, divided by the root of eps
    torch.testing.assert_close(output, norm.bias.expand(8, 2), rtol=0, atol=rounding)
    assert layer.weight.grad.isfinite().all()
    found = dynamics.unit_gradient_square([layer.weight[None]], [layer.weight.grad[None]])
    assert found.item() < rounding
    with pytest.raises(ValueError, match=r"got 1\.0 and 0\.0; a unit of norm 0 has no direction"):
        norm_paths.path(5, 1.0, 0.0, 0.1)
