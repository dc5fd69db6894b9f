"""What chapter 6's side page says in plain words, and the checks that guard it."""

from __future__ import annotations

import numpy as np

from companion.chapters.weightnorm_initialization import residual_maps
from companion.chapters.weightnorm_initialization.experiments import (
    depth,
    neighbours,
    survival,
)
from companion.chapters.weightnorm_initialization.maps import ends
from companion.evidence import claims
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


def check_deeper(record: Record) -> None:
    """Guard the sentences about a hundred plain layers, a record of `depth.DEEPER`."""
    runs = residual_maps.deepest(record).set_index(["start", "rate"])["runs"]
    claims.require(
        "at the largest rate both networks of the forward rule know four digits in ten, and from "
        "data all guess at every rate",
        min(runs["forward", 0.001]) > 0.38
        and max(runs["forward", 0.001]) < 0.46
        and max(max(runs["data", rate]) for rate in depth.DEEP_RATES) < 0.12,
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


def check_curvature() -> None:
    """Guard the sentences about the Hessian's norm of residual networks, drawn here."""
    norm = {start: residual_maps.hessian(start) for start in residual_maps.HESSIAN_STARTS}
    theirs = [norm[start] for start in survival.STARTS]
    claims.require(
        "of the four starts that A compares the forward rule has the smallest norm, four times "
        "below the next one, and length 1 the largest",
        norm["forward"] == min(theirs)
        and 10 ** (sorted(theirs)[1] - norm["forward"]) > 4
        and norm["one"] == max(theirs),
        DRAWN,
    )
    claims.require(
        "a new layer's lengths are ten times flatter still",
        norm["torch"] < norm["forward"] - 1,
        DRAWN,
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
