"""Learning rates that follow the norms of another run (L, section 4.1, "scale lr").

Two runs from one seed see the same batches: a *leader*, whose decay or rescaling differs, and a
follower. Where a normalization ignores a unit's scale, ``g(r w) = g(w) / r`` and a step must be r
times as long to turn r w as far as w. With ``r = |w| / |w of the leader|`` a follower in the
leader's direction steps as its leader does when the gradient and the step are both multiplied by r:

* AdamW divides the gradient's size out again, so that only its step is longer. Its moments,
  though, remember gradients at earlier norms: multiplied by r before the moments see it, a gradient
  is as the leader's was. Within ``eta lambda`` a step this is AdamW with decoupled decay;
* SGD without momentum takes its rate times ``r^2``, as L does. With momentum its
  velocity remembers as Adam's moments do, and a rescaled leader's is met by both factors. Coupled
  decay pulls at the velocity itself, and what comes of it is the rate times ``r^2`` with gradients
  as they come (`theory.norms.rising_factors`), within what decay takes in a step.

Decay shrinks all units alike and leaves their lengths beside each other to the gradients, so that
one r for a layer, as in L, fits every unit. WRS makes units equal, and each needs its own r. (Each
its own under decay goes wrong where a unit has no gradient: its norm decays without end, and the
unit that follows it, once rounding has parted the two, is driven without bound.)
"""

from __future__ import annotations

from torch import Tensor


def ratio(weight: Tensor, leader: Tensor, units: bool) -> Tensor:
    """``|w| / |w of the leader|``, [runs, out, 1, ...]: of each unit, or one for all of a layer's;
    both weights are [runs, out, ...].

    >>> import torch
    >>> two, one = torch.tensor([[[6.0, 8.0], [0.0, 5.0]]]), torch.tensor([[[3.0, 4.0]] * 2])
    >>> ratio(two, one, units=True).flatten().tolist()
    [2.0, 1.0]
    """
    first = 2 if units else 1
    found = weight.flatten(first).norm(dim=-1) / leader.flatten(first).norm(dim=-1)
    return found.view(len(weight), -1, *[1] * (weight.dim() - 2)).expand(
        *weight.shape[:2], *[1] * (weight.dim() - 2)
    )
