"""LSUV: orthogonal weights, then the variance of every layer's output on data brought to 1."""

import math

import pytest
import torch
from torch import nn

from companion.methods.initialization import draw, lsuv_
from companion.models import MLP, LeNet5


def images(*shape):
    return 3 * torch.randn(shape, generator=torch.Generator().manual_seed(0)) + 1


def variances(model, batch, layers):
    found = []
    hooks = [layer.register_forward_hook(lambda _, __, out: found.append(out)) for layer in layers]
    model.eval()(batch)
    for hook in hooks:
        hook.remove()
    return [out.var(correction=0).item() for out in found]


def net():
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, groups=1), nn.BatchNorm2d(8), nn.ReLU(), nn.Dropout(),
        nn.ConvTranspose2d(8, 6, 4, stride=2), nn.GELU(), nn.Flatten(), nn.Linear(864, 20),
        nn.Tanh(), nn.Linear(20, 5),
    )  # fmt: skip


def test_every_output_has_variance_1():
    model, batch = net().double(), images(16, 3, 7, 7).double()
    model[3].eval()  # the modes of the parts may differ
    reached = lsuv_(model, batch)
    assert list(reached) == ["0", "4", "7", "9"]
    assert model.training
    assert not model[3].training
    assert not model[1].running_mean.any()  # the passes left no trace
    assert variances(model, batch, [model[i] for i in (0, 4, 7, 9)]) == pytest.approx([1] * 4)
    assert list(reached.values()) == pytest.approx([1] * 4)


def test_a_layer_is_its_orthogonal_start_times_a_number():
    model = net()
    lsuv_(model, images(16, 3, 7, 7), seed=5)
    start = draw(5, 2, model[7].weight, "orthogonal")
    ratio = model[7].weight.detach() / start
    torch.testing.assert_close(ratio, ratio.mean().expand_as(ratio), rtol=1e-3, atol=0)
    assert not model[7].bias.any()


def test_a_network_of_the_book_and_one_under_weight_norm():
    model = LeNet5()
    batch = images(8, 3, 32, 32)
    assert list(lsuv_(model, batch).values()) == pytest.approx([1] * 5, rel=1e-4)
    model = nn.Sequential(nn.utils.parametrizations.weight_norm(nn.Linear(9, 4)))
    lsuv_(model, images(30, 9))
    assert variances(model, images(30, 9), [model[0]]) == pytest.approx([1])


def test_layers_are_scaled_in_the_order_in_which_they_are_called():
    class Backwards(nn.Module):
        def __init__(self):
            super().__init__()
            self.last, self.first = nn.Linear(6, 3), nn.Linear(4, 6)

        def forward(self, batch):
            return self.last(self.first(batch).relu())

    model = Backwards()
    assert list(lsuv_(model, images(20, 4))) == ["first", "last"]
    found = variances(model, images(20, 4), [model.first, model.last])
    assert found == pytest.approx([1, 1], rel=1e-4)


def test_a_layer_within_the_tolerance_is_left_as_it_is():
    model = nn.Sequential(nn.Linear(4, 4))
    batch = torch.randn(4000, 4, generator=torch.Generator().manual_seed(1))
    lsuv_(model, batch, seed=3)
    assert torch.equal(model[0].weight, draw(3, 1, model[0].weight, "orthogonal"))


def test_a_shared_weight_is_scaled_at_its_first_layer():
    model = nn.Sequential(nn.Linear(6, 6), nn.ReLU(), nn.Linear(6, 6))
    model[2].weight = model[0].weight
    assert list(lsuv_(model, images(40, 6))) == ["0"]
    assert variances(model, images(40, 6), [model[0]]) == pytest.approx([1])


def test_a_layer_that_the_pass_does_not_call_is_named():
    model = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True)
    # out of evaluation's fast path, which calls no layer of it
    model.activation_relu_or_gelu = 0
    with pytest.warns(UserWarning, match="did not call self_attn.out_proj, which keep their orth"):
        assert list(lsuv_(model, images(5, 4, 16))) == ["linear1", "linear2"]


class Square(nn.Linear):
    """Not linear in its weight."""

    def forward(self, batch):
        return super().forward(batch) * self.weight.mean() ** 2


class Dead(nn.Module):
    def forward(self, batch):
        return batch.clamp(max=-1e6).relu()


@pytest.mark.parametrize(
    ("model", "options", "message"),
    [
        (nn.Sequential(nn.Linear(4, 4), Dead(), nn.Linear(4, 2)), {},
         "output of layer 2 must vary over the images, and its variance is 0; a layer"),
        (nn.Sequential(nn.Linear(4, 4)), {"tolerance": 0}, "tolerance must be .* > 0, got 0; 0.1"),
        (nn.Sequential(nn.Linear(4, 4)), {"steps": 0}, "steps must be >= 1, got 0; one does"),
        (nn.Sequential(Square(4, 4)), {"tolerance": 1e-6, "steps": 1},
         "layer 0 must come within 1e-06 of variance 1, and after 1 steps it is .*; raise steps"),
    ],
)  # fmt: skip
def test_refusals(model, options, message):
    with pytest.raises(ValueError, match=message):
        lsuv_(model, images(10, 4), **options)


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda: (MLP((4, 5, 3), normalization="batch"), images(10, 7)), RuntimeError),
        (
            lambda: (nn.Sequential(nn.Linear(4, 4), Dead(), nn.Linear(4, 2)), images(10, 4)),
            ValueError,
        ),
        (lambda: (MLP((4, 5, 3)), images(10, 4).int()), RuntimeError),
    ],
)
def test_no_error_changes_the_model(make, error):
    model, batch = make()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with pytest.raises(error):
        lsuv_(model, batch)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


@pytest.mark.parametrize("steps", [math.nan, 1.5, None, "3", True])
def test_steps_are_counted(steps):
    with pytest.raises(ValueError, match="steps must be a whole number, got"):
        lsuv_(nn.Linear(4, 3), images(10, 4), steps=steps)


def test_images_that_are_not_finite_are_refused():
    with pytest.raises(ValueError, match=r"output of layer 0 must vary .* its variance is nan"):
        lsuv_(nn.Sequential(nn.Linear(4, 4)), images(10, 4) / 0)
