"""What chapter 4 says in plain words of what is computed here, trained here, or printed.

What it says of its records is guarded in `gain_conclusions`, `learned_conclusions` and
`grid_conclusions`.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch

from companion.chapters.compander import explorables, lab, walks
from companion.chapters.compander.experiments import mlp
from companion.display.labs.trained import trained
from companion.evidence import claims, published
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


def check_reach() -> None:
    """Guard what is said of normal weights and the curve's straight part."""
    claims.require(
        "normal weights of std 0.17 use 95 % of the middle's step at a = 1, of a fourth of a 89 %",
        abs(explorables.reach(0.17, 1.0) - 0.945) < 0.005
        and 0.87 < explorables.reach(0.25, 1.0) < 0.91,
        "computed",
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
            "in a ResNet-18 the curve adds a twentieth to a step of 32 images",
            0.02 < added["ResNet-18, one run", 32] < 0.055,
            where,
        )
        mlp = [added["N's MLP, one run", batch] for batch in (32, 128, 512, 2048)]
        claims.require(
            "in N's MLP it adds more than half at 32 images, less than a tenth at 2,048",
            mlp == sorted(mlp, reverse=True) and mlp[0] > 0.5 and mlp[3] < 0.1,
            where,
        )
        claims.require(
            "there a factor alone adds more than a twentieth at 32 and at 128 images",
            min(least["N's MLP, one run", batch] for batch in (32, 128)) > 0.05,
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
