"""Learning rates that follow the norms of another run (L, section 4.1, "scale lr").

Two runs from one seed see the same batches: a *leader*, whose decay or rescaling differs, and a
follower. Where a normalization ignores a unit's scale, ``g(r w) = g(w) / r`` and a step must be r
times as long to turn r w as far as w. With ``r = |w| / |w of the leader|``, unit by unit, a
follower in the leader's direction steps as its leader does when the gradient and the step are both
multiplied by r:

* AdamW divides the gradient's size out again, so that only its step is longer. Its moments,
  though, remember gradients at earlier norms: multiplied by r before the moments see it, a gradient
  is as the leader's was. Within ``eta lambda`` a step this is AdamW with decoupled decay;
* SGD without momentum takes its rate times ``r^2``, as L does for whole layers. With momentum its
  velocity remembers as Adam's moments do, and a rescaled leader's is met by both factors. Coupled
  decay pulls at the velocity itself, and what comes of it is the rate times ``r^2`` with gradients
  as they come (`theory.norms.rising_factors`), within what decay takes in a step.

L knows no correspondence of units between its two runs. Here they share a start, and it is known.
"""

from __future__ import annotations

from torch import Tensor


def ratio(weight: Tensor, leader: Tensor) -> Tensor:
    """``|w| / |w of the leader|`` of each unit, [runs, out, 1, ...]; both [runs, out, ...].

    >>> import torch
    >>> ratio(torch.tensor([[[6.0, 8.0]]]), torch.tensor([[[3.0, 4.0]]])).tolist()
    [[[2.0]]]
    """
    units = weight.flatten(2).norm(dim=2) / leader.flatten(2).norm(dim=2)
    return units.view(*units.shape, *[1] * (weight.dim() - 2))
