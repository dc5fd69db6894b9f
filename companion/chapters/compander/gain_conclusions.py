"""Whose the compander's gain is, in plain words: the checks of chapter 4's records of pairs."""

from __future__ import annotations

import itertools

from companion.chapters.compander import differences
from companion.chapters.compander.experiments import mlp
from companion.evidence import claims
from companion.evidence.records import Record


def check_only_a_rate(cifar: Record) -> None:
    """Guard the sentences about N's network, a record of `mlp.CIFAR`."""
    pairs = [("wc", "none"), ("twin", "none"), ("wc", "twin"), ("wc-100", "twin"),
             ("sigma-0.5", "none"), ("sigma-1", "none"), ("sigma-1", "twin")]  # fmt: skip
    rows = differences.compared(cifar, pairs)
    wc, twin, wc_twin, wide, half, whole, whole_twin = rows.itertuples()
    claims.require(
        "the compander gains more than a point over plain at the same rate, the twin no less",
        wc.estimate > 1 and wc.low > 0.5 and twin.low > 0.5 and twin.estimate >= wc.estimate,
        cifar,
    )
    claims.require(
        "by the rule a curve a hundred times as wide is only a learning rate", wide.none, cifar
    )
    claims.require(
        "for a = 1 the rule is missed on the other side: no room for a gain of the curve's own",
        not wc_twin.none and wc_twin.high < 0.05 and wc_twin.low < -differences.LIMIT,
        cifar,
    )
    claims.require(
        "weights that reach into the curve lose half of the gain, then all of it",
        0.3 < half.estimate / twin.estimate < 0.6
        and whole.low < 0 < whole.high
        and whole_twin.high < -1,
        cifar,
    )
    factors = differences.step_factors(cifar)
    found = differences.accuracies(cifar)
    order = ["none", "sigma-1", "sigma-0.5", "wc", "wc-100"]
    claims.require(
        "the arms are in the order of their mean steps, and sigma/a = 1 has plain ones",
        factors[order].is_monotonic_increasing
        and all(a < b for a, b in itertools.pairwise(found[arm].mean() for arm in order))
        and 0.9 < factors["sigma-1"] < 1.1,
        cifar,
    )
    reached = differences.by_layer(cifar, "step_factor") / mlp.FACTOR
    claims.require(
        "at a = 1 the mean of cos^4 is above 0.99 in the first layer and above 0.8 in all",
        reached.loc["wc", 1] > 0.99 and reached.loc["wc"].min() > 0.8,
        cifar,
    )
    before = differences.by_layer(cifar, "step_factor", 0) / mlp.FACTOR
    claims.require(
        "training hardly moves it",
        (reached.loc["wc"] - before.loc["wc"]).abs().max() < 0.03,
        cifar,
    )


def check_pairs(record: Record) -> None:
    """Guard the sentence about many pairs at a = 1, a record of `mlp.PAIRS`."""
    gap = differences.one(record, "wc", "twin")
    claims.require(
        "in thirty pairs the curve at a = 1 ends some tenths of a point below its twin, all of the "
        "interval below zero",
        len(record.provenance["seeds"]) == 30
        and gap["high"] < -0.1
        and -0.7 < gap["low"] < -differences.LIMIT,
        record,
    )


def check_batch_norm(record: Record) -> None:
    """Guard the sentences about a network with batch norm, a record of `batchnorm.DIGITS`."""
    pairs = [("twin", "none"), ("wc", "none"), ("wc", "twin"), ("wd-5e-4", "none")]
    rows = differences.compared(record, pairs)
    claims.require(
        "under batch norm no interval excludes 0, all lie within 1.7 points of it, and none within "
        "0.3",
        (rows["low"] < 0).all()
        and (rows["high"] > 0).all()
        and rows[["low", "high"]].abs().max().max() < 1.7
        and not rows["none"].any(),
        record,
    )
    claims.require(
        "behind the curve a step is 2 to 2.6 times a plain one",
        differences.by_layer(record, "step_factor").loc["wc"].between(2, 2.6).all(),
        record,
    )


def check_resnet(record: Record) -> None:
    """Guard the sentences about a narrow ResNet, a record of `resnet.CIFAR`."""
    pairs = [("twin", "none"), ("wc", "none"), ("wc", "twin")]
    twin, curve, gap = differences.compared(record, pairs).itertuples()
    claims.require(
        "in a ResNet on CIFAR-10 the compander and its twin both end two points and more below "
        "the plain network, with intervals below 0, and within a point and a half of each other",
        max(twin.estimate, curve.estimate) < -2
        and max(twin.high, curve.high) < 0
        and gap.low < 0 < gap.high
        and max(-gap.low, gap.high) < 1.5,
        record,
    )
    claims.require(
        "behind the curve a step is nearly three times a plain one in most of its layers",
        differences.by_layer(record, "step_factor").loc["wc"].median() > 2.4,
        record,
    )


def check_digits(digits: Record) -> None:
    """Guard the sentences about the digits, a record of `mlp.DIGITS`."""
    twins = [("wc", "twin"), ("wc-100", "twin"), ("arsinh", "twin"), ("erf", "twin")]
    claims.require(
        "on the digits every curve at a = 1 ends within 0.3 points of the twin",
        differences.compared(digits, twins)["none"].all(),
        digits,
    )
    ratios = [differences.loss_ratio(digits, mlp.ratio_arm(r), "twin") for r in mlp.RATIOS]
    claims.require(
        "the loss parts from the twin's as sigma/a grows: a tenth more at 0.1, half more at 0.25, "
        "threefold at 0.5, tenfold at 1",
        list(ratios) == sorted(ratios)
        and ratios[0] < 1.15
        and 1.3 < ratios[1] < 1.6
        and 2.5 < ratios[2] < 3.2
        and ratios[-1] > 9,
        digits,
    )
    claims.require(
        "a curve a hundred times as wide has the twin's loss within a hundredth",
        abs(differences.loss_ratio(digits, "wc-100", "twin") - 1) < 0.01,
        digits,
    )
    near = [differences.by_layer(digits, "weight_near_zero", e)[2] for e in (0, None)]
    claims.require(
        "at a = 1 the share near zero falls by less than a twentieth, at sigma/a = 1 by a quarter",
        near[1]["wc"] > near[0]["wc"] * (1 - 1 / 20)
        and 0.2 < 1 - near[1]["sigma-1"] / near[0]["sigma-1"] < 0.35,
        digits,
    )
    claims.require(
        "powerpropagation ends half a point or more below plain",
        differences.one(digits, "powerprop", "none")["estimate"] < -0.5,
        digits,
    )


def check_adaptive(record: Record) -> None:
    """Guard the sentences about AdamW, a record of `mlp.ADAPTIVE`."""
    pairs = {
        arm: differences.loss_ratio(record, arm, twin)
        for arm, twin in (("wc", "twin-1"), ("wc-aware", "twin-2"))
    }
    apart = differences.loss_ratio(record, "twin-2", "twin-1")
    claims.require(
        "each compander stays within a fifth of its twin, and the twins are apart by half or more",
        all(1 < ratio < 1.2 for ratio in pairs.values()) and apart < 0.5,
        record,
    )
