"""Five ways to pull at weights, on losses that are parabolas: theory, and torch's own optimizers.

Weight i has the loss ``h_i (w_i - 1)^2 / 2``: without a penalty it ends at 1, however flat its
parabola. Its gradient has noise of standard deviation `NOISE` h_i, as large batches' gradients
differ by a share of their size.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
import torch
from scipy.optimize import brentq

CURVATURES = np.geomspace(0.01, 10, 13)
STRENGTH, NOISE, STEPS, COPIES = 0.1, 0.5, 4000, 16
WAYS = {
    "l2": "L2, SGD",
    "sgdw": "decoupled, SGD",
    "adam": "L2, Adam",
    "adamw": "decoupled, AdamW",
    "l1": "L1, SGD",
}


def expected(way: str, curvature: Sequence[float] | np.ndarray) -> np.ndarray:
    """Where weights of these curvatures settle, at small learning rates.

    L2, of SGD and Adam, and decoupled decay of SGD: where ``h (w - 1) + lambda w = 0``, so
    ``h / (h + lambda)``. L1: ``max(0, 1 - lambda / h)``. AdamW: Adam divides the gradient by its
    root mean square ``h sqrt((1 - w)^2 + NOISE^2)``, which cancels h, so all settle where
    ``(1 - w) / sqrt((1 - w)^2 + NOISE^2) = lambda w``.

    >>> expected("l2", [0.1, 0.9]).tolist(), expected("l1", [0.05, 0.2]).tolist()
    ([0.5, 0.9], [0.0, 0.5])
    """
    h = np.asarray(curvature, float)
    if way == "l1":
        return np.maximum(0, 1 - STRENGTH / h)
    if way == "adamw":
        level = brentq(lambda w: (1 - w) / np.hypot(1 - w, NOISE) - STRENGTH * w, 0, 1)
        return np.full_like(h, level)
    return h / (h + STRENGTH)


@cache
def settled(way: str, seed: int = 0) -> np.ndarray:
    """Where they are by torch's optimizer, [COPIES, curvatures]: mean over the last quarter of
    `STEPS` steps from 1."""
    generator = torch.Generator().manual_seed(seed)
    h = torch.from_numpy(CURVATURES)
    w = torch.ones(COPIES, len(h), dtype=torch.float64, requires_grad=True)
    optimizer = _optimizer(way, w)
    total = torch.zeros_like(w)
    noise = NOISE * torch.randn(STEPS, *w.shape, generator=generator, dtype=torch.float64)
    for step in range(STEPS):
        with torch.no_grad():
            w.grad = h * (w - 1 + noise[step])
            if way == "l1":
                w.grad += STRENGTH * torch.sign(w)
        optimizer.step()
        if way == "sgdw":
            with torch.no_grad():
                w.mul_(1 - optimizer.param_groups[0]["lr"] * STRENGTH)
        if step >= 3 * STEPS // 4:
            total += w.detach()
    return (total / (STEPS - 3 * STEPS // 4)).numpy()


def _optimizer(way: str, w: torch.Tensor) -> torch.optim.Optimizer:
    if way == "adam":
        return torch.optim.Adam([w], lr=0.005, weight_decay=STRENGTH)
    if way == "adamw":
        return torch.optim.AdamW([w], lr=0.005, weight_decay=STRENGTH)
    return torch.optim.SGD([w], lr=0.05, weight_decay=STRENGTH if way == "l2" else 0.0)
