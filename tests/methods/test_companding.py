"""Companders: curves and inverses, ranges, laws of a, b and the learning rate, baking, refusals."""

import copy
import io
import math
import pickle

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special
from torch import nn
from torch.nn.utils import parametrizations, parametrize

from companion import models
from companion.methods.initialization import initialize_, set_weight_
from companion.methods.parametrizations import (
    CURVES,
    Compander,
    SlopeAware,
    add_decay_,
    bake,
    compand_,
    companders,
    power,
    shrink_,
)
from companion.methods.parametrizations.compander import CUT
from companion.methods.rescaler import Rescaler
from companion.methods.rescaling import Rescaling

law = settings(deadline=None, max_examples=30)
NUMPY = {
    "arctan": np.arctan,
    "arsinh": np.arcsinh,
    "erf": special.erf,
    "powerprop": lambda u: u * np.abs(u),
}
BOUNDED = ("arctan", "erf")


def network(seed=0, dtype=torch.float64, gain=1.0):
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 4), nn.ReLU(), nn.Linear(4, 3))
    return initialize_(model.to(dtype), gain=gain, seed=seed)


def batches(count=12, dtype=torch.float64):
    generator = torch.Generator().manual_seed(1)
    for _ in range(count):
        images = torch.randn(8, 6, generator=generator, dtype=torch.float64).to(dtype)
        yield images, torch.randint(0, 3, (8,), generator=generator)


def trained(model, optimizer, decay=0.0, aware=False, share=0.0):
    """Twelve steps; decay: lambda on w, coupled; share: decoupled."""
    if aware:
        SlopeAware(optimizer, model)
    for images, labels in batches():
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(images), labels).backward()
        if decay:
            add_decay_(model, decay)
        optimizer.step()
        if share:
            shrink_(model, share)
    return [layer.weight.detach() for layer in model if isinstance(layer, nn.Linear)]


def sgd(model, rate, momentum=0.9, decay=0.0):
    """torch's SGD; decay acts on plain weights alone."""
    weights = [p for n, p in model.named_parameters() if n.endswith("weight")]
    rest = [p for n, p in model.named_parameters() if not n.endswith("weight")]
    groups = [{"params": weights, "weight_decay": decay}, {"params": rest}]
    return torch.optim.SGD([g for g in groups if g["params"]], lr=rate, momentum=momentum)


# --- curves --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CURVES)
@law
@given(st.floats(-4, 4), st.floats(0.1, 5), st.floats(0.1, 5))
def test_a_curve_is_numpys_and_its_inverse_and_slope_fit(name, v, a, b):
    curve = CURVES[name]
    at = torch.tensor(v, dtype=torch.float64, requires_grad=True)
    w = curve.weight(at, a, b)
    (slope,) = torch.autograd.grad(w, at)
    w = w.detach()
    assert float(w) == pytest.approx(a * NUMPY[name](v / b), rel=1e-12, abs=1e-300)
    assert float(curve.slope(at.detach(), a, b)) == pytest.approx(float(slope), rel=1e-9)
    if name == "arctan":
        assert float(slope) == pytest.approx(a / b * math.cos(float(w) / a) ** 2, rel=1e-9)
    if name == "arsinh":
        assert float(slope) == pytest.approx(a / b / math.cosh(float(w) / a), rel=1e-9)
    if abs(float(w)) < 0.999 * a * curve.bound:  # nearer, w says little of v
        back = curve.inverse(w, a, b)
        assert float(back) == pytest.approx(v, rel=1e-8, abs=1e-12)


@pytest.mark.parametrize("name", CURVES)
def test_gradients_agree_with_finite_differences(name):
    bent = Compander(name, 0.7, 1.3, learnable=True).double()
    v = torch.linspace(-3, 3, 12, dtype=torch.float64, requires_grad=True)

    def weight(v, a, b):
        return bent.curve.weight(v, a, b)

    assert torch.autograd.gradcheck(weight, (v, bent.a, bent.b))


@pytest.mark.parametrize("name", CURVES)
def test_a_fixed_curve_has_its_own_backward_pass_twice_over(name):
    bent = Compander(name, 0.7, 1.3).double()
    v = torch.linspace(-3, 3, 12, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(bent, (v,))
    assert torch.autograd.gradgradcheck(bent, (v,))

    def penalty(v):
        return bent(v).square().sum()

    (wanted,) = torch.autograd.grad(penalty(v), v)
    rows = torch.stack([v.detach(), -2 * v.detach()])
    torch.testing.assert_close(torch.func.grad(penalty)(v.detach()), wanted)
    together = torch.vmap(torch.func.grad(penalty))(rows)
    torch.testing.assert_close(together[0], wanted)
    assert torch.equal(torch.vmap(bent)(rows)[1], bent(rows[1]))


def test_a_fixed_curve_keeps_v_alone_for_the_backward_pass():
    """v is there anyway: training behind a curve takes no more memory than w and its gradient."""
    bent, kept = Compander("arctan", 0.7, 1.3), []
    v = torch.randn(50, requires_grad=True)
    with torch.autograd.graph.saved_tensors_hooks(lambda x: kept.append(x) or x, lambda x: x):
        bent(v)
    assert [x.data_ptr() for x in kept if x.numel() > 1] == [v.data_ptr()]


@pytest.mark.parametrize("name", CURVES)
def test_learned_a_and_b_may_change_their_signs(name):
    """psi is odd: a sign of b is a sign of the weights, and one of both is none."""
    bent = Compander(name, 0.7, 1.3, learnable=True).double()
    v = torch.linspace(-3, 3, 12, dtype=torch.float64, requires_grad=True)
    weights = []
    for signs in ((1, 1), (1, -1), (-1, -1)):
        with torch.no_grad():
            bent.a.fill_(0.7 * signs[0])
            bent.b.fill_(1.3 * signs[1])
        weights.append(bent(v).detach())
        for value in (v, bent.a, bent.b):
            numeric = (shifted(bent, v, value, 1e-6) - shifted(bent, v, value, -1e-6)) / 2e-6
            (exact,) = torch.autograd.grad(bent(v).sum(), value)
            assert float(exact.sum()) == pytest.approx(float(numeric), rel=1e-7, abs=1e-7)
        torch.testing.assert_close(torch.autograd.grad(bent(v).sum(), v)[0], bent.slope(v))
    torch.testing.assert_close(weights[1], -weights[0])
    torch.testing.assert_close(weights[2], weights[0])


@torch.no_grad()
def shifted(bent, v, value, by):
    """The sum of the weights with one of v, a and b moved."""
    value.add_(by)
    found = bent(v).sum()
    value.sub_(by)
    return found


@pytest.mark.parametrize("learn", ["no", "fine"])
def test_a_companded_model_compiles_in_one_piece(learn):
    """Traced by torch.compile, and then run without a compiler."""
    model = compand_(network(), b=0.6, learn=learn)
    compiled = torch.compile(model, backend="aot_eager", fullgraph=True)
    images, labels = next(batches())
    found = []
    for network_ in (model, compiled):
        loss = nn.functional.cross_entropy(network_(images), labels)
        found.append(torch.autograd.grad(loss, list(model.parameters())))
    for ours, theirs in zip(*found, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("name", CURVES)
@pytest.mark.parametrize(("a", "b"), [(1.0, 0.6), (0.5, 1.0), (100.0, 60.0), (0.03, 0.7)])
def test_a_float32_weight_comes_back_within_4_ulp_over_the_whole_range(name, a, b):
    """Dividing, bending and multiplying round three times; the curve itself once more."""
    bent = Compander(name, a, b)
    top = min(CURVES[name].bound, 80.0) * float(bent.a)
    last = np.nextafter(np.float32(top), np.float32(0))
    sizes = np.geomspace(1e-6 * a, 0.999 * top, 4000).astype(np.float32)
    near = (last * (1 - np.geomspace(1e-6, 1e-3, 500))).astype(np.float32)
    weight = torch.from_numpy(np.concatenate([sizes, near, -sizes, [0.0]]).astype(np.float32))
    back = bent(bent.right_inverse(weight))
    ulp = torch.from_numpy(np.spacing(np.abs(weight.numpy())))
    assert float(((back - weight).abs() / ulp).max()) <= 4


def test_powerpropagation_has_no_nan_at_0():
    for alpha in (1.0, 1.01, 1.5, 2.0, 4.0):
        curve = power(alpha)
        v = torch.zeros(1, requires_grad=True)
        (slope,) = torch.autograd.grad(curve.weight(v, 1.0, 1.0), v)
        assert slope.isfinite().all()
        floor = torch.finfo(v.dtype).tiny ** (alpha - 1)
        assert float(slope) == pytest.approx(float(alpha == 1) or floor, rel=1e-3)
    with pytest.raises(ValueError, match=r"alpha must be finite and >= 1, got 0.5; 2 is usual"):
        power(0.5)


def test_an_unknown_curve_lists_the_names():
    with pytest.raises(ValueError, match=r"one of arctan, arsinh, erf, powerprop, got 'tanh'"):
        compand_(network(), "tanh")


# --- the range -----------------------------------------------------------------------------------


def test_tan_wraps_where_nobody_looks_and_the_range_is_refused_here():
    """Lead 1 of C: at a = .5, b = 1 the weight 1 would silently become -.571."""
    silent = 0.5 * math.atan(math.tan(1.0 / 0.5))
    assert silent == pytest.approx(-0.5708, abs=1e-4)
    model = network(gain=0.3)
    with torch.no_grad():
        model[2].weight[0, 0] = 1.0
        model[2].weight[0, 1] = -2.5
    before = copy.deepcopy(model.state_dict())
    wanted = r"layer 2 must lie within ±0.7854, .* largest of 2.5, .* % of them outside; raise a"
    with pytest.raises(ValueError, match=wanted):
        compand_(model, a=0.5)
    assert model.state_dict().keys() == before.keys()
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


@pytest.mark.parametrize("name", BOUNDED)
def test_a_weight_outside_is_refused_or_cut_knowingly(name):
    weight = torch.tensor([[0.1, -0.2], [5.0, -7.0]])
    layer, other = (initialize_(nn.Linear(2, 2), gain=0.1) for _ in range(2))
    compand_(layer, name, a=0.5, clamp=True)
    set_weight_(layer, weight)
    limit = CUT * 0.5 * CURVES[name].bound
    wanted = torch.tensor([[0.1, -0.2], [limit, -limit]])
    torch.testing.assert_close(layer.weight.detach(), wanted)
    with pytest.raises(ValueError, match=r"a largest of 7, 50 % of them outside"):
        set_weight_(compand_(other, name, a=0.5), weight)


def test_arsinh_refuses_what_overflows():
    with pytest.raises(ValueError, match=r"layer Linear must lie within ±inf, the range of arsinh"):
        set_weight_(compand_(nn.Linear(1, 1), "arsinh", a=0.2), torch.full((1, 1), 100.0))


@pytest.mark.parametrize("name", BOUNDED)
def test_no_training_leaves_the_range(name):
    model = compand_(network(), name, a=2.0, b=0.3)
    for weight in trained(model, sgd(model, 5.0)):
        assert weight.abs().max().item() <= 2.0 * CURVES[name].bound


@pytest.mark.parametrize("bad", [0.0, -1.0, math.inf, math.nan])
def test_a_and_b_must_be_positive(bad):
    for wrong in ({"a": bad}, {"b": bad}):
        with pytest.raises(
            ValueError, match=r"must be finite and > 0, got .*; b = a gives slope 1"
        ):
            compand_(network(), **wrong)


@pytest.mark.parametrize("bad", [1e-50, 1e50, None, "1", True, 1j, 10**400])
def test_what_rounds_to_no_number_is_none(bad):
    """1e-50 is 0 in float32, and v / 0 no curve."""
    for wrong in ({"a": bad}, {"b": bad}):
        with pytest.raises(ValueError, match=r"[ab] must be finite and > 0, got .*; b = a gives"):
            Compander("arctan", **wrong)


def test_whole_numbers_are_numbers():
    assert Compander("arctan", 1, 2, learnable=True)(torch.tensor(2.0)).item() == pytest.approx(
        math.pi / 4
    )


@pytest.mark.parametrize("bad", [None, "a", math.nan, True, -1])
def test_other_numbers_are_refused_too(bad):
    model = compand_(network())
    with pytest.raises(ValueError, match="weight_decay must be finite and >= 0, got"):
        add_decay_(model, bad)
    with pytest.raises(ValueError, match=r"share must be in \[0, 1\), got"):
        shrink_(model, bad)
    with pytest.raises(ValueError, match="alpha must be finite and >= 1, got"):
        power(bad)
    with pytest.raises(ValueError, match="curve must be one of arctan"):
        compand_(network(), bad)
    with pytest.raises(ValueError, match=r"is of an optimizer of torch, got .*; make one"):
        SlopeAware(bad, model)


# --- a whole model -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CURVES)
def test_weights_are_bent_and_nothing_else(name):
    model = nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), nn.Flatten(), nn.Linear(12, 2))
    before = {k: v.clone() for k, v in model.named_parameters()}
    images = torch.randn(4, 2, 4, 4)
    model.eval()
    expected = model(images)
    compand_(model, name, a=2.0, b=0.5)
    assert [where for where, _, _ in companders(model)] == ["0", "3"]
    for where in ("0", "3"):
        weight = model.get_submodule(where).weight
        torch.testing.assert_close(weight, before[f"{where}.weight"], rtol=5e-7, atol=0)
    for rest in ("0.bias", "1.weight", "1.bias", "3.bias"):
        assert torch.equal(model.get_parameter(rest), before[rest])
    torch.testing.assert_close(model(images), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("learn", ["no", "coarse", "fine"])
def test_how_many_parameters_learn(learn):
    plain, model = network(), compand_(network(), learn=learn)
    more = {"no": 0, "coarse": 2, "fine": 6}[learn]
    assert models.parameter_count(model) == models.parameter_count(plain) + more
    roles = models.roles(model)
    assert sum("curve" in mine for mine in roles.values()) == more
    again = copy.deepcopy(model)
    first, *_, last = [one for _, _, one in companders(again)]
    assert (first.a is last.a) == (learn == "coarse")
    assert first.a is not next(companders(model))[2].a


def test_a_pair_for_each_layer():
    stds = {}

    def pair(layer):
        stds[layer] = float(layer.weight.detach().std())
        return 8 * stds[layer], 4 * stds[layer]

    for _, layer, bent in companders(compand_(network(), pair=pair)):
        assert float(bent.a) == pytest.approx(8 * stds[layer])
        assert float(bent.b) == pytest.approx(4 * stds[layer])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_baking_changes_no_output_and_leaves_the_model(dtype):
    model = compand_(network(), "arctan", 1.0, 0.6).to(dtype)
    images = torch.randn(5, 6, dtype=dtype)
    trained_first = model(images)
    baked, plain = bake(model), network(seed=3).to(dtype)
    assert torch.equal(baked(images), trained_first)
    assert type(baked[0]) is nn.Linear
    assert list(baked.state_dict()) == list(plain.state_dict())
    plain.load_state_dict(baked.state_dict())
    assert torch.equal(plain(images), trained_first)
    assert torch.equal(model(images), trained_first)
    assert parametrize.is_parametrized(model[0], "weight")
    baked[0].weight.data.zero_()
    assert torch.equal(model(images), trained_first)


def test_a_frozen_weight_is_baked_frozen_and_a_plain_model_is_copied():
    model = network()
    model[0].weight.requires_grad_(False)
    assert not bake(compand_(model))[0].weight.requires_grad
    plain = network()
    copied = bake(plain)
    assert copied is not plain
    assert torch.equal(copied[0].weight, plain[0].weight)


def test_torchs_weight_norm_is_baked_too_and_a_hooks_refused():
    model, images = network(), torch.randn(5, 6, dtype=torch.float64)
    parametrizations.weight_norm(model[0], dim=1)
    parametrizations.weight_norm(model[2]).requires_grad_(False)
    baked = bake(model)
    assert list(baked.state_dict()) == list(network().state_dict())
    assert torch.equal(baked(images), model(images))
    assert [baked[0].weight.requires_grad, baked[2].weight.requires_grad] == [True, False]
    with pytest.warns(FutureWarning, match="deprecated"):
        older = nn.Sequential(nn.utils.weight_norm(nn.Linear(3, 3)))
    with pytest.raises(ValueError, match="weight of layer 0 is computed anew before each forward"):
        bake(older)


def test_baking_next_to_another_parametrization_is_refused():
    model = compand_(network())
    parametrize.register_parametrization(model[0], "bias", nn.Identity())
    with pytest.raises(ValueError, match=r"got weight, bias of layer 0; remove the others first"):
        bake(model)


def test_a_companded_model_is_copied_saved_and_loaded():
    model = compand_(network(), "erf", 2.0, 0.7, learn="fine")
    images, _ = next(batches())
    twin = copy.deepcopy(model)
    trained(model, sgd(model, 0.1))
    assert not torch.equal(twin(images), model(images))
    file = io.BytesIO()
    torch.save(model.state_dict(), file)
    file.seek(0)
    other = compand_(network(seed=5), "erf", 2.0, learn="fine")
    other.load_state_dict(torch.load(file, weights_only=True))
    assert torch.equal(other(images), model(images))


def test_autocast_computes_the_curve_in_float32():
    model = compand_(network(dtype=torch.float32))
    with torch.autocast("cpu", torch.bfloat16):
        assert model[0].weight.dtype == torch.float32
        assert model(torch.randn(2, 6)).dtype == torch.bfloat16


def test_tied_weights_are_refused():
    model = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4), nn.Embedding(4, 4))
    model[1].weight = model[0].weight
    with pytest.raises(ValueError, match=r"0.weight and 1.weight are the same tensor, .* untie"):
        compand_(model)
    model[1].weight = nn.Parameter(torch.randn(4, 4))
    model[2].weight = model[1].weight
    with pytest.raises(ValueError, match=r"1.weight and 2.weight are the same tensor"):
        compand_(model)


def test_a_weight_behind_something_else_is_refused():
    model = network()
    parametrizations.weight_norm(model[0])
    with pytest.raises(ValueError, match=r"that of layer 0 is behind _WeightNorm; remove"):
        compand_(model)
    with pytest.raises(ValueError, match=r"that of layer 0 is behind Compander; remove"):
        compand_(compand_(network()))


def test_what_makes_no_sense_is_refused():
    with pytest.raises(ValueError, match=r"learn must be one of no, coarse, fine, got 'yes'"):
        compand_(network(), learn="yes")
    with pytest.raises(ValueError, match=r"coarse compander has one a and b .* use learn='fine'"):
        compand_(network(), learn="coarse", pair=lambda _: (1.0, 1.0))
    with pytest.raises(ValueError, match=r"needs a linear or convolution layer, got a model with"):
        compand_(nn.ReLU())
    with pytest.raises(ValueError, match=r"share must be in \[0, 1\), got 1"):
        shrink_(network(), 1.0)


def in_inference():
    with torch.inference_mode():
        return nn.Linear(3, 2)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: nn.LazyLinear(3), "1.weight is lazy; run one batch through the model first"),
        (lambda: nn.Linear(3, 2, dtype=torch.complex64), "weight of layer 1 must be .* is complex"),
        (in_inference, "weight of layer 1 must be one to draw, and it was made in inference mode"),
        (lambda: nn.utils.skip_init(nn.Linear, 0, 4), "weight of layer 1 must be .* is empty"),
    ],
)
@pytest.mark.filterwarnings("ignore:Initializing zero-element tensors")
def test_what_is_no_weight_to_bend_is_refused_and_nothing_changed(make, message):
    model = nn.Sequential(nn.Linear(6, 6), make())
    with pytest.raises(ValueError, match=message):
        compand_(model)
    assert not parametrize.is_parametrized(model[0])


def test_weights_on_meta_can_be_bent():
    with torch.device("meta"):
        model = compand_(nn.Linear(3, 2), "erf")
    assert model.weight.shape == (2, 3)
    assert "erf" in repr(model)


def test_initializing_and_rescaling_set_the_weight_that_acts():
    model = compand_(network(), a=3.0, b=0.6)
    initialize_(model, seed=4)
    for ours, theirs in zip(model, initialize_(network(), seed=4), strict=True):
        if isinstance(ours, nn.Linear):
            torch.testing.assert_close(ours.weight, theirs.weight)
    trained(model, sgd(model, 0.05))
    Rescaler(model, Rescaling("wr"), "kaiming", 1.0).rescale()
    assert model[0].weight.std(correction=0).item() == pytest.approx(1 / math.sqrt(6))


# --- laws ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CURVES)
@pytest.mark.parametrize("b", [0.25, 0.6, 3.0])
def test_b_is_only_a_learning_rate(name, b):
    """(a, b, lr) = (a, 1, lr / b^2): SGD with momentum and decay on w. Biases have one rate."""

    def run(b, rate):
        model = compand_(network(), name, a=2.0, b=b)
        rest = [p for n, p in model.named_parameters() if n.endswith("bias")]
        v = [p for n, p in model.named_parameters() if n.endswith("original")]
        groups = [{"params": v, "lr": rate}, {"params": rest}]
        return trained(model, torch.optim.SGD(groups, lr=0.05, momentum=0.9), decay=0.1)

    for ours, theirs in zip(run(b, 0.02), run(1.0, 0.02 / b**2), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("name", CURVES)
def test_decay_on_v_is_multiplied_by_b_squared(name):
    """(a, b, lr, lambda) = (a, 1, lr / b^2, b^2 lambda): u = v / b shrinks by lr lambda in both."""

    def run(b, rate, decay):
        model = compand_(network(), name, a=2.0, b=b)
        rest = [p for n, p in model.named_parameters() if n.endswith("bias")]
        v = [p for n, p in model.named_parameters() if n.endswith("original")]
        groups = [{"params": v, "lr": rate, "weight_decay": decay}, {"params": rest}]
        return trained(model, torch.optim.SGD(groups, lr=0.05, momentum=0.9))

    twin, other = run(1.0, 0.02 / 0.36, 0.36 * 0.5), run(1.0, 0.02 / 0.36, 0.5)
    for ours, theirs, wrong in zip(run(0.6, 0.02, 0.5), twin, other, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-11, atol=1e-13)
        assert not torch.allclose(ours, wrong, rtol=1e-3)


def test_under_adam_b_is_a_learning_rate_too():
    """Adam's step keeps its size when the gradient is rescaled: lr / b."""

    def run(b, rate):
        model = compand_(network(), a=2.0, b=b)
        rest = [p for n, p in model.named_parameters() if n.endswith("bias")]
        v = [p for n, p in model.named_parameters() if n.endswith("original")]
        groups = [{"params": v, "lr": rate, "eps": 1e-30}, {"params": rest}]
        return trained(model, torch.optim.Adam(groups, lr=0.01))

    for ours, theirs in zip(run(0.5, 0.002), run(1.0, 0.004), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-12)


def plain_at(factor, decay):
    model = network()
    weights = [p for n, p in model.named_parameters() if n.endswith("weight")]
    rest = [p for n, p in model.named_parameters() if n.endswith("bias")]
    groups = [{"params": weights, "lr": 0.05 * factor, "weight_decay": decay}, {"params": rest}]
    return trained(model, torch.optim.SGD(groups, lr=0.05, momentum=0.9))


@pytest.mark.parametrize("name", ["arctan", "arsinh"])
def test_a_wide_curve_is_a_plain_network_at_another_rate(name):
    """a, b -> infinity at fixed a/b: the distance falls as (w/a)^2, a hundredfold for 10 a."""
    wanted = plain_at((1 / 0.6) ** 2, 0.1)
    gaps = []
    for factor in (10, 100, 1000):
        model = compand_(network(), name, 1.0 * factor, 0.6 * factor)
        v = [p for n, p in model.named_parameters() if n.endswith("original")]
        rest = [p for n, p in model.named_parameters() if n.endswith("bias")]
        optimizer = torch.optim.SGD([{"params": v}, {"params": rest}], lr=0.05, momentum=0.9)
        found = trained(model, optimizer, decay=0.1)
        pairs = zip(found, wanted, strict=True)
        gaps.append(max(float((a - b).abs().max()) for a, b in pairs))
    assert gaps[0] < 0.1
    assert gaps[1] / gaps[0] == pytest.approx(0.01, rel=0.2)
    assert gaps[2] / gaps[1] == pytest.approx(0.01, rel=0.2)


@pytest.mark.parametrize("name", CURVES)
def test_a_slope_aware_step_of_plain_sgd_is_sgd(name):
    runs = []
    for aware in (False, True):
        model = compand_(network(), name, 2.0, 0.5)
        runs.append(trained(model, sgd(model, 0.05, momentum=0.0), aware=aware))
    for ours, theirs in zip(*runs, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-12)


def test_with_momentum_it_is_not():
    """Lead 5 of C: past gradients are multiplied by today's slope."""
    runs = []
    for aware in (False, True):
        model = compand_(network(), "arctan", 0.9, 0.5)
        runs.append(trained(model, sgd(model, 0.05, momentum=0.9), aware=aware))
    assert max(float((a - b).abs().max()) for a, b in zip(*runs, strict=True)) > 1e-3


def test_a_slope_aware_adam_behind_a_wide_curve_is_adam_at_the_squared_rate():
    """Without it Adam undoes one of the two slopes: (a/b) lr; with it both act: (a/b)^2 lr."""
    for aware, factor in ((False, 2.0), (True, 4.0)):
        model = compand_(network(), "arctan", 2e4, 1e4)
        v = [p for n, p in model.named_parameters() if n.endswith("original")]
        rest = [p for n, p in model.named_parameters() if n.endswith("bias")]
        groups = [{"params": v, "eps": 1e-30}, {"params": rest}]
        found = trained(model, torch.optim.Adam(groups, lr=1e-3), aware=aware)
        plain = network()
        w = [p for n, p in plain.named_parameters() if n.endswith("weight")]
        rest = [p for n, p in plain.named_parameters() if n.endswith("bias")]
        groups = [{"params": w, "lr": 1e-3 * factor, "eps": 1e-30}, {"params": rest}]
        wanted = trained(plain, torch.optim.Adam(groups, lr=1e-3))
        for ours, theirs in zip(found, wanted, strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("name", CURVES)
def test_decay_acts_on_w(name):
    """Coupled: the gradient of lambda/2 |Psi(v)|^2; decoupled: w shrinks by the share."""
    model = compand_(network(), name, 2.0, 0.7)
    penalty = 0.05 * sum(layer.weight.square().sum() for _, layer, _ in companders(model))
    penalty.backward()
    originals = [layer.parametrizations.weight.original for _, layer, _ in companders(model)]
    expected = [v.grad.clone() for v in originals]
    for v in originals:
        v.grad.zero_()
    add_decay_(model, 0.1)
    for v, wanted in zip(originals, expected, strict=True):
        torch.testing.assert_close(v.grad, wanted, rtol=1e-10, atol=1e-14)
    before = [layer.weight.detach() for _, layer, _ in companders(model)]
    shrink_(model, 0.25)
    for (_, layer, _), old in zip(companders(model), before, strict=True):
        torch.testing.assert_close(layer.weight.detach(), 0.75 * old, rtol=1e-10, atol=1e-14)


def test_decay_alone_halves_w_as_it_would_without_a_curve():
    """lr lambda = .01 a step; the curve's own steps are Psi'^2 times as large."""
    bent = compand_(nn.Linear(3, 2).double(), "arctan", 50.0, 25.0)
    start = bent.weight.detach().clone()
    optimizer = torch.optim.SGD(bent.parameters(), lr=0.1)
    for _ in range(10):
        optimizer.zero_grad()
        bent.parametrizations.weight.original.grad = torch.zeros(2, 3, dtype=torch.float64)
        add_decay_(bent, 0.1)
        optimizer.step()
    # to second order in w/a, of which the largest is 1 / (50 sqrt 3)
    torch.testing.assert_close(bent.weight.detach(), start * 0.96**10, rtol=1e-4, atol=0)


def test_slope_aware_refuses_a_foreign_optimizer_and_decay_of_v():
    model = compand_(network())
    with pytest.raises(ValueError, match=r"got 0 of 3; compand the model first"):
        SlopeAware(torch.optim.Adam(network().parameters()), model)
    with pytest.raises(ValueError, match=r"got 0 of 0; compand the model first"):
        SlopeAware(torch.optim.Adam(network().parameters()), network())
    decayed = torch.optim.AdamW(model.parameters(), weight_decay=0.01)
    with pytest.raises(ValueError, match=r"got weight_decay 0.01; set it to 0 and use add_decay_"):
        SlopeAware(decayed, model)


def test_a_detached_slope_aware_step_is_over():
    weights = []
    for detach in (False, True):
        model = compand_(network(), b=0.4)
        optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
        aware = SlopeAware(optimizer, model)
        if detach:
            aware.detach()
        weights.append(trained(model, optimizer)[0])
    model = compand_(network(), b=0.4)
    plain = trained(model, torch.optim.Adam(model.parameters(), lr=0.01))[0]
    assert torch.equal(weights[1], plain)
    assert not torch.equal(weights[0], plain)


def test_a_second_slope_aware_step_takes_the_place_of_the_first():
    """A cell that runs again must not multiply by the slope twice."""
    weights = []
    for times in (1, 2):
        model = compand_(network(), b=0.4)
        optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
        made = [SlopeAware(optimizer, model) for _ in range(times)]
        weights.append(trained(model, optimizer)[0])
        assert len(optimizer._optimizer_step_pre_hooks) == 1
        del made
    assert torch.equal(*weights)


def test_a_slope_aware_step_is_not_copied():
    model = compand_(network())
    aware = SlopeAware(torch.optim.Adam(model.parameters()), model)
    with pytest.raises(TypeError, match=r"of one model and one optimizer .* make a new one"):
        copy.deepcopy((model, aware))
    with pytest.raises(TypeError, match=r"of one model and one optimizer .* make a new one"):
        pickle.dumps(aware)


def test_a_saturated_slope_gives_no_nan():
    """erf's slope underflows: dL/dw is unknown there, and the weight stays."""
    layer = compand_(nn.Linear(2, 1), "erf", a=1.0, b=0.1)
    with torch.no_grad():
        layer.parametrizations.weight.original.fill_(5.0)
    optimizer = torch.optim.Adam(layer.parameters(), lr=0.1)
    SlopeAware(optimizer, layer)
    layer(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    assert torch.equal(layer.weight, torch.ones(1, 2))
