"""Values of the wrong kind are refused by name, in one sentence, wherever they come in."""

from dataclasses import fields

import numpy as np
import pytest
import torch

from companion import kinds, streams
from companion.methods.rescaling import Rescaling
from companion.training.settings import Settings

WRONG = {
    int: ["3", None, True, [3], torch.tensor(3)],
    float: ["0.1", None, False, (0.1,), 1j],
    str: [1, None, b"relu", ("relu",)],
}


@pytest.mark.parametrize("field", fields(Settings), ids=lambda field: field.name)
def test_settings_refuse_every_wrong_kind_by_name(field):
    kind = type(field.default)
    for value in WRONG.get(kind, [3, "zz", None, {"a": 1}.items]):
        with pytest.raises(ValueError, match=f"{field.name} must be") as caught:
            Settings(**{field.name: value})
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("value", ["3", None, True, [2]])
def test_a_rescaling_refuses_them_too(value):
    with pytest.raises(ValueError, match=r"tau must be a number, got .*; for example 0"):
        Rescaling("wr", tau=value)
    with pytest.raises(ValueError, match="window must be a sequence, each a number"):
        Rescaling("wr", window="12")


def test_whole_numbers_of_other_types_are_taken():
    assert Settings(epochs=np.int64(3), learning_rate=1).epochs == 3
    assert Settings(widths=[64, 8, 10]).widths == (64, 8, 10)
    numbers = streams.bits(np.int64(7), "order", 0, np.int64(4))
    assert torch.equal(numbers, streams.bits(7, "order", 0, 4))
    assert torch.equal(
        streams.normal(np.int64(7), "order", 0, 3.0), streams.normal(7, "order", 0, 3)
    )


@pytest.mark.parametrize("seeds", [1.2, "7", None, True, [1, 1.9], [[1]]])
def test_a_seed_is_a_whole_number(seeds):
    with pytest.raises(ValueError, match="a seed must be a whole number"):
        streams.normal(seeds, "weights", 0, 3)


@pytest.mark.parametrize("seeds", [2**63, -(2**63) - 1, [0, 2**64]])
def test_a_seed_has_64_bits(seeds):
    with pytest.raises(ValueError, match=r"a seed must have at most 64 bits, got .*; take a small"):
        streams.normal(seeds, "weights", 0, 3)


def test_tensors_of_seeds_and_steps_are_whole_too():
    for wrong in (torch.tensor([1.7]), torch.tensor([True])):
        with pytest.raises(ValueError, match="a seed must be a whole number, got torch"):
            streams.bits(wrong, "order", 0, 3)
        with pytest.raises(ValueError, match="step must be a whole number, got torch"):
            streams.bits(1, "order", wrong, 3)
    with pytest.raises(ValueError, match=r"step must be a whole number, got 1\.5"):
        streams.bits(1, "order", 1.5, 3)


@pytest.mark.parametrize("n", [2.5, "3", None, float("nan")])
def test_a_count_is_a_whole_number(n):
    with pytest.raises(ValueError, match="n must be a whole number"):
        streams.uniform(0, "weights", 0, n)
    with pytest.raises(ValueError, match="n must be a whole number"):
        streams.normal(0, "weights", 0, n)


def test_kinds_of_unions_and_pairs():
    assert kinds.fits(None, int | None)
    assert not kinds.fits("a", int | None)
    assert kinds.fits((0.9, 0.99), tuple[float, float])
    assert not kinds.fits((0.9, "a"), tuple[float, float])
