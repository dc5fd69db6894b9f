"""What Sohrabi's slides (S) say of dropout and normalization, computed."""

from __future__ import annotations

import numpy as np

from companion.chapters.toolbox import masks, normalization
from companion.evidence.findings import Finding, judge

P_DROP = 0.2
RATE = 0.1


def findings() -> list[Finding]:
    """Every finding of this chapter."""
    return [dropout(), covariate_shift()]


def dropout() -> Finding:
    """With p the probability of zeroing, is the factor at test time p?"""
    trained, _ = masks.both_means(
        lambda h, p, training, g: masks.dropout(h, p, training, g, "slide"), P_DROP
    )
    slide = {p: masks.test_over_training("slide", p).mean(axis=0) for p in (P_DROP, 0.5)}
    one, three = slide[P_DROP][[0, 2]]
    return Finding(
        lead="dropout at test time",
        source="S",
        where="slides on dropout",
        printed="activations are set to 0 with probability p in training and multiplied by p at "
        "test time, which is the expected value",
        computed=f"with p = {P_DROP:g} an activation of 1 is {trained:.2f} on average in training, "
        f"1 - p is {1 - P_DROP:g}, and p is {P_DROP:g}; the signal in test is {one:.3f} of that in "
        f"training behind one dropout layer and {three:.3f} behind three; at p = 0.5 it is "
        f"{slide[0.5][2]:.3f} of it",
        verdict=judge([bool(np.isclose(one, 1, rtol=0.02))]),
        effect="The factor is 1 - p; the two agree only at p = 1/2, the most usual value.",
    )


def covariate_shift() -> Finding:
    """Does batch norm leave the internal covariate shift as it is?"""
    plain, held = (normalization.shifts(kind, RATE) for kind in ("none", "batch"))
    fast = normalization.shifts("batch", 5 * RATE)["gradient"].mean()
    both = {name: (plain[name].mean(), held[name].mean()) for name in ("gradient", "input")}
    return Finding(
        lead="batch norm and the internal covariate shift",
        source="S",
        where="slides on batch normalization",
        printed="it was later proved that batch norm does not reduce the internal covariate shift",
        computed=f"in a network of four hidden layers at rate {RATE:g}, a step of the layers below "
        f"changes a layer's gradient by {both['gradient'][0]:.2f} of itself without and "
        f"{both['gradient'][1]:.2f} with batch norm, and moves the means of its inputs by "
        f"{both['input'][0]:.2g} and {both['input'][1]:.2g} standard deviations; with batch norm "
        f"at rate {5 * RATE:g} the gradient changes by {fast:.2f}",
        verdict="left open",
        effect="The sentence names neither the shift nor the learning rate, and is about "
        "measurements, not a proof: at equal rates the shift is smaller here, at the larger rate "
        "that batch norm allows about as large as without it.",
    )  # fmt: skip
