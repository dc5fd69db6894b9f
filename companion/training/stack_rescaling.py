"""Which runs of a stack are rescaled, by which rule, and to what."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from companion.methods import initialization
from companion.methods.rescaling import Rescaling
from companion.training.settings import Run

Rescalings = list[tuple[Rescaling, Tensor | slice, list[Tensor]]]
"""Per distinct rescaling: the runs it acts on and their target std [members] per layer."""


def rescalings(runs: Sequence[Run], weights: Sequence[Tensor]) -> Rescalings:
    """The rescalings of a stack of runs, whose weights are [runs, out, ...]."""
    dtype, device = weights[0].dtype, weights[0].device
    groups: dict[Rescaling, list[int]] = {}
    for index, run in enumerate(runs):
        if run.settings.rescale != "none":
            groups.setdefault(run.settings.rescaling, []).append(index)
    result = []
    for rule, members in groups.items():
        chosen = [runs[index].settings for index in members]
        targets = []
        for weight in weights:
            fan_in, fan_out = initialization.fans(weight[0])
            if rule.to == "initial":
                # drawn from the seed, so a resumed stack finds the same
                flat = weight[members].double().flatten(1)
                targets.append(flat.std(dim=1, correction=0).to(dtype))
                continue
            stds = [initialization.sigma(s.scheme, fan_in, fan_out, s.gain) for s in chosen]
            targets.append(torch.tensor(stds, dtype=dtype, device=device))
        everyone = len(members) == len(runs)
        which = slice(None) if everyone else torch.tensor(members, device=device)
        result.append((rule, which, targets))
    return result
