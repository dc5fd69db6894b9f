"""What L derives and claims of weight norms, repeated."""

from __future__ import annotations

import numpy as np

from companion.chapters.batchnorm_norms import by_hand, inside, trainings
from companion.chapters.batchnorm_norms.experiments import (
    batches,
    bounded,
    gains,
    matched,
    windows,
)
from companion.evidence import records
from companion.evidence.claims import Claim

SOURCE = "L"


def repeated() -> list[Claim]:
    """The claims, each on a small network: the first four trained here, the rest recorded."""
    return [
        orthogonal(), growth(), low_rank(), effective_rate(), matched_rates(), outside_noise(),
        late_windows(), bounded_weight_norm(), small_batches(), decayed_gains(),
    ]  # fmt: skip


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
    """Section 4.2, and its supplement A.5 for convolutions."""
    ranks = {images: by_hand.update_rank(images) for images in (3, 8, 16)}
    kernels = {images: by_hand.kernel_rank(images) for images in (3, 5)}
    said = ", ".join(f"{rank} from {images} images" for images, rank in ranks.items())
    patches = " and ".join(f"{rank} from {4 * images}" for images, (rank, _) in kernels.items())
    return _derived(
        f"Low rank: the gradient of a layer has rank {said}, and that of a convolution's kernels "
        f"{patches} patches; the paper derives one less than the images, or the patches, at most.",
        all(rank <= images - 1 for images, rank in ranks.items())
        and all(rank <= bound for rank, bound in kernels.values()),
    )


def effective_rate() -> Claim:
    """Section 4.1: is the effective learning rate no sufficient explanation of decay?"""
    both = trainings.decay_as_rate()
    return _derived(
        "Effective learning rate: 300 steps of plain SGD with decay, and as many without it at an "
        f"exponentially rising learning rate, end with the same directions within "
        f"{both['turned']:.0e} and the same losses within {both['loss']:.0e}; the paper calls the "
        "effective learning rate insufficient to explain decay.",
        both["turned"] > 1e-6,
    )


def matched_rates() -> Claim:
    """Figure 1: what a run gains that follows the norms of a decayed one, and at a larger rate."""
    record = records.recorded("batchnorm-matched-rate-digits-book")

    def gain(kind: str, optimizer: str, other: str = "none"):
        pair = (matched.arm(kind, optimizer), matched.arm(other, optimizer))
        return inside.compared(record, [pair]).iloc[0]

    follows = {one: gain("follows wd", one, "wd") for one in matched.PLAIN}
    uniform = {one: gain(f"rate x {matched.FACTORS[0]}", one) for one in matched.PLAIN}
    decayed = {one: gain("wd", one) for one in matched.PLAIN}
    said = "; ".join(
        f"with {name} {decayed[one].estimate:+.1f} points by decay, {follows[one].estimate:+.1f} "
        f"({follows[one].low:+.1f} to {follows[one].high:+.1f}) of the rate that follows its norms "
        f"against it, and {uniform[one].estimate:+.1f} by {matched.FACTORS[0]} times the rate"
        for one, name in (("sgd", "SGD"), ("adamw", "AdamW"))
    )
    return _derived(
        f"Figure 1: {said}; in the paper, which has SGD alone, the rate that follows ends with "
        "decay, and a larger uniform rate below none.",
        all(one.low < 0 < one.high for one in follows.values())
        and all(one.high < 0 for one in uniform.values()),
    )


def outside_noise() -> Claim:
    """Section 4.2: does what lies outside the span of the inputs harm?"""
    record = records.recorded("batchnorm-span-digits-book")
    whole, less = inside.final(record, "batch_accuracy"), inside.final(record, "inside_accuracy")
    gains = {arm: float((less[arm] - whole[arm]).mean()) for arm in whole}
    largest = max(gains.values(), key=abs)
    return _derived(
        "Noise outside the input span: taking it away from trained networks changes test accuracy "
        f"by at most {largest:+.2f} points, averaged over the runs of an arm; the paper holds that "
        "it harms generalization.",
        gains["none"] > 0.5,
    )


def late_windows() -> Claim:
    """Figure 7: is rescaling of use only where it acts early?"""
    record = records.recorded("batchnorm-windows-digits-book")
    gains = [
        inside.compared(record, [(windows.arm("late", falls), windows.arm("never", falls))]).iloc[0]
        for falls in (False, True)
    ]
    return _derived(
        "Figure 7: WRS in the second half alone changes test accuracy by "
        f"{gains[0].estimate:+.1f} points ({gains[0].low:+.1f} to {gains[0].high:+.1f}) at a "
        f"constant rate and by {gains[1].estimate:+.1f} ({gains[1].low:+.1f} to "
        f"{gains[1].high:+.1f}) where the rate falls there; the paper, whose rate falls there, "
        "finds that late rescaling does not help, and takes it for a matter of time.",
        all(gain.high < 0.5 for gain in gains),
    )


def bounded_weight_norm() -> Claim:
    """Figure 8: is bounded weight norm ahead of decay at first and behind it at the end?"""
    record = records.recorded("batchnorm-bounded-rates-digits-book")
    cifar = records.recorded("batchnorm-bounded-cifar10-jpeg-book")
    first = inside.compared(cifar, [("bwn", "wd")], epoch=bounded.DROP).iloc[0]
    free, decayed = (
        inside.compared(record, [(bounded.arm(kind, 0.1), bounded.arm("wd", 0.1))]).iloc[0]
        for kind in ("bwn", "bwn, wd")
    )
    return _derived(
        "Figure 8: against decay, bounded weight norm is ahead by "
        f"{first.estimate:+.1f} points ({first.low:+.1f} to {first.high:+.1f}) before the rate "
        f"falls on CIFAR-10 and by {free.estimate:+.1f} ({free.low:+.1f} to {free.high:+.1f}) at "
        f"the end on the digits, with decay of its v by {decayed.estimate:+.1f} "
        f"({decayed.low:+.1f} to {decayed.high:+.1f}); the paper, which decays no v, finds it "
        "faster and then worse.",
        first.low > 0 > free.high,
    )


def small_batches() -> Claim:
    """Figure S3a: is WRS better than AdamW's decay of 5e-4 at every batch size?"""
    record = records.recorded("batchnorm-batch-size-digits-book")
    gains = [
        inside.compared(record, [(batches.arm("wrs all", n), batches.arm("weak", n))]).iloc[0]
        for n in batches.SIZES
    ]
    said = ", ".join(
        f"{gain.estimate:+.1f} at {n}" for n, gain in zip(batches.SIZES, gains, strict=True)
    )
    return _derived(
        f"Figure S3a: WRS on all layers gains over AdamW's decay of 5e-4, in points, {said} "
        "images a batch; the paper finds a gain at every size.",
        all(gain.low > 0 for gain in gains),
    )


def decayed_gains() -> Claim:
    """Figure S3b: is WRS, under which gains alone decay, better than decay at every lambda?"""
    record = records.recorded("batchnorm-gain-decay-digits-book")
    found = {
        decay: inside.compared(record, [(gains.arm("gain", decay), gains.arm("wd", decay))]).iloc[0]
        for decay in gains.DECAYS
    }
    said = ", ".join(f"{gap.estimate:+.1f} at {decay:g}" for decay, gap in found.items())
    return _derived(
        "Figure S3b: WRS with decay of gains alone gains over AdamW's decay of weights and gains, "
        f"in points, {said}; the paper finds a gain at every decay.",
        all(gap.low > 0 for gap in found.values()),
    )
