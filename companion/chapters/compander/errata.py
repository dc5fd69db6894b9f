"""What the weight compander's paper (C, arXiv 2306.16993) prints, recomputed."""

from __future__ import annotations

import math

import torch
from scipy import stats

from companion.evidence import published
from companion.evidence.findings import Finding, judge
from companion.methods.parametrizations import SlopeAware, compand_

_NAMES = {"resnet18": "ResNet18", "resnet34": "ResNet34", "resnet50": "ResNet50"}


def findings() -> list[Finding]:
    """Every finding about C."""
    return [tiny_gain(), exception(), weight_norm(), powerprop(), twice(), inverse(), selection(),
            slope_aware()]  # fmt: skip


def mean(table: str, cell: str) -> float:
    """A printed accuracy, in percent."""
    return 100 * published.value("C", table, cell, "test_accuracy")


def gain(table: str, network: str, method: str) -> float:
    """Points by which a method is ahead of the plain network, from the printed accuracies."""
    return round(mean(table, f"{network}-{method}") - mean(table, f"{network}-none"), 2)


def tiny_gain() -> Finding:
    """Do the four gains of ResNet50 follow from the tables?"""
    tables = {"cifar10": "II", "cifar100": "III", "tinyimagenet": "IV", "imagenet": "V"}
    rows = {
        name: (100 * published.value("C", "text", f"gain {name}", "gain"),
               gain(table, "resnet50", "wc"))
        for name, table in tables.items()
    }  # fmt: skip
    said = ", ".join(f"{name} {ours:.2f}" for name, (_, ours) in rows.items())
    return Finding(
        lead="the gain on TinyImageNet",
        source="C",
        where="sections I-A, IV-B and V",
        printed=f"ResNet50 gains {', '.join(f'{p:.2f} % on {n}' for n, (p, _) in rows.items())}",
        computed=f"from Tables II to V, in points: {said}",
        verdict=judge(abs(printed - ours) < 0.005 for printed, ours in rows.values()),
        effect="A hundredth of a point, in three places; nothing rests on it.",
    )


def exception() -> Finding:
    """On which set is weight norm ahead of the compander for ResNet18?"""
    ahead = [
        f"{_NAMES[network]} on {images}"
        for table, images in (("II", "CIFAR-10"), ("III", "CIFAR-100"))
        for network in _NAMES
        if mean(table, f"{network}-wn") > mean(table, f"{network}-wc")
    ]
    return Finding(
        lead="the exception",
        source="C",
        where="section IV-A2",
        printed="the compander outperforms weight normalization except for ResNet18 on CIFAR-10",
        computed=f"weight normalization has the higher printed accuracy for {', '.join(ahead)}",
        verdict=judge([ahead == ["ResNet18 on CIFAR-10"]]),
        effect="The exception is a slip of the set; there is one either way.",
    )


def weight_norm() -> Finding:
    """Does weight norm raise the accuracy of every ResNet?"""
    gains = {
        f"{_NAMES[network]} on {images}": gain(table, network, "wn")
        for table, images in (("II", "CIFAR-10"), ("III", "CIFAR-100"))
        for network in _NAMES
    }
    lower = [f"{name} {value:+.2f}" for name, value in gains.items() if value <= 0]
    return Finding(
        lead="what weight norm does",
        source="C",
        where="section IV-A2",
        printed="weight normalization slightly increases the performance over the baselines",
        computed=f"in points: {', '.join(lower) or 'nowhere lower'}; elsewhere it is ahead",
        verdict=judge([not lower]),
        effect="Weight norm helps on CIFAR-10 and with ResNet18; with the deeper networks on "
        "CIFAR-100 its means lie below the baseline's, by less than their spread.",
    )


def powerprop() -> Finding:
    """Does powerpropagation lower the accuracy of every ResNet?"""
    gains = {
        f"{_NAMES[network]} on {images}": gain(table, network, "pp")
        for table, images in (("II", "CIFAR-10"), ("III", "CIFAR-100"))
        for network in _NAMES
    }
    higher = [f"{name} {value:+.2f}" for name, value in gains.items() if value >= 0]
    return Finding(
        lead="what powerpropagation does",
        source="C",
        where="section IV-A2",
        printed="its restriction of small weights leads to a decrease of performance",
        computed=f"in points: {', '.join(higher) or 'nowhere higher'}; elsewhere it is behind",
        verdict=judge([not higher]),
        effect="Five of six networks lose by it; one does not.",
    )


def twice() -> Finding:
    """Are two networks' accuracies under powerpropagation the same to the last digit?"""
    cells = [published.summary("C", "III", f"resnet{depth}-pp", "test_accuracy")
             for depth in (18, 34)]  # fmt: skip
    others = [
        published.summary("C", "III", f"resnet{depth}-{method}", "test_accuracy").sd
        for depth in (18, 34)
        for method in ("none", "wn", "wc")
    ]
    same = (cells[0].mean, cells[0].sd) == (cells[1].mean, cells[1].sd)
    return Finding(
        lead="one cell twice",
        source="C",
        where="Table III",
        printed=" and ".join(f"{100 * c.mean:.2f} ± {100 * c.sd:.2f} %" for c in cells)
        + " for ResNet18 and ResNet34 with powerpropagation",
        computed="mean and spread agree to the last digit; the spread is "
        f"{cells[0].sd / max(others):.1f} times the largest of the other six of these networks",
        verdict="left open" if same else "holds",
        effect="One of the two is likely the other's copy, and which cannot be told; no claim on "
        "the compander rests on it.",
    )


def inverse() -> Finding:
    """Is eq. 4 an inverse for every weight?"""
    a, weight = 0.5, 1.0
    back = a * math.atan(math.tan(weight / a))
    return Finding(
        lead="the inverse beyond the range",
        source="C",
        where="eq. 4",
        printed="v = b tan(w / a) gives a v whose weight is w; well defined, since the weights of "
        "a network are far from the poles",
        computed=f"at a = {a:g} the weight {weight:g} lies beyond a pi/2 = {a * math.pi / 2:.3f} "
        f"and comes back as {back:.3f}",
        verdict=judge([abs(back - weight) < 1e-9]),
        effect="It holds for the paper's networks, whose first weights are small beside a; code "
        "that does not check gets another weight, of the wrong sign, silently.",
    )


def selection() -> Finding:
    """How much is a seed worth on which a and b were chosen, of 36 pairs?"""
    pairs, seeds = 36, 5
    # the largest of 36 standard normal numbers, averaged
    grid = torch.linspace(-8, 8, 160_001, dtype=torch.float64)
    below = torch.special.ndtr(grid)
    density = pairs * below.pow(pairs - 1) * torch.exp(-grid.square() / 2) / math.sqrt(2 * math.pi)
    best = float(torch.trapezoid(grid * density, grid))
    sd = published.summary("C", "II", "resnet18-wc", "test_accuracy").sd
    ours, plain = (published.summary("C", "II", f"resnet18-{arm}", "test_accuracy")
                   for arm in ("wc", "none"))  # fmt: skip
    gap = stats.ttest_ind_from_stats(
        ours.mean, ours.sd, seeds, plain.mean, plain.sd, seeds, equal_var=False
    )
    return Finding(
        lead="a seed chosen and reported",
        source="C",
        where="section IV-A1",
        printed="a and b are those of 36 pairs that were best on one seed; that seed is one of the "
        "five reported",
        computed=f"if all pairs were equal, the best of {pairs} would lie {best:.1f} standard "
        f"deviations above the mean on that seed, {100 * best * sd:.2f} points for ResNet18, and "
        f"raise the mean of five by {100 * best * sd / seeds:.2f}; the gain is "
        f"{gain('II', 'resnet18', 'wc'):.2f}, Welch's p {gap.pvalue:.1g}",
        verdict="left open",
        effect=f"Had test accuracy chosen, {best * sd / seeds / (ours.mean - plain.mean):.0%} of "
        "ResNet18's gain would be the choice's; the paper does not say which accuracy it was.",
    )


def slope_aware() -> Finding:
    """Is the adaptive step, applied to SGD, SGD's own?"""
    gaps = {}
    for momentum in (0.0, 0.9):
        ends = []
        for aware in (False, True):
            generator = torch.Generator().manual_seed(0)
            layer = torch.nn.Linear(4, 3).double()
            with torch.no_grad():
                layer.weight.copy_(torch.randn(3, 4, generator=generator, dtype=torch.float64) / 2)
                layer.bias.zero_()
            compand_(layer, a=2.0, b=1.5)
            optimizer = torch.optim.SGD(layer.parameters(), lr=0.05, momentum=momentum)
            if aware:
                SlopeAware(optimizer, layer)
            for _ in range(20):
                images = torch.randn(8, 4, generator=generator, dtype=torch.float64)
                optimizer.zero_grad()
                layer(images).square().mean().backward()
                optimizer.step()
            ends.append(layer.weight.detach())
        gaps[momentum] = float((ends[0] - ends[1]).abs().max())
    return Finding(
        lead="SGD and the slope-aware step",
        source="C",
        where="section III-A3",
        printed="the compander works with SGD as it is, since SGD's step has the slope in it",
        computed=f"SGD and the slope-aware step made for Adam: after 20 steps the weights differ "
        f"by {gaps[0.0]:.0e} without momentum and by {gaps[0.9]:.1g} with momentum 0.9",
        verdict=judge([gaps[0.0] < 1e-12]),
        effect="With momentum, as the paper trains, the two are different methods: one multiplies "
        "past gradients by today's slope, SGD by the slope of their own time. Neither is wrong.",
    )
