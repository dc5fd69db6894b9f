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
    assert bool((numbers == streams.bits(7, "order", 0, 4)).all())


@pytest.mark.parametrize("seeds", [1.2, "7", None, True, [1, 1.9], [[1]]])
def test_a_seed_is_a_whole_number(seeds):
    with pytest.raises(ValueError, match="a seed must be a whole number"):
        streams.normal(seeds, "weights", 0, 3)


@pytest.mark.parametrize("n", [2.5, "3", None, float("nan")])
def test_a_count_is_a_whole_number(n):
    with pytest.raises(ValueError, match="n must be a whole number"):
        streams.uniform(0, "weights", 0, n)


def test_kinds_of_unions_and_pairs():
    assert kinds.fits(None, int | None)
    assert not kinds.fits("a", int | None)
    assert kinds.fits((0.9, 0.99), tuple[float, float])
    assert not kinds.fits((0.9, "a"), tuple[float, float])
