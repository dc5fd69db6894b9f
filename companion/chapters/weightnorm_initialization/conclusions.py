"""What chapter 6 says in plain words, and the checks that guard it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from companion.chapters.weightnorm_initialization import explorables, figures, maps, random_networks
from companion.chapters.weightnorm_initialization.experiments import depth, rate, rescued
from companion.evidence import claims, published
from companion.evidence.records import Record
from companion.theory import weight_norm

DRAWN = "random networks, drawn here"
RULES = ("forward", "backward")


def check_untrained() -> None:
    """Guard the sentences about random networks, drawn here; raises `claims.Unsupported`."""
    found = random_networks.plain(random_networks.NARROW, figures.NETWORKS)
    ends = {
        start: [float(np.exp(np.log(values).mean()))
                for values in (p.signals[:, -1], p.gradients[:, 0])]
        for start, p in found.items()
    }  # fmt: skip
    claims.require(
        "length 1 leaves about a thousandth of the signal and of the gradient",
        all(3e-4 < value < 3e-3 for value in ends["one"]),
        DRAWN,
    )
    claims.require(
        "the two rules stay within a fifth of 1 in both directions",
        all(0.8 < value < 1.25 for start in RULES for value in ends[start]),
        DRAWN,
    )
    claims.require(
        "PyTorch's lengths lose more than length 1; from data the signal keeps more than half, "
        "and the gradient grows some forty times",
        max(ends["torch"]) < 1e-6 and ends["data"][0] > 0.5 and 30 < ends["data"][1] < 50,
        DRAWN,
    )
    shape = next(iter(explorables.WIDTHS))
    turned = [explorables.passed(shape, k, "forward", 1.0).signals[-1] for k in range(3)]
    pulled = [explorables.passed(shape, 0, "forward", f).signals[-1] for f in (1.0, 1.1)]
    claims.require(
        "turning directions changes the end by less than a factor of two, a tenth more length "
        "six or seven times",
        max(turned) < 2 * min(turned) and 6 < pulled[1] / pulled[0] < 7.5,
        DRAWN,
    )
    narrow = explorables.WIDTHS["narrow from 400 to 50"]
    for rule in RULES:
        sizes = random_networks.expected(rule, narrow)
        claims.require(
            "no length keeps both at 1 where widths narrow",
            max(sizes[0][-1], 1 / sizes[0][-1], sizes[1][0], 1 / sizes[1][0]) > 2,
            "computed",
        )
    blocks = random_networks.residual(random_networks.NARROW, figures.NETWORKS)
    low, high = weight_norm.stage_bounds()
    claims.require(
        "forty blocks end inside the band, the gradient within three hundredths of it, and at "
        "length 1 in the thousands",
        low < blocks["forward"].signals[:, -1].min()
        and blocks["forward"].signals[:, -1].max() < high
        and low < blocks["forward"].gradients[:, 0].mean() < 1.03 * high
        and blocks["one"].signals[:, -1].mean() > 1e3
        and blocks["one"].gradients[:, 0].mean() > 1e3,
        DRAWN,
    )
    rows = published.rows("A", "1").set_index("cell")["mean"]
    warm = [cell for cell in rows.index if cell.endswith("warmup")]
    better = [rows[cell] < rows[cell.removesuffix(" warmup")] for cell in warm]
    claims.require(
        "in A's Table 1 warmup is ahead of the start alone in three of four networks",
        (len(better), sum(better)) == (4, 3),
        "A, Table 1",
    )


def check_depth(shown: Sequence[Record]) -> None:
    """Guard the sentences about trained depths, records of `depth`, all starts together."""
    best = maps.best(shown).set_index(["start", "depth"])
    learned, accuracy, rate_ = best["learned"], best["accuracy"], best["rate"]
    claims.require(
        "two layers learn from every start",
        all(learned[start, 2] == 1 for start in depth.STARTS),
        *shown,
    )
    claims.require(
        "from PyTorch's lengths ten layers learn at no rate, and from length 1 ten do and twenty "
        "do not",
        learned["torch", 10] == 0 and learned["one", 20] == 0 and learned["one", 10] == 1,
        *shown,
    )
    claims.require(
        "lengths from data train twenty layers and not fifty",
        learned["data", 20] == 1 and learned["data", 50] == 0,
        *shown,
    )
    claims.require(
        "at twenty layers the two rules are ten points or more ahead of lengths from data, and "
        "within five of each other",
        min(accuracy["forward", 20], accuracy["backward", 20]) > accuracy["data", 20] + 0.1
        and abs(accuracy["forward", 20] - accuracy["backward", 20]) < 0.05,
        *shown,
    )
    deep = [run for rule in RULES for run in best.loc[(rule, 50), "runs"]]
    claims.require(
        "at fifty every run of both rules ends between a third and a half after its ten epochs, "
        "and lengths from data stay at chance",
        min(deep) > 0.33 and max(deep) < 0.51 and accuracy["data", 50] < 0.12,
        *shown,
    )
    cells = maps.cells(shown).groupby("start")["learned"].mean()
    claims.require(
        "of all runs, at whatever rate, the forward rule's learn most often, seven in ten",
        cells.idxmax() == "forward" and 0.68 < cells["forward"] < 0.75,
        *shown,
    )
    claims.require(
        "the deeper, the smaller the best learning rate of the two rules",
        all(rate_[rule, 2] >= rate_[rule, 20] >= rate_[rule, 50] for rule in RULES)
        and all(rate_[rule, 50] < rate_[rule, 5] / 10 for rule in RULES),
        *shown,
    )


def check_deep(shown: Sequence[Record]) -> None:
    """Guard the sentences about a hundred and two hundred plain layers, those of `maps.deep`."""
    cells = maps.deep_cells(shown)
    runs = cells.set_index(["depth", "start", "rate"])["runs"]
    claims.require(
        "at the largest rate both networks of a hundred layers know four digits in ten",
        min(runs[100, "forward", 0.001]) > 0.38 and max(runs[100, "forward", 0.001]) < 0.46,
        *shown,
    )
    claims.require(
        "from data all guess at every rate, at either depth",
        cells.loc[cells["start"] == "data", "runs"].map(max).max() < 0.12,
        *shown,
    )
    claims.require(
        "two hundred know some four digits in ten too, at either of the two smaller rates, and "
        "guess at the largest",
        all(0.35 < min(runs[200, "forward", step]) < 0.45 for step in (0.00025, 0.001))
        and max(runs[200, "forward", 0.004]) < 0.12,
        *shown,
    )


def check_rate(record: Record) -> None:
    """Guard the sentences about curvature and learning rate, a record of `rate.EXPERIMENT`."""
    deepest = figures.CURVED_DEPTHS[-1]
    norm = {start: figures.hessian_norm(start, deepest, figures.CURVED_IMAGES)
            for start in rate.STARTS}  # fmt: skip
    claims.require(
        "the two starts that learn nothing at twenty layers are the flattest, a hundred times and "
        "more below the others",
        100 * max(norm["one"], norm["torch"])
        < min(norm[start] for start in ("forward", "backward", "data")),
        record,
    )
    claims.require(
        "lengths from data are the most curved at twenty layers, and their norm is a hundred times "
        "that of five layers and more",
        max(norm, key=lambda start: norm[start]) == "data"
        and norm["data"] > 100 * figures.hessian_norm("data", 5, figures.CURVED_IMAGES),
        record,
    )
    bar = {start: 2 / figures.hessian_norm(start, rate.DEPTH, None)
           for start in ("forward", "data", "one")}  # fmt: skip
    claims.require(
        "from the forward rule and from data the loss falls in every run at five times the bar and "
        "more, from length 1 it fails below a tenth of it",
        all(maps.largest_rate(record, start) > 5 * bar[start] for start in ("forward", "data"))
        and maps.largest_rate(record, "one") < 0.1 * bar["one"],
        record,
    )


def check_rescued(record: Record) -> None:
    """Guard the sentences about rescued starts, a record of `rescued.EXPERIMENT`."""
    ends = maps.ends(record)

    def runs(*arm: str) -> np.ndarray:
        return ends[rescued.arm_name(*arm)].to_numpy()

    claims.require(
        "from length 1 twenty layers learn nothing, and with WR all runs learn",
        runs("one").max() < 0.2 and runs("one", "wr").min() > 0.85,
        record,
    )
    claims.require(
        "WRS turns the good start into one from which nothing is learned",
        runs("forward").min() > 0.85 and runs("forward", "wrs").max() < 0.2,
        record,
    )
    claims.require(
        "once an epoch is enough, and PyTorch's lengths are rescued as well",
        min(runs("one", "wr", "every epoch").mean(), runs("torch", "wr").mean()) > 0.9,
        record,
    )
