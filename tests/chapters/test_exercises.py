"""Checks of exercises: right answers pass, wrong ones are told the law, and never the answer."""

import math

import pytest
import torch

from companion.chapters.batchnorm_norms import check as batchnorm
from companion.chapters.compander import check as compander
from companion.chapters.initialization import check as initialization
from companion.chapters.rescaling import check as rescaling
from companion.chapters.variance_propagation import check as propagation
from companion.chapters.weightnorm_initialization import check as weightnorm
from companion.display.exercises import number

CASES = [
    (initialization.gain_of_abs, 1, 2, "second moment of 1 into 4"),
    (initialization.gain_of_abs, 1, -1, "a gain is a positive number"),
    (initialization.gain_of_squared_relu, math.sqrt(2 / 3), 1.0, "into 1.5"),
    (initialization.depthwise_fans, (9, 9), (576, 9), "set all weights and inputs to 1"),
    (initialization.depthwise_fans, [9, 9], (9, 576), "light one pixel"),
    (initialization.std_without_groups, 0.0585, 1 / 3, "counts 9 outputs"),
    (initialization.deepest, 46, 20, "2.6 depth scales"),
    (initialization.default_gain, 3**-0.5, 1.0, "weights of 0.0442"),
    (initialization.edge_gain, 1.55, 2.0, "chi_1 is"),
    (initialization.edge_gain, 1.55, -1.0, "a gain is a positive number"),
    (propagation.tenth_too_small, 0.9**29, 0.9, "from layer to layer"),
    (propagation.tenth_too_small, 0.9**29, 21, "between 0 and 1"),
    (propagation.branch, 0.317, 1, "a factor 1.68e"),
    (propagation.wide_enough, 1004, 64, "the standard deviation is"),
    (propagation.wide_enough, 1000, 5000, "fewer units do"),
    (propagation.wide_enough, 1000, 1.5, "a whole number of units"),
    (propagation.dropped, (1024, 1), (2, 1), "a layer"),
    (propagation.dropped, (1024, 1), (1024, 1024), "in evaluation"),
    (batchnorm.fourth_root, (1.294, 2.337), (1.294, 5), "0.039 a step"),
    (batchnorm.doubled_rate, (1.414, 1.189, 1.414), (1.414, 1.189, 2), "over the squared norm"),
    (batchnorm.doubled_rate, (1.414, 1.189, 1.414), (2, 1, 2), "makes it 1 times"),
    (batchnorm.doubled_rate, (1.414, 1.189, 1.414), (2, 1.189, 1.414), "the squared angle"),
    (batchnorm.doubled_rate, (1.414, 1.189, 1.414), (-1, 1, 1), "a factor is positive"),
    (batchnorm.bounded_rate, 0.125, 0.354, "turns a longer v less"),
    (batchnorm.bounded_rate, 1 / 8, -1, "a factor is positive"),
    (batchnorm.adamw_decay, (0.125, 0.00363), (0.01, 0.001), "0.4 relaxation times"),
    (batchnorm.adamw_decay, (0.125, 0.00363), (0.125, 0.1), "not the turn"),
    (batchnorm.adamw_decay, (0.125, 0.00363), (0, 0.1), "there is no equilibrium"),
    (batchnorm.decay_taken, 0.0861, 0.5, "takes that, and here it is 0.09"),
    (batchnorm.decay_taken, 0.0861, 86, "between 0 and 1"),
    (weightnorm.three_layers, (2.83, 1.414, 0.177), (2.83, 1, 0.177), "a ReLU halves that"),
    (weightnorm.three_layers, (2.83, 1.414, 0.177), (2.83, 1.414, 0.5), "before the sum"),
    (weightnorm.stages, (4.30, 4.46), (1.63, 4.46), "1.177 for each stage of 18 blocks"),
    (weightnorm.stages, (4.30, 4.46), (4.30, 4.30), "stage of 180 blocks"),
    (weightnorm.stride, 0.49, 0.7, "4.41 outputs for each input"),
    (weightnorm.from_data, 6.8, 46, "2.151 a layer"),
    (weightnorm.from_data, 6.8, -1, "a length is positive"),
    (compander.wrapped, 1 - math.pi / 2, 1.0, "beyond a pi/2"),
    (compander.wrapped, 1 - math.pi / 2, 0.3, "its tangent is not that of 1"),
    (compander.adam_rate, 0.005, 0.003, "v would move by 0.0018"),
    (compander.erf_pair, (math.pi / 2, 1.0635), (1.0, 0.6), "stay below 1"),
    (compander.erf_pair, (math.pi / 2, 1.0635), (1.571, 0.6), "its slope at 0 is 2.95"),
    (compander.slowed, 0.51, 0.71, "the slope would be 0.843"),
    (compander.slowed, 0.51, -0.51, "keeps its direction"),
    (compander.folded, (0.7, 1.0), (0.5, 0.7), "a larger a has nearly that rate"),
    (compander.folded, (0.7, 1.0), (1.0, 1.4), "no cell of the grid"),
    (compander.folded, (0.7, 1.0), (0.5, 0.5), "there (a/b)^2 is 1.00, not 0.51"),
    (compander.moved_decay, 3.6e-4, 1e-3, "2.78 times as fast"),
    (compander.pull, -0.4, 0.4, "changes the loss by -0.0004"),
    (rescaling.half_life, 5.5e-3, 1e-3, "88 % of an idle weight"),
    (rescaling.half_life, 5.5e-3, 5, "between 0 and 1"),
    (rescaling.table_interval, (-0.23, 0.05), (0, 1), "the printed difference"),
    (rescaling.table_interval, (-0.23, 0.05), (-0.16, -0.02), "standard errors to each side"),
]


@pytest.mark.parametrize(("check", "right", "wrong", "law"), CASES)
def test_a_right_answer_passes_and_a_wrong_one_is_told_the_law(check, right, wrong, law):
    assert check(right).right
    reply = check(wrong)
    assert not reply.right
    assert law in str(reply)
    first = right[0] if isinstance(right, tuple | list) else right
    assert first == 1 or f"{first:g}" not in str(reply).replace(f"{wrong}", "").split()


@pytest.mark.parametrize("check", list(dict.fromkeys(case[0] for case in CASES)))
@pytest.mark.parametrize("answer", ["0.5", None, math.nan, True, [], (1, "a"), (math.inf, 1)])
def test_what_is_no_answer_is_told_the_form(check, answer):
    reply = check(answer)
    assert not reply.right
    assert str(reply).startswith("An answer here is ")
    assert "\n" not in str(reply)


NUMBERS = [case[:2] for case in {case[0]: case for case in CASES}.values()]
ABSURD = (0, -1, -0.0, 1e308, -1e308, 1e-320, 10**400, -(10**400))


@pytest.mark.parametrize(("check", "right"), NUMBERS)
def test_an_absurd_number_gets_a_sentence(check, right):
    many = len(right) if isinstance(right, tuple | list) else None
    for one in ABSURD:
        reply = check(one if many is None else (one,) * many)
        assert not reply.right
        assert "\n" not in str(reply)
        assert len(str(reply)) < 500


@pytest.mark.parametrize("answer", [torch.eye(2), [10**400] * 9, "a" * 500])
def test_a_long_answer_is_told_in_one_line(answer):
    reply = number(answer, lambda _: "")
    assert not reply.right
    assert "\n" not in str(reply)
    assert len(str(reply)) < 160


def test_half_the_steps_want_twice_the_decay():
    assert rescaling.half_life(5.5e-3 / 8, epoch_steps=10000).right
    assert not rescaling.half_life(5.5e-3, epoch_steps=10000).right


def test_an_inverse_is_tried_as_a_function():
    right = compander.arsinh_inverse(lambda w, a, b: b * math.sinh(w / a))
    assert (right.right, str(right)) == (True, "Right: it gives back every v.")
    for wrong, said in (
        (lambda w, a, b: b * math.sinh(w) / a, "sends the weight of v = -1 to v = -"),
        (lambda w: w, "sends the weight of v = -1 to no number"),
        (lambda w, a, b: math.nan, "sends the weight of v = -1 to v = nan"),
        (lambda w, a, b: math.inf, "sends the weight of v = -1 to v = inf"),
        (3.0, "An answer here is a function of w, a and b, got 3.0; give one."),
    ):
        reply = compander.arsinh_inverse(wrong)
        assert not reply.right
        assert said in str(reply)


def test_a_reply_is_its_sentence():
    assert repr(number(2.0, lambda _: "too large")) == "Not yet: too large."
