"""The curvature of the loss where a network starts: the norm of its Hessian (A, table 2).

The Hessian is that of the mean cross entropy over images by all trained parameters: lengths,
directions and biases. It is never formed: Lanczos' method (scipy's ``eigsh``) needs its products
with vectors, which are two backward passes each (Pearlmutter 1994).
"""

from __future__ import annotations

from functools import cache

import numpy as np
import torch
from scipy.sparse.linalg import LinearOperator, eigsh
from torch import Tensor, nn

from companion import data
from companion.training import one_run
from companion.training.settings import Settings

TOLERANCE = 1e-2


def norm(model: nn.Module, images: Tensor, labels: Tensor, seed: int = 0) -> float:
    """The spectral norm of the Hessian: the largest size of an eigenvalue, to `TOLERANCE`."""
    parameters = [value for value in model.parameters() if value.requires_grad]
    loss = nn.functional.cross_entropy(model(images), labels)
    gradients = torch.autograd.grad(loss, parameters, create_graph=True)
    flat = torch.cat([gradient.reshape(-1) for gradient in gradients])

    def product(vector: np.ndarray) -> np.ndarray:
        given = torch.from_numpy(np.ascontiguousarray(vector.ravel())).to(flat)
        found = torch.autograd.grad(flat @ given, parameters, retain_graph=True)
        return torch.cat([one.reshape(-1) for one in found]).double().numpy()

    size = flat.numel()
    operator = LinearOperator((size, size), matvec=product, dtype=np.float64)
    start = np.random.default_rng(seed).standard_normal(size)
    (found,) = eigsh(operator, 1, which="LM", v0=start, tol=TOLERANCE, return_eigenvectors=False)
    return abs(float(found))


@cache
def at_start(settings: Settings, seed: int, images: int | None = None) -> float:
    """That of a run of these settings on the digits before its first step, over the first so many
    training images, all if None."""
    split = data.split(data.load("digits"))
    model = one_run.build(settings, seed, torch.float32, torch.device("cpu"), split)
    shown = split.standardize(split.train_images[:images], torch.float32)
    return norm(model, shown, split.train_labels[:images])
