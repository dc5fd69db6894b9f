"""How fast weight decay alone shrinks a weight."""

from __future__ import annotations

import numpy as np

from companion import kinds


def kept_by_decay(
    steps: int, learning_rate: float, weight_decay: float, momentum: float = 0.0
) -> float:
    """The share of a weight that is left after `steps` of SGD with coupled weight decay and no
    gradient of the loss.

    Each step sets ``v <- momentum v + weight_decay w`` and ``w <- w - learning_rate v``; the
    linear map is raised to the power `steps`, so the result is exact. For small steps it is
    close to ``exp(-learning_rate weight_decay steps / (1 - momentum))``. The norm of a weight
    vector keeps the same share. Dimensionless.

    Source: torch.optim.SGD; A. Krogh and J. Hertz, NeurIPS 1991.
    Raises ValueError unless steps is a whole number >= 0, rate and decay are finite and >= 0, and
    0 <= momentum < 1.

    >>> round(kept_by_decay(1250, 1e-3, 1e-3, 0.9), 4)  # one epoch of 40,000 images, batch 32
    0.9877
    """
    steps = kinds.whole("steps", steps)
    if steps < 0:
        raise ValueError(f"steps must be >= 0, got {steps}; count optimizer steps from 0")
    kinds.least("0 changes nothing", 0, learning_rate=learning_rate, weight_decay=weight_decay)
    kinds.below_1("0 switches it off", momentum=momentum)
    step = np.array(
        [
            [1 - learning_rate * weight_decay, -learning_rate * momentum],
            [weight_decay, momentum],
        ]
    )
    return float(np.linalg.matrix_power(step, steps)[0, 0])
