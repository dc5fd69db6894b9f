"""Early stopping: each rule does what its sentence says, on curves made for it."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from companion.evidence.stopping import Rule, Stopped, replay

CURVES = st.lists(st.floats(0, 10, allow_nan=False), min_size=1, max_size=40)


def by_hand(values, patience, smoothing=0.0) -> Stopped:
    """The rule from its definition, with the whole curve in view."""
    smooth = [values[0]]
    for value in values[1:]:
        smooth.append(smoothing * smooth[-1] + (1 - smoothing) * value)
    watched = smooth if smoothing else values
    spent = len(values)
    for end in range(1, len(values) + 1):
        first_minimum = int(np.argmin(watched[:end])) + 1
        if patience is not None and end - first_minimum >= patience:
            spent = end
            break
    return Stopped(spent, int(np.argmin(values[:spent])) + 1)


@given(CURVES, st.sampled_from([1, 2, 3, 5, 10, None]), st.sampled_from([0.0, 0.5, 0.9]))
def test_a_replay_is_the_definition(values, patience, smoothing):
    assert replay(values, Rule(patience, smoothing)) == by_hand(values, patience, smoothing)


@given(CURVES)
def test_more_patience_never_stops_earlier_nor_keeps_a_worse_epoch(values):
    found = [replay(values, Rule(patience)) for patience in (1, 2, 3, 5, 10, None)]
    spent = [one.spent for one in found]
    kept = [values[one.kept - 1] for one in found]
    assert spent == sorted(spent)
    assert kept == sorted(kept, reverse=True)


def test_a_bump_ends_patience_1_and_not_3():
    curve = [5, 4, 4.5, 3, 2, 3, 3, 3]
    assert replay(curve, Rule(1)) == Stopped(3, 2)
    assert replay(curve, Rule(3)) == Stopped(8, 5)
    assert replay(curve, Rule(None)) == Stopped(8, 5)


def test_the_average_sees_through_a_bump_and_stops_at_a_lasting_rise():
    """At 0.9 the average of a falling curve lies far above it, and a bump hardly lifts it."""
    falling = list(np.linspace(5, 1, 20))
    bump = falling.copy()
    bump[10] += 0.3
    assert replay(bump, Rule(1)).spent == 11
    assert replay(bump, Rule(1, 0.9)).spent == 20
    rising = falling + [9.0] * 5
    found = replay(rising, Rule(1, 0.9))
    assert (found.spent, found.kept) == (21, 20)


def test_a_tie_is_no_improvement_and_keeps_the_first():
    assert replay([1, 1, 1, 1], Rule(2)) == Stopped(3, 1)


def test_a_training_that_diverges_is_stopped_and_keeps_what_was_finite():
    assert replay([1.0, 0.5, math.nan, math.nan, math.nan], Rule(3)) == Stopped(5, 2)
    assert replay([math.nan, math.nan, 0.3, 0.4], Rule(3)) == Stopped(4, 3)
    assert replay([1.0, math.nan, 0.5, 2.0], Rule(1, 0.5)).spent == 2


@pytest.mark.parametrize("patience", [0, -1, 1.5, True])
def test_patience_is_a_whole_number(patience):
    with pytest.raises(ValueError, match=r"patience must be a whole number .* None never stops"):
        Rule(patience)


def test_smoothing_is_a_share():
    with pytest.raises(ValueError, match=r"smoothing must be in \[0, 1\), got 1; 0 watches"):
        Rule(1, 1)
    with pytest.raises(ValueError, match="at least one epoch, got none"):
        replay([], Rule(1))
