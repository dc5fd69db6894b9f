"""What chapter 2 says in plain words, and the checks that guard it."""

from __future__ import annotations

import numpy as np

from companion.chapters.variance_propagation import explorables, lab, parts, random_networks
from companion.display.labs.trained import trained
from companion.evidence import claims
from companion.evidence.records import Record
from companion.evidence.summaries import summary
from companion.theory import finite_width

HELD = "wr every step"


def check_untrained() -> None:
    """Guard the sentences about random networks, drawn here; raises `claims.Unsupported`."""
    drawn = "random networks, drawn here"
    signals, gradients = explorables.signal_rms(), explorables.gradient_rms()
    large, small = ([np.exp(np.log(values[gain][:, end]).mean()) for gain in (1.1, 0.9)]
                    for values, end in (({g: signals[g, False] for g in (1.1, 0.9)}, -1),
                                        (gradients, 0)))  # fmt: skip
    claims.require(
        "a tenth too large makes signal and gradient 50 times larger or more, a tenth too small "
        "a hundredth or less",
        min(large[0], small[0]) > 50 and max(large[1], small[1]) < 0.01,
        drawn,
    )
    inside = []
    for kind in random_networks.KINDS:
        pairs = zip(
            random_networks.activation_sizes(kind),
            random_networks.expected_sizes(kind),
            strict=True,
        )
        inside += [abs(summary(found).mean / expected - 1) for found, expected in pairs]
    claims.require("theory is within a tenth of the mean", max(inside) < 0.1, drawn)
    sizes = {
        name: np.exp(np.log(random_networks.architecture_sizes(name)[:, -1]).mean())
        for name in random_networks.ARCHITECTURES
    }
    claims.require(
        "residual blocks grow a million times, scaled ones less than threefold, weight norm dies",
        sizes["residual"] > 5e5 and sizes["scaled"] < 3 and sizes["weight norm"] < 1e-5,
        drawn,
    )
    factor = {
        name: random_networks.gradient_factor(name).mean()
        / random_networks.architecture_factor(name)
        for name in random_networks.ARCHITECTURES
    }
    claims.require(
        "behind batch norm a gradient grows by half in every block",
        1.4 < factor.pop("batch norm") < 1.55,
        drawn,
    )
    claims.require(
        "in every other block the gradient is multiplied as the signal is",
        all(0.97 < ratio < 1.03 for ratio in factor.values()),
        drawn,
    )
    median, _ = finite_width.typical("relu", 256, 50)
    claims.require("a typical signal keeps some three fifths", 0.55 < median < 0.65, "computed")


def check_training(record: Record) -> None:
    """Guard the sentences about trained networks, a record of `in_training.DIGITS`."""
    found = parts.means(record)
    end = found.index.get_level_values("epoch").max()
    last = found.xs((end, 6), level=("epoch", "layer"))
    claims.require(
        "the weights' size alone says 2 at every layer of weights held at every step, and the "
        "last layer's variance is 30 times that or more",
        np.allclose(found.loc[HELD, end]["by_size"], 2, rtol=0.01)
        and last.loc[HELD, "preactivation_variance"] > 60,
        record,
    )
    claims.require(
        "how often weights are rescaled moves the last layer's variance by less than a tenth",
        np.ptp(last.loc[[a for a in last.index if a.startswith("wr")], "preactivation_variance"])
        < 0.1 * last.loc[HELD, "preactivation_variance"],
        record,
    )
    claims.require(
        "under decay the weights' size explains less than a thousandth of the last layer's "
        "variance, and correlation at least three quarters of each layer's",
        last.loc["wd-1e-2", "by_size"] < 1e-3 * last.loc["wd-1e-2", "preactivation_variance"]
        and min(parts.correlated_share(record, "wd-1e-2", layer) for layer in range(1, 7)) > 0.75,
        record,
    )
    free = [parts.correlated_share(record, "none", layer) for layer in range(1, 7)]
    claims.require(
        "without decay correlation adds a sixth to a quarter in the layers below the last, and "
        "half in the last",
        min(free[:5]) > 0.15 and max(free[:5]) < 0.27 and 0.45 < free[5] < 0.55,
        record,
    )
    held = found.loc[HELD, end]
    little = held["variance_mean"].abs() + held["variance_bias"].abs()
    claims.require(
        "means and biases have less than three hundredths in every layer of held weights",
        (little < 0.03 * held["preactivation_variance"]).all(),
        record,
    )
    accuracy = record.epochs[record.epochs["epoch"] == end].groupby("arm")["test_accuracy"].mean()
    claims.require(
        "all arms read the digits equally well, within half a point",
        np.ptp(accuracy) < 0.005,
        record,
    )
    claims.require("the four parts add up to a millionth", parts.largest_gap(record) < 1e-6, record)


def check_cifar(record: Record) -> None:
    """Guard the sentences about N's network, a record of `in_training.CIFAR`."""
    held = [arm for arm in record.provenance["arms"] if arm.startswith("wr")]
    claims.require(
        "in held networks four fifths of the first layer's variance are correlation",
        all(0.75 < parts.correlated_share(record, arm, 1) < 0.85 for arm in held),
        record,
    )
    claims.require(
        "after one epoch it is two thirds already",
        all(0.6 < parts.correlated_share(record, arm, 1, 1) < 0.72 for arm in held),
        record,
    )
    claims.require(
        "the layers above get almost nothing from it",
        all(abs(parts.correlated_share(record, arm, layer)) < 0.15
            for arm in held for layer in (2, 3)),
        record,
    )  # fmt: skip
    found = parts.means(record)
    end = found.index.get_level_values("epoch").max()
    first = found.xs((end, 1), level=("epoch", "layer"))["preactivation_variance"]
    claims.require(
        "how often weights are put back moves the first layer's plateau by a twentieth at most",
        np.ptp(first[held]) < 0.05 * first[held].mean(),
        record,
    )


def check_large(record: Record) -> None:
    """Guard the sentences about N's network, the record that draws the paper's figure 7."""
    last = record.layers[record.layers["epoch"] == record.layers["epoch"].max()]
    ends = last.groupby(["arm", "layer"])["preactivation_variance"].mean()
    first = record.layers[record.layers["epoch"] == 0]
    starts = first.groupby(["arm", "layer"])["preactivation_variance"].mean()
    claims.require(
        "the variance grows more than threefold in every layer, with rescaling and without, and "
        "less with it",
        all(
            ends[arm, layer] > 3 * starts[arm, layer]
            for arm in ("none", "wr")
            for layer in (1, 2, 3)
        )
        and all(ends["wr", layer] < ends["none", layer] for layer in (1, 2, 3)),
        record,
    )
    claims.require(
        "never rescaled, the three layers end within a factor of two, the last one highest",
        ends["none"].idxmax() == 3 and ends["none"].max() < 2 * ends["none"].min(),
        record,
    )


def check_lab() -> None:
    """Guard what is said of the lab's two settings, trained here as the lab trains them."""
    here = "trained here"
    signal, accuracy, expected = _lab_ends(gain=0.5)
    claims.require(
        "half the size lets through 0.0005, and ends more than ten thousand times larger",
        0.0004 < expected < 0.0006 and signal > 1e4 * expected,
        here,
    )
    claims.require("it reads nine digits in ten", 0.85 < accuracy < 0.95, here)
    deep, shallow = _lab_ends(depth=16)[0], _lab_ends()[0]
    claims.require("sixteen layers end about where five end", 0.6 < deep / shallow < 1.6, here)


def _lab_ends(**changed) -> tuple[float, float, float]:
    """The last layer's variance and the test accuracy, means over the runs, and what the size of
    the weights lets through."""
    stack = trained(lab.setup(), **changed)
    measured = stack.measure()
    return (
        float(measured["preactivation_variance"][:, -1].mean()),
        float(measured["test_accuracy"].mean()),
        lab.expected_variance(stack.settings),
    )
