"""How curved the loss is: the largest size of an eigenvalue of its Hessian (A, Table 2).

The Hessian H is that of the mean cross entropy over images by all trained parameters, with every
module in evaluation mode. It is never formed: ARPACK's Lanczos method (scipy's ``eigsh``) asks for
its products with vectors, and ``H x`` is the gradient of ``<gradient, x>`` (Pearlmutter 1994).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy.sparse.linalg import ArpackError, LinearOperator, eigsh
from torch import Tensor

from companion import kinds
from companion.measure.declare import Column, Differentiable, Measure, View

RESIDUAL = 1e-3
"""The largest ``|H x - e x| / |e|``, of an eigenvalue e and a vector x of length 1, with which e is
taken for one of H's: it then lies within that share of one (Parlett 1998, theorem 4.5.1)."""
SHARE = 0.1
"""Share of the training images, the first ones, over which A takes the Hessian."""
CHUNK = 500
"""Images whose graph is held at once; of more, each product builds the graphs anew."""


@dataclass(frozen=True)
class Extreme:
    """The eigenvalue of largest size, and ``|H x - e x| / |e|`` of what was found; both NaN where
    the loss or its gradient is not finite."""

    value: float
    residual: float

    @property
    def norm(self) -> float:
        """The spectral norm of H, NaN unless the residual is at most `RESIDUAL`."""
        return abs(self.value) if self.residual <= RESIDUAL else math.nan


def extreme(
    loss: Differentiable, images: Tensor, labels: Tensor, seed: int = 0, steps: int | None = None
) -> Extreme:
    """The Hessian's eigenvalue of largest size, of a `Differentiable` loss over these images.

    seed: that of Lanczos' first vector. steps: its restarts at most; None: ten a parameter. What
    has not converged by then has the residual infinity.

    >>> w = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
    >>> steep = lambda images, labels: (-2 * w[0] ** 2 + w[1] ** 2 + w[2] * w[1], [w])
    >>> round(extreme(steep, torch.zeros(1, 1), torch.zeros(1)).value, 4)
    -4.0
    """
    chunks = list(zip(images.split(CHUNK), labels.split(CHUNK), strict=True))
    pieces = _Pieces(loss, chunks)
    first = pieces.gradient()
    if not np.isfinite(first).all():
        return Extreme(math.nan, math.nan)
    operator = LinearOperator((first.size, first.size), matvec=pieces.product, dtype=np.float64)
    start = np.random.default_rng(seed).standard_normal(first.size)
    if not pieces.product(start).any():  # saturated: ARPACK refuses a Hessian of 0
        return Extreme(0.0, 0.0)
    try:
        # ARPACK's own bound is that of the residual, and float32 products add to it
        found, vectors = eigsh(operator, 1, which="LM", v0=start, tol=RESIDUAL / 2, maxiter=steps)
    except ArpackError:
        return Extreme(math.nan, math.inf)
    value, vector = float(found[0]), vectors[:, 0]
    away = pieces.product(vector) - value * vector
    return Extreme(value, float(np.linalg.norm(away) / abs(value)) if value else math.inf)


class _Pieces:
    """The loss in chunks: one keeps its graph, several build theirs for every product."""

    def __init__(
        self, loss: Callable[..., tuple[Tensor, list[Tensor]]], chunks: Sequence[tuple]
    ) -> None:
        self.loss, self.chunks = loss, chunks
        self.total = sum(len(labels) for _, labels in chunks)
        self.kept = self._slope(*chunks[0]) if len(chunks) == 1 else None

    @torch.enable_grad()
    def _slope(self, images: Tensor, labels: Tensor) -> tuple[Tensor, list[Tensor]]:
        """A chunk's part of the gradient as one vector, with its graph, and the parameters."""
        value, parameters = self.loss(images, labels)
        found = torch.autograd.grad(value, parameters, create_graph=True)
        return _flat(found) * (len(labels) / self.total), parameters

    def _each(self) -> Sequence[tuple[Tensor, list[Tensor]]]:
        return [self.kept] if self.kept else (self._slope(*one) for one in self.chunks)

    def gradient(self) -> np.ndarray:
        """The loss's gradient, float64 [parameters]."""
        return sum(_numbers(flat) for flat, _ in self._each())

    @torch.enable_grad()
    def product(self, vector: np.ndarray) -> np.ndarray:
        """``H x``, float64 [parameters]."""
        total = np.zeros(vector.size)
        for flat, parameters in self._each():
            given = torch.from_numpy(np.ascontiguousarray(vector.ravel())).to(flat)
            found = torch.autograd.grad(
                flat @ given, parameters, retain_graph=True, materialize_grads=True
            )
            total += _numbers(_flat(found))
        return total


def _flat(parts: Sequence[Tensor]) -> Tensor:
    return torch.cat([part.reshape(-1) for part in parts])


def _numbers(flat: Tensor) -> np.ndarray:
    return flat.detach().double().cpu().numpy()


def hessian(share: float = SHARE) -> Measure:
    """A measure of the Hessian's norm before training, over this share of the training images.

    ``hessian_norm``, of every run, NaN where it diverged or did not converge; ``hessian_residual``
    says which: NaN where the loss or its gradient is not finite, else what was reached.
    ValueError unless 0 < share <= 1.
    """
    found = kinds.finite(share)
    if found is None or not 0 < found <= 1:
        raise ValueError(f"share must be in (0, 1], got {share}; A takes 0.1 of the images")

    def norms(view: View) -> dict[str, Tensor]:
        if view.differentiable is None:
            raise ValueError(
                "a Hessian needs a loss that can be differentiated twice, got a view without one; "
                "take it of a stack"
            )
        count = max(1, round(share * len(view.split.train_labels)))
        images = view.split.standardize(view.split.train_images[:count], view.weights[0].dtype)
        labels = view.split.train_labels[:count]
        found = [
            extreme(
                lambda some, truth, run=run: view.differentiable(run, some, truth), images, labels
            )
            for run in range(len(view.weights[0]))
        ]
        device = images.device
        return {
            "hessian_norm": torch.tensor([one.norm for one in found], device=device),
            "hessian_residual": torch.tensor([one.residual for one in found], device=device),
        }

    return Measure(
        "hessian",
        (
            Column("hessian_norm", "largest size of an eigenvalue of the Hessian of the mean cross "
                   f"entropy over {share:.0%} of the training images", low=0, start=False),
            Column("hessian_residual", "|H x - e x| / |e| of the eigenvalue e found", low=0,
                   start=False),
        ),
        norms,
        "some dozen forward and double backward passes over these images",
        when="start",
    )  # fmt: skip
