"""The L1 penalty: its gradient, whom it acts on, and what it does that weight decay does not."""

import pytest
import torch

from companion import models
from companion.training import l1
from companion.training.optimizers import Optimizer
from companion.training.settings import Run, Settings

WIDTHS = (4, 3, 2)


def run(number: int = 0, **own) -> Run:
    return Run(number, "an arm", number, Settings(widths=WIDTHS, **own))


def test_the_gradient_is_autograds_and_leaves_out_what_does_not_decay():
    own = {"l1_penalty": 0.7, "decayed": ("weight",)}
    model = models.build("mlp", WIDTHS).double()
    (0.7 * l1.penalty(model, run(**own).settings)).backward()
    parameters = [p.detach()[None] for p in model.parameters()]
    terms = l1.terms(parameters, list(models.roles(model).values()), [run(**own)])
    assert sorted(terms) == [0, 2]  # the biases, 1 and 3, do not decay
    for index, (value, parameter) in enumerate(zip(parameters, model.parameters(), strict=True)):
        if index not in terms:
            assert parameter.grad is None
            continue
        gradient = torch.ones_like(value)
        terms[index](gradient, value)
        torch.testing.assert_close(gradient - 1, parameter.grad[None])


def test_a_run_without_a_penalty_is_left_alone():
    value = torch.tensor([[2.0, -3.0, 0.0]] * 2)
    gradient = torch.zeros_like(value)
    l1.L1Term(value, [run(), run(1, l1_penalty=0.5)])(gradient, value)
    assert gradient.tolist() == [[0, 0, 0], [0.5, -0.5, 0]]
    assert l1.terms([value], [("weight", "input")], [run(), run(1)]) == {}


@pytest.mark.parametrize(
    ("own", "law"),
    [
        ({"l1_penalty": 0.1}, lambda w, k: w - 0.01 * k),
        ({"weight_decay": 0.1}, lambda w, k: w * 0.99**k),
    ],
    ids=["L1", "weight decay"],
)
def test_without_a_loss_l1_takes_equal_steps_and_decay_equal_shares(own, law):
    """Rate 0.1, strength 0.1, no momentum, twenty steps from 1."""
    value = torch.ones(1, 1, dtype=torch.float64)
    runs = [run(momentum=0.0, learning_rate=0.1, **own)]
    roles = [("weight", "input")]
    optimizer = Optimizer([value], runs, l1.terms([value], roles, runs), roles)
    optimizer.learning_rate = 0.1
    for _ in range(20):
        optimizer.begin()
        optimizer.update(0, torch.zeros_like(value))
    assert value.item() == pytest.approx(law(1, 20), rel=1e-12)
