"""What Sohrabi's slides (S) say of constants and the compromise, computed."""

from __future__ import annotations

import torch
from torch import nn

from companion.evidence.findings import Finding, judge
from companion.methods.initialization import sigma

VALUE, STEPS = 0.1, 5


def findings() -> list[Finding]:
    """The findings about how S starts weights."""
    return [constant(), compromise()]


def constant() -> Finding:
    """Do all weights of a layer that starts at one number get the same update?"""
    generator = torch.Generator().manual_seed(0)
    images, labels = torch.randn(32, 5, generator=generator).double(), torch.arange(32) % 3
    model = nn.Sequential(nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, 3)).double()
    for parameter in model.parameters():
        nn.init.constant_(parameter, VALUE)
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    for _ in range(STEPS):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(images), labels).backward()
        optimizer.step()
    weight = model[0].weight.detach()
    units = float((weight - weight[0]).abs().max())
    inputs = float((weight - weight[:, :1]).abs().max())
    return Finding(
        lead="constant initialization",
        source="S",
        where="slides on initialization with a constant",
        printed="within each layer the gradients of all weights are the same",
        computed=f"after {STEPS} steps the weights of two units from one input differ by "
        f"{units:.0e}, those of one unit from two inputs by up to {inputs:.2f}",
        verdict=judge([units < 1e-12, inputs < 1e-12]),
        effect="Units stay equal, not all weights; the conclusion stands, for a layer of equal "
        "units is one unit.",
    )


def compromise() -> Finding:
    """Is 4 / (in + out) an average of 2 / in and 2 / out?"""
    fan_in, fan_out = 100, 300
    printed = 4 / (fan_in + fan_out)
    forward, backward = 2 / fan_in, 2 / fan_out
    harmonic = sigma("harmonic", fan_in, fan_out) ** 2
    return Finding(
        lead="the average of the two variances",
        source="S",
        where="slides on random initialization",
        printed="the two variances averaged out: 4 / (outgoing + incoming)",
        computed=f"for {fan_in} inputs and {fan_out} outputs {printed:g}; the arithmetic mean is "
        f"{(forward + backward) / 2:.4f}, the harmonic mean {harmonic:g}",
        verdict=judge([abs(harmonic - printed) < 1e-12]),
        effect="It is the harmonic mean, which the word average leaves open; nothing changes.",
    )
