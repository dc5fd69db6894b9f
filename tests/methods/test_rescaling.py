"""Weight rescaling: the laws of both rules, the rescaler at work, and what WR does not keep."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from companion import streams
from companion.methods.initialization import initialize_
from companion.methods.rescaling import Rescaling, rescaled_to_std, rescaled_to_unit_norm
from companion.models import MLP
from tests.references import scale

law = settings(deadline=None, max_examples=60)
SHAPES = st.sampled_from([(1, 2), (3, 4), (20, 30), (4, 3, 2, 2), (5, 2, 3)])
POSITIVE = st.floats(1e-3, 1e3)


def weights(seed: int, shape: tuple[int, ...], std: float, mean: float) -> torch.Tensor:
    noise = streams.normal(seed, "test", 0, math.prod(shape), dtype=torch.float64)
    return noise.view(shape) * std + mean


def cosine(a: torch.Tensor, b: torch.Tensor) -> float:
    return torch.nn.functional.cosine_similarity(a.flatten(), b.flatten(), dim=0).item()


# --- the two rules ---------------------------------------------------------------------------


@law
@given(st.integers(0, 10**6), SHAPES, POSITIVE, st.floats(-10, 10), POSITIVE)
def test_wr_keeps_the_mean_and_the_direction_of_w_minus_mean_and_hits_its_target(
    seed, shape, std, mean, target
):
    w = weights(seed, shape, std, mean)
    result = rescaled_to_std(w, target, tuple(range(w.dim())))
    # a mean m is known to about 1e-16 m, which the factor target / std(w) enlarges
    slack = 1e-13 * (1 + abs(mean)) * max(1.0, target / w.std(correction=0).item())
    assert result.mean().item() == pytest.approx(w.mean().item(), rel=1e-12, abs=slack)
    assert result.std(correction=0).item() == pytest.approx(target, rel=1e-9, abs=slack)
    assert cosine(result - result.mean(), w - w.mean()) == pytest.approx(1, abs=1e-9)
    np.testing.assert_allclose(result, scale.wr(w.numpy(), target), rtol=1e-9, atol=10 * slack)


def test_wr_uses_the_population_standard_deviation():
    result = rescaled_to_std(torch.tensor([[1.0, 3.0]]), 0.5, (0, 1))
    assert result.tolist() == [[1.5, 2.5]]  # with n - 1 it would be 1.646 and 2.354


@law
@given(st.integers(0, 10**6), SHAPES, POSITIVE, st.floats(-10, 10))
def test_wrs_keeps_each_units_direction_and_gives_norm_one(seed, shape, std, mean):
    w = weights(seed, shape, std, mean)
    result = rescaled_to_unit_norm(w, tuple(range(1, w.dim())))
    for old, new in zip(w, result, strict=True):
        assert new.norm().item() == pytest.approx(1, abs=1e-12)
        assert cosine(old, new) == pytest.approx(1, abs=1e-12)
    np.testing.assert_allclose(result, scale.wrs(w.numpy()), rtol=1e-12)


@law
@given(st.integers(0, 10**6), SHAPES, POSITIVE)
def test_both_rules_do_nothing_the_second_time(seed, shape, target):
    w = weights(seed, shape, 0.3, 0.1)
    axes = tuple(range(w.dim()))
    once = rescaled_to_std(w, target, axes)
    torch.testing.assert_close(rescaled_to_std(once, target, axes), once)
    once = rescaled_to_unit_norm(w, axes[1:])
    torch.testing.assert_close(rescaled_to_unit_norm(once, axes[1:]), once)


def test_a_stack_takes_one_target_a_run():
    stacked = weights(3, (4, 6, 5), 0.2, 0.05)
    targets = torch.tensor([0.1, 0.2, 0.5, 3.0], dtype=torch.float64)[:, None, None]
    wr = rescaled_to_std(stacked, targets, (1, 2))
    wrs = rescaled_to_unit_norm(stacked, (2,))
    for run in range(4):
        np.testing.assert_allclose(wr[run], scale.wr(stacked[run].numpy(), targets[run].item()))
        np.testing.assert_allclose(wrs[run], scale.wrs(stacked[run].numpy()))


def test_wr_does_not_keep_the_direction_of_w_when_the_mean_is_not_0():
    """Std .17 to .0255 around a mean of .05: w' = s w + (1 - s) mean with s = .15.

    cos(w, w') = (s std^2 + m^2) / sqrt((std^2 + m^2) (s^2 std^2 + m^2)), whatever the
    distribution; for a normal one a sign flips where -m (1 - s) / s < w < 0.
    """
    n, std, mean, target = 200_000, 0.17, 0.05, 0.0255
    s = target / std
    second, after = std**2 + mean**2, target**2 + mean**2
    angle = (s * std**2 + mean**2) / math.sqrt(second * after)
    normal = stats.norm(mean, std)
    flips = normal.cdf(0) - normal.cdf(-mean * (1 - s) / s)
    assert angle == pytest.approx(0.687, abs=5e-4)
    assert flips == pytest.approx(0.359, abs=5e-4)

    w = weights(0, (400, 500), std, mean)
    result = rescaled_to_std(w, target, (0, 1))
    # Both depend on the sample's mean and std, with standard errors std / sqrt n and
    # std / sqrt(2 n). The cosine's slopes in them are -1.95 and -1.16.
    slopes = 1.95 + 1.16 / math.sqrt(2)
    assert abs(cosine(w, result) - angle) < 5 * slopes * std / math.sqrt(n)
    # The share has its counting error; its lower threshold m - m std / target moves by 5.7 and
    # 2.0 times those errors, where the density is 0.35.
    share = ((w > 0) != (result > 0)).double().mean().item()
    moved = 0.35 * (5.7 + 2.0 / math.sqrt(2)) * std
    assert abs(share - flips) < 5 * (math.sqrt(flips * (1 - flips)) + moved) / math.sqrt(n)


@law
@given(st.integers(0, 10**6), POSITIVE)
def test_wr_keeps_the_direction_of_w_when_the_mean_is_0(seed, target):
    w = weights(seed, (20, 30), 0.2, 0.0)
    w -= w.mean()
    assert cosine(w, rescaled_to_std(w, target, (0, 1))) == pytest.approx(1, abs=1e-12)


@law
@given(st.integers(0, 10**6), st.floats(1e-3, 1e3))
def test_a_bias_free_relu_pair_of_layers_is_unchanged_by_c_and_its_inverse(seed, c):
    model = initialize_(MLP((7, 6, 4)).double(), seed=seed)  # biases start at 0
    images = weights(seed, (5, 7), 1.0, 0.0)
    before = model(images)
    with torch.no_grad():
        model.layers[0].weight.mul_(c)
        model.layers[1].weight.div_(c)
    torch.testing.assert_close(model(images), before, rtol=1e-12, atol=1e-12)


def test_a_tanh_pair_is_changed_by_c_and_its_inverse():
    model = initialize_(MLP((7, 6, 4), "tanh").double(), seed=0)
    images = weights(0, (5, 7), 1.0, 0.0)
    before = model(images)
    with torch.no_grad():
        model.layers[0].weight.mul_(3)
        model.layers[1].weight.div_(3)
    assert (model(images) - before).abs().max() > 0.1


@pytest.mark.parametrize("value", [0.0, 0.1, -7.7])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_wr_of_equal_weights_is_nan_and_no_accident_of_rounding(value, dtype):
    equal = torch.full((64, 3072), value, dtype=dtype)
    assert bool(rescaled_to_std(equal, 0.1, (0, 1)).isnan().all())


def test_wrs_of_a_unit_of_norm_0_is_nan_for_that_unit_alone():
    result = rescaled_to_unit_norm(torch.tensor([[3.0, 4.0], [0.0, 0.0]]), (1,))
    torch.testing.assert_close(result[0], torch.tensor([0.6, 0.8]))
    assert bool(result[1].isnan().all())


@pytest.mark.parametrize(("dtype", "large"), [(torch.float16, 600.0), (torch.bfloat16, 1e15)])
def test_a_long_row_of_half_precision_is_rescaled_by_its_norm_in_float32(dtype, large):
    """600 sqrt 4096 is 38,400 and its square no number of half precision; a layer that was divided
    by infinity is one of equal weights."""
    half = (large * weights(3, (32, 4096), 1.0, 0.0)).to(dtype)
    w = torch.cat([half, -half])  # a mean that is not 0 stays, and 0.02 beside it may be nothing
    std = rescaled_to_std(w, 0.02, (0, 1))
    unit = rescaled_to_unit_norm(w, (1,))
    assert std.dtype == unit.dtype == dtype
    eps = torch.finfo(dtype).eps  # a factor rounded to it moves all weights alike
    assert std.double().std(correction=0).item() == pytest.approx(0.02, rel=eps)
    norms = unit.double().norm(dim=1)
    torch.testing.assert_close(norms, torch.ones_like(norms), rtol=0, atol=eps)


@pytest.mark.parametrize("large", [1e25, 3e38])
def test_weights_whose_norm_is_no_number_are_nan_and_not_0(large):
    w = (large * weights(3, (4, 5), 0.1, 0.0)).float()
    assert bool(w.isfinite().all())
    assert bool(rescaled_to_std(w, 0.02, (0, 1)).isnan().all())
    assert bool(rescaled_to_unit_norm(w, (1,)).isnan().all())


@pytest.mark.parametrize("value", [math.nan, math.inf, 0.3])
def test_a_run_that_cannot_be_rescaled_leaves_its_neighbours_alone(value):
    sound = weights(0, (4, 5), 1.0, 0.0)
    stack = torch.stack([sound, torch.full((4, 5), value).double()])
    wr = rescaled_to_std(stack, 0.5, (1, 2))
    assert bool(wr[1].isnan().all())
    np.testing.assert_allclose(wr[0], scale.wr(sound.numpy(), 0.5))
    wrs = rescaled_to_unit_norm(stack, (2,))
    np.testing.assert_allclose(wrs[0], scale.wrs(sound.numpy()))


# --- the choices of wr -----------------------------------------------------------------------


def by_hand(w: np.ndarray, bias: np.ndarray, rule: Rescaling, target: float):
    """One layer [out, in] and its bias, unit by unit or whole."""
    pieces = [w[i : i + 1] for i in range(len(w))] if rule.per == "unit" else [w]
    scaled = [scale.wr(piece, target) for piece in pieces]
    if rule.mean == "remove":
        scaled = [piece - old.mean() for piece, old in zip(scaled, pieces, strict=True)]
    factors = np.concatenate([np.full(len(piece), target / piece.std()) for piece in pieces])
    bias = {"reset": 0 * bias, "keep": bias, "scale": bias * factors}[rule.biases]
    return np.concatenate(scaled), bias


@pytest.mark.parametrize("per", ["layer", "unit"])
@pytest.mark.parametrize("mean", ["keep", "remove"])
@pytest.mark.parametrize("biases", ["reset", "keep", "scale"])
def test_every_choice_of_wr_by_hand(per, mean, biases):
    rule = Rescaling("wr", per=per, mean=mean, biases=biases)
    stack = torch.stack([weights(seed, (6, 5), 0.3, 0.1) for seed in range(3)])
    bias = weights(9, (3, 6), 1.0, 0.0)
    targets = torch.tensor([0.1, 0.5, 2.0], dtype=torch.float64)
    scaled, factor = rule.rescaled(stack, targets)
    new_bias = rule.new_bias(bias, factor)
    for run in range(3):
        w, b = by_hand(stack[run].numpy(), bias[run].numpy(), rule, targets[run].item())
        np.testing.assert_allclose(scaled[run], w, rtol=1e-10, atol=1e-12)
        np.testing.assert_allclose(new_bias[run], b, rtol=1e-10)


def test_without_the_mean_wr_keeps_no_direction_but_that_of_w_minus_mean():
    w = weights(0, (1, 20, 30), 0.2, 0.1)
    scaled, _ = Rescaling("wr", mean="remove").rescaled(w, torch.tensor([0.1]).double())
    assert cosine(scaled, w - w.mean()) == pytest.approx(1, abs=1e-12)
    assert cosine(scaled, w) < 0.95


def test_scaling_the_biases_too_scales_a_relu_layers_output():
    """With mean 0, weights and bias times s: relu(s z) = s relu(z)."""
    w, bias = weights(0, (1, 6, 5), 0.2, 0.0), weights(1, (1, 6), 1.0, 0.0)
    w -= w.mean()
    rule = Rescaling("wr", biases="scale")
    scaled, factor = rule.rescaled(w, torch.tensor([0.05]).double())
    x = weights(2, (8, 5), 1.0, 0.0)
    before = (x @ w[0].T + bias[0]).relu()
    after = (x @ scaled[0].T + rule.new_bias(bias, factor)[0]).relu()
    torch.testing.assert_close(after, before * factor)


def test_wrs_has_no_factor_and_leaves_biases():
    w, bias = weights(0, (2, 6, 5), 0.2, 0.0), weights(1, (2, 6), 1.0, 0.0)
    scaled, factor = Rescaling("wrs").rescaled(w, None)
    assert factor is None
    assert torch.equal(Rescaling("wrs").new_bias(bias, factor), bias)
    torch.testing.assert_close(scaled.norm(dim=2), torch.ones(2, 6).double())


@pytest.mark.parametrize(
    ("choice", "sentence"),
    [
        ({"to": "best"}, r"takes for 'to' must be one of sigma, initial, got 'best'; pick one"),
        ({"per": "row"}, r"takes for 'per' must be one of layer, unit, got 'row'"),
        ({"mean": "half"}, r"takes for 'mean' must be one of keep, remove, got 'half'"),
        ({"biases": "drop"}, r"takes for 'biases' must be one of reset, keep, scale, got 'drop'"),
        ({"window": (3,)}, r"window must be \(first, last\) epoch .* got \(3,\); leave it empty"),
        ({"window": (5, 3)}, r"1 <= first <= last, got \(5, 3\)"),
        ({"window": (0, 3)}, r"1 <= first <= last, got \(0, 3\)"),
        ({"window": (1.5, 3)}, r"1 <= first <= last, got \(1.5, 3\)"),
    ],
)
def test_a_choice_that_does_not_exist_is_refused(choice, sentence):
    with pytest.raises(ValueError, match=sentence):
        Rescaling("wr", **choice)


def test_wrs_refuses_the_choices_of_wr():
    with pytest.raises(ValueError, match=r"'biases' is a choice of the rule wr alone, got 'scale'"):
        Rescaling("wrs", biases="scale")


# --- when ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rescaling", "when", "steps", "epoch"),
    [
        (Rescaling(), "never", [], False),
        (Rescaling("none", 3), "never", [], False),
        (Rescaling("wr"), "every epoch", [], True),
        (Rescaling("wr", at="start"), "at the start of every epoch", [], False),
        (Rescaling("wrs", 1), "every step", [1, 2, 3, 4, 5, 6, 7], False),
        (Rescaling("wr", 3), "every 3 steps", [3, 6], False),
    ],
)
def test_when_a_rescaling_acts(rescaling, when, steps, epoch):
    assert rescaling.when == when
    assert [step for step in range(1, 8) if rescaling.due_after_step(step, 1)] == steps
    assert rescaling.due_after_epoch(1) is epoch


def test_a_rescaling_at_the_start_spares_the_first_epoch():
    rule = Rescaling("wr", at="start", window=(1, 3))
    assert [epoch for epoch in range(1, 6) if rule.due_before_epoch(epoch)] == [2, 3]
    assert not any(Rescaling("wr").due_before_epoch(epoch) for epoch in range(1, 6))


@pytest.mark.parametrize(
    ("choices", "words"),
    [
        ({"at": "noon"}, "acts at its end or start, got 'noon'"),
        ({"at": "start", "tau": 3}, "got one that acts every 3 steps"),
        ({"at": "start", "rule": "none"}, "got one that acts never"),
    ],
)
def test_a_start_belongs_to_a_rescaling_once_an_epoch(choices, words):
    with pytest.raises(ValueError, match=words):
        Rescaling(**{"rule": "wr"} | choices)


def test_a_window_is_kept_to_the_epoch():
    rule = Rescaling("wr", window=(3, 4))
    assert [epoch for epoch in range(1, 7) if rule.due_after_epoch(epoch)] == [3, 4]
    rule = Rescaling("wrs", 2, window=(3, 4))
    assert [epoch for epoch in range(1, 7) if rule.due_after_step(8, epoch)] == [3, 4]
    assert not rule.due_after_step(7, 3)
    assert rule.when == "every 2 steps of epochs 3 to 4"


def test_an_unknown_rule_is_refused():
    with pytest.raises(ValueError, match=r"rule must be one of none, wr, wrs, got 'ws'; pick one"):
        Rescaling("ws")


@pytest.mark.parametrize(
    "every",
    [
        -1,
        0.5,
        math.inf,
        math.nan,
    ],
)
def test_a_period_that_is_no_count_of_steps_is_refused(every):
    rule = rf"whole number of steps >= 1, or 0 for once an epoch, got {every}; use rule 'none'"
    with pytest.raises(ValueError, match=rule):
        Rescaling("wr", every)


@pytest.mark.parametrize("dtype", [torch.int64, torch.bool, torch.complex64])
def test_weights_that_are_no_real_numbers_are_refused(dtype):
    weight = torch.ones(2, 3).to(dtype)
    for act in (
        lambda: rescaled_to_std(weight, 0.5, (0, 1)),
        lambda: rescaled_to_unit_norm(weight, (1,)),
        lambda: Rescaling("wr").rescaled(weight[None], torch.ones(1)),
    ):
        with pytest.raises(ValueError, match=f"must be real and floating-point, got {dtype}; conv"):
            act()
