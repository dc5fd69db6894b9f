"""What L derives and claims of weight norms, repeated."""

from __future__ import annotations

import numpy as np

from companion.chapters.batchnorm_norms import by_hand
from companion.evidence.claims import Claim

SOURCE = "L"


def repeated() -> list[Claim]:
    """The claims, each on a small network trained here."""
    return [orthogonal(), growth(), low_rank(), effective_rate()]


def _derived(sentence: str, holds: bool) -> Claim:
    return Claim(sentence, "holds" if holds else "does not hold")


def orthogonal() -> Claim:
    """Theorem 3.1."""
    exact, usual = (float(by_hand.cosines(eps).abs().max()) for eps in (by_hand.TINY, 1e-5))
    return _derived(
        f"Orthogonal gradient: the largest cosine of a unit's gradient and weights is {exact:.0e} "
        f"with almost no eps and {usual:.0e} with torch's; the paper derives 0, without eps.",
        exact < 1e-14,
    )


def growth() -> Claim:
    """Corollary 3.3."""
    square, slope = by_hand.plain_steps(50, 1.0)
    off = float(abs(np.diff(square.mean(axis=1)) / slope.mean(axis=1) - 1).max())
    return _derived(
        f"Growth: fifty steps of plain SGD in float32 add the squared learning rate times the "
        f"squared gradient to a layer's squared norm, within {off:.0e} of it; the paper derives "
        "equality.",
        off < 1e-4,
    )


def low_rank() -> Claim:
    """Section 4.2."""
    ranks = {images: by_hand.update_rank(images) for images in (3, 8, 16)}
    said = ", ".join(f"{rank} from {images} images" for images, rank in ranks.items())
    return _derived(
        f"Low rank: the gradient of a layer has rank {said}; the paper derives one less than the "
        "images, at most.",
        all(rank <= images - 1 for images, rank in ranks.items()),
    )


def effective_rate() -> Claim:
    """Section 4.1: is the effective learning rate no sufficient explanation of decay?"""
    both = by_hand.decay_as_rate()
    return _derived(
        "Effective learning rate: 300 steps of plain SGD with decay, and as many without it at an "
        f"exponentially rising learning rate, end with the same directions within "
        f"{both['turned']:.0e} and the same losses within {both['loss']:.0e}; the paper calls the "
        "effective learning rate insufficient to explain decay.",
        both["turned"] > 1e-6,
    )
