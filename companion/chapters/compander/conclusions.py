"""What chapter 4 says in plain words, and the checks that guard it."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

import numpy as np
import torch

from companion.chapters.compander import differences, explorables, lab, walks
from companion.chapters.compander.experiments import mlp
from companion.display.labs.trained import trained
from companion.evidence import claims, published
from companion.evidence.records import Record
from companion.experiments.performance import Overhead
from companion.methods.parametrizations.curves import CURVES


def check_curve() -> None:
    """Guard the sentences about the curve alone and random gradients, computed here."""
    drawn = "random gradients, drawn here"
    curve, at = CURVES["arctan"], torch.tensor([0.0, 1.0], dtype=torch.float64)
    factors = curve.slope(curve.inverse(at, mlp.A, mlp.B), mlp.A, mlp.B).square().tolist()
    claims.require(
        "near zero a step is almost three plain ones, at 1 a quarter of one",
        2.7 < factors[0] < 2.8 and 0.22 < factors[1] < 0.28,
        "computed",
    )
    near = {
        name: walks.share_near_zero(ended)
        for name, ended in (
            ("plain", walks.plain()),
            ("twin", walks.plain(mlp.FACTOR)),
            ("bent", walks.walked("arctan", mlp.A, mlp.B)),
            ("wide", walks.walked("arctan", 10.0, 6.0)),
        )
    }
    claims.require(
        "most of the thinning out is the rate's: plain, twin and wide curve, then the curve",
        near["plain"] > 1.5 * near["twin"] > near["bent"]
        and abs(near["wide"] - near["twin"]) < 0.01
        and near["plain"] - near["twin"] > near["twin"] - near["bent"] > 0.005,
        drawn,
    )


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


def check_learned(digits: Record) -> None:
    """Guard the sentences about learned a and b, a record of `mlp.DIGITS`."""
    found = differences.accuracies(digits)
    learned = {arm: int((found[arm] > 90).sum()) for arm in ("coarse", "fine", "fine-slow")}
    claims.require(
        "one pair a network: six of 24 runs do not learn; one pair a layer: two",
        learned == {"coarse": 18, "fine": 22, "fine-slow": 24},
        digits,
    )
    rows = digits.layers
    first = rows[(rows["arm"] == "fine") & (rows["epoch"] == 1)]["curve_a"]
    claims.require("a falls below 0.3 in the first epoch", first.mean() < 0.3, digits)
    last = rows[rows["epoch"] == rows["epoch"].max()]
    slow = last[last["arm"] == "fine-slow"]
    claims.require(
        "learned slowly, the pair hardly moves",
        (slow["curve_a"] - 0.5).abs().max() < 0.2 and (slow["curve_b"] - 1).abs().max() < 0.1,
        digits,
    )
    for arm in ("fine", "fine-slow"):
        mine = last[last["arm"] == arm].pivot(index="seed", columns="layer", values="curve_a")
        mine = mine[found[arm].loc[mine.index].to_numpy() > 90]
        claims.require(
            "in the runs that learn a is largest in the last layer",
            (mine.idxmax(axis=1) == 3).all(),
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


def check_lab() -> None:
    """Guard what is said of the lab's settings, trained here as the lab trains them."""
    here = "trained here"
    bent, plain = _lab(), _lab(curve="none", learning_rate=0.003 * mlp.FACTOR)
    claims.require(
        "no curve at 2.78 times the rate ends within a point of the lab's start",
        abs(bent[0] - plain[0]) < 0.01,
        here,
    )
    small = {"a": 0.1, "b": 0.06, "gain": 3.0}
    free, held = _lab(**small), _lab(**small, frequency="once an epoch")
    claims.require(
        "three times the weights behind a = 0.1 learn two thirds or more; rescaled once an epoch "
        "they lose their slope and most of that",
        free[0] > 0.6 and held[0] < 0.4 and held[1] < 0.001,
        here,
    )
    claims.require(
        "at the usual gain rescaling does the curve no harm",
        _lab(frequency="once an epoch")[0] > 0.96,
        here,
    )


def _lab(**changed) -> tuple[float, float]:
    """Test accuracy and layer 2's step factor at the end, means over the runs."""
    setup = lab.setup()
    measured = trained(setup, **changed).measure(setup.measures)
    return tuple(
        float(np.mean(values.numpy()))
        for values in (measured["test_accuracy"], measured["step_factor"][:, 1])
    )


def check_overhead(benchmarks: Iterable[Overhead]) -> None:
    """Guard what is said of the time that the curve takes, measured on CPUs."""
    for measured in benchmarks:
        added, least = (
            {(share.network, share.batch): getattr(share, side) for share in measured.shares}
            for side in ("added", "least")
        )
        where = f"benchmark of a {measured.machine['hardware']}"
        claims.require(
            "in a ResNet-18 the curve adds a twentieth to a step of 32 images, less to one of 128",
            added["ResNet-18, one run", 32] < 0.055
            and added["ResNet-18, one run", 128] < added["ResNet-18, one run", 32],
            where,
        )
        mlp = [added["N's MLP, one run", batch] for batch in (32, 128, 512, 2048)]
        claims.require(
            "in N's MLP it adds more than half at 32 images, a twentieth only at some thousand",
            mlp == sorted(mlp, reverse=True) and mlp[0] > 0.5 and mlp[2] > 0.05 > mlp[3],
            where,
        )
        claims.require(
            "there a factor alone adds more than a twentieth at 32 images",
            least["N's MLP, one run", 32] > 0.05,
            where,
        )


def check_printed() -> None:
    """Guard what is quoted of the paper, from its printed numbers."""
    gains = [
        100 * (published.value("C", "II", f"resnet{depth}-wc", "test_accuracy")
               - published.value("C", "II", f"resnet{depth}-none", "test_accuracy"))
        for depth in (18, 34, 50)
    ]  # fmt: skip
    claims.require(
        "with it ResNets read CIFAR-10 by .4 to .75 points better",
        round(min(gains), 2) == 0.4 and round(max(gains), 2) == 0.75,
        "printed by C",
    )
    claims.require(
        "a = 1 and b = 0.6 were found best for ResNet-18",
        tuple(published.value("C", "I", "resnet18 c10", one) for one in "ab") == (mlp.A, mlp.B),
        "printed by C",
    )
    least, most = (100 * published.value("C", "text", f"overhead {end}", "overhead")
                   for end in ("low", "high"))  # fmt: skip
    claims.require(
        "the paper states 7 to 14 %", (round(least), round(most)) == (7, 14), "printed by C"
    )


def check_reach() -> None:
    """Guard what is said of normal weights and the curve's straight part."""
    claims.require(
        "normal weights of std 0.17 use 95 % of the middle's step at a = 1, of a fourth of a 89 %",
        abs(explorables.reach(0.17, 1.0) - 0.945) < 0.005
        and 0.87 < explorables.reach(0.25, 1.0) < 0.91,
        "computed",
    )
