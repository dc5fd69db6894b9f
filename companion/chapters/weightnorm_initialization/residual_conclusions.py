"""What chapter 6's side page says in plain words, and the checks that guard it."""

from __future__ import annotations

import numpy as np

from companion.chapters.weightnorm_initialization import (
    convolutional,
    random_networks,
    residual_maps,
)
from companion.chapters.weightnorm_initialization.experiments import (
    neighbours,
    networks,
    survival,
)
from companion.chapters.weightnorm_initialization.maps import ends
from companion.evidence import claims, published, summaries
from companion.evidence.records import Record

DRAWN = "random networks, drawn here"


def check_survival(record: Record) -> None:
    """Guard the sentences about runs that survive, a record of `survival`."""
    share = residual_maps.survived(record).set_index(["start", "warmup", "rate"])["share"]
    claims.require(
        "at a rate of 0.01 every run survives, whatever its start, and at 0.03 the forward rule "
        "alone loses none, while from data and from length 1 none is left",
        all(share[start, 0, 0.01] == 1 for start in survival.STARTS)
        and [start for start in survival.STARTS if share[start, 0, 0.03] == 1] == ["forward"]
        and share["data", 0, 0.03] == share["one", 0, 0.03] == 0,
        record,
    )
    claims.require(
        "at 0.1 no run survives without warmup",
        all(share[start, 0, rate] == 0 for start in survival.STARTS for rate in (0.1, 0.3)),
        record,
    )
    claims.require(
        "warmup takes data and length 1 to 0.03, and one run of length 1 in three to 0.1, while "
        "the forward rule loses one of three at 0.03",
        share["data", 1, 0.03] == share["one", 1, 0.03] == 1
        and abs(share["one", 1, 0.1] - 1 / 3) < 1e-9
        and abs(share["forward", 1, 0.03] - 2 / 3) < 1e-9,
        record,
    )


def check_table_1(record: Record) -> None:
    """Guard the sentences about weight norm beside batch norm, a record of `table_1.CIFAR10`."""
    means = [float(np.mean(errors)) for errors in residual_maps.errors(record).values()]
    claims.require(
        "all four arms end at about two errors in a hundred, within half a point of each other",
        min(means) > 1.5 and max(means) < min(means) + 0.5,
        record,
    )


def check_networks(plain: Record, blocks: Record) -> None:
    """Guard the sentences about convolutional networks, records of `networks`."""
    deep, residual = (
        convolutional.best(record, network).set_index(["start", "depth"])["test"].map(np.mean)
        for record, network in ((plain, "cnn"), (blocks, "wrn"))
    )
    claims.require(
        "at five layers all three starts learn, lengths from data most",
        min(deep[start, 5] for start in networks.STARTS["cnn"]) > 0.25
        and deep["data", 5] > max(deep["forward", 5], deep["corrected", 5]),
        plain,
    )
    both = deep["forward", 20], deep["corrected", 20]
    claims.require(
        "at twenty lengths from data are ahead, and the forward rule knows fewer than one image in "
        "five, with counted fans or without",
        min(both) > 0.15 and max(both) < 0.2 and deep["data", 20] > max(both) + 0.03,
        plain,
    )
    claims.require(
        "at forty the forward rule guesses, as lengths from data do, and with counted fans it "
        "learns a little",
        max(deep["forward", 40], deep["data", 40]) < 0.12 and 0.15 < deep["corrected", 40] < 0.2,
        plain,
    )
    claims.require(
        "ten residual layers learn from every start, more than a third of the images",
        min(residual[start, 10] for start in networks.STARTS["wrn"]) > 1 / 3,
        blocks,
    )
    claims.require(
        "at forty the forward rule and lengths from data know four in ten, length 1 and stage-wise "
        "Hanin little more than one in four",
        all(abs(residual[start, 40] - 0.4) < 0.02 for start in ("forward", "data"))
        and all(0.25 < residual[start, 40] < 0.29 for start in ("one", "hanin")),
        blocks,
    )


def check_borders() -> None:
    """Guard the sentences about untrained convolutional networks, drawn here."""
    found = {
        (start, layers): random_networks.convolutional(start, layers, networks.NARROW["cnn"])
        for start in ("forward", "corrected", "data")
        for layers in (20, 40)
    }
    bare, counted, data = (found[start, 40] for start in ("forward", "corrected", "data"))
    claims.require(
        "after forty layers the forward rule has a fortieth of the signal left and a tenth of the "
        "gradient; with counted fans more than half is left of the one, and the other grows less "
        "than threefold",
        abs(1 / bare[0] - 43) < 4
        and 0.08 < bare[1] < 0.12
        and 0.5 < counted[0] < 0.65
        and 2 < counted[1] < 3,
        DRAWN,
    )
    claims.require(
        "lengths from data keep the signal and let the gradient grow five hundred times",
        0.9 < data[0] < 1.1 and 450 < data[1] < 600,
        DRAWN,
    )
    claims.require(
        "both forward rules leave images some tenth of the signal apart, lengths from data three "
        "times as far",
        all(
            0.1 < found["forward", layers][2] < 0.14
            and abs(found["corrected", layers][2] / found["forward", layers][2] - 1) < 1e-3
            and 3 < found["data", layers][2] / found["forward", layers][2] < 3.6
            for layers in (20, 40)
        ),
        DRAWN,
    )


def check_curvature(record: Record) -> None:
    """Guard the sentences about the Hessian's norm, a record of `table_2.CIFAR10`."""
    norm = {start: summaries.summary(found)
            for start, found in residual_maps.hessians(record).items()}  # fmt: skip
    others = [norm[start] for start in ("data", "hanin")]
    claims.require(
        "of the four starts that A compares the forward rule has the smallest norm, five times "
        "below lengths from data, and length 1 the largest, each outside the others' intervals",
        norm["forward"].high < min(one.low for one in others)
        and norm["torch"].low > max(one.high for one in others)
        and abs(10 ** (norm["data"].mean - norm["forward"].mean) - 5) < 0.5,
        record,
    )
    printed = published.rows("A", "2").set_index("cell")["mean"]
    claims.require(
        "stage-wise Hanin, which A has four orders of magnitude above lengths from data, cannot be "
        "told from these",
        not summaries.difference(norm["hanin"], norm["data"]).excludes_zero
        and printed["c10 wrn40-10 hanin"] - printed["c10 wrn40-10 data"] > 4,
        record,
    )
    claims.require(
        "a new layer's lengths are nearly twenty times flatter still",
        17 < 10 ** (norm["forward"].mean - norm["new"].mean) < 20,
        record,
    )


def check_neighbours(record: Record) -> None:
    """Guard the sentences about other starts, a record of `neighbours`."""
    passed = {start: residual_maps.through(start) for start in neighbours.STARTS}
    claims.require(
        "Kaiming alone makes signal and gradient thousands of times longer, ZerO halves them, and "
        "all others stay within a fifth of 1",
        min(passed["kaiming"]) > 2000
        and all(0.4 < value < 0.6 for value in passed["zero"])
        and all(
            0.8 < value < 1.2
            for start in ("fixup", "skipinit", "scaled_ws", "forward")
            for value in passed[start]
        ),
        DRAWN,
    )
    rate = {start: residual_maps.largest_rate(record, start) for start in neighbours.STARTS}
    claims.require("Kaiming alone trains at no rate", rate["kaiming"] == 0, record)
    claims.require(
        "scaled weight standardization takes four times the steps of Fixup and SkipInit, and these "
        "four times ZerO's",
        rate["scaled_ws"] > 3.5 * rate["fixup"]
        and rate["fixup"] == rate["skipinit"]
        and rate["fixup"] == 4 * rate["zero"],
        record,
    )
    first = {
        start: float(ends(record)[neighbours.arm_name(start, neighbours.RATES[0])].mean())
        for start in neighbours.STARTS
    }
    claims.require(
        "at the smallest rate weight norm's rule knows nine digits in ten, where no other start "
        "knows eight, and its largest rate is ZerO's",
        first.pop("forward") > 0.9
        and max(first.values()) < 0.8
        and rate["forward"] == rate["zero"],
        record,
    )
