"""What A says by figures and in words, repeated."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from companion.chapters.weightnorm_initialization import (
    convolutional,
    maps,
    random_networks,
    residual_maps,
)
from companion.chapters.weightnorm_initialization.experiments import (
    depth,
    networks,
    survival,
    table_2,
)
from companion.evidence import claims, records, summaries
from companion.evidence.claims import Claim
from companion.evidence.records import Record
from companion.theory import weight_norm

SOURCE = "A"
NETWORKS, GUESS = 4, 0.1
NOISE = 0.03
"""Two standard errors of a difference of two accuracies over 2,000 images."""


def repeated() -> list[Claim]:
    """The claims, drawn here or from the shipped records."""
    shown = maps.shipped()
    return [
        plain(),
        residual(),
        data_fails(shown),
        two_hundred(maps.deep()[1]),
        plain_networks_learn(records.recorded("weight-norm-networks-cifar10-jpeg-book")),
        residual_networks_learn(
            records.recorded("weight-norm-networks-residual-cifar10-jpeg-book")
        ),
        survives(records.recorded("weight-norm-survival-digits-book")),
        flattest(records.recorded("weight-norm-table-2-digits-book")),
        forward_is_better(shown),
    ]


def plain() -> Claim:
    """Figure 1, top: does the proposed start keep both lengths, where length 1 loses them?"""
    found = random_networks.plain(random_networks.NARROW, NETWORKS, ("forward", "one"))
    ends = {
        start: (passed.signals[:, -1].mean(), passed.gradients[:, 0].mean())
        for start, passed in found.items()
    }
    kept = all(0.5 < value < 2 for value in ends["forward"]) and max(ends["one"]) < 0.01
    said = "; ".join(
        f"{name} {up:.2g} of the signal's length and {down:.2g} of the gradient's"
        for name, (up, down) in zip(("the forward rule", "length 1"), ends.values(), strict=True)
    )
    return Claim(
        f"Figure 1, top: after {random_networks.LAYERS} layers {said}.",
        "holds" if kept else "does not hold",
    )


def residual() -> Claim:
    """Figure 1, bottom: do forty blocks end between sqrt 2 and sqrt e?"""
    found = random_networks.residual(random_networks.NARROW, NETWORKS, ("forward",))["forward"]
    low, high = weight_norm.stage_bounds()
    means = [found.signals[:, -1].mean(), found.gradients[:, 0].mean()]
    errors = [values.std(ddof=1) / np.sqrt(NETWORKS)
              for values in (found.signals[:, -1], found.gradients[:, 0])]  # fmt: skip
    inside = all(low - 5 * e < mean < high + 5 * e for mean, e in zip(means, errors, strict=True))
    return Claim(
        f"Figure 1, bottom: after {random_networks.BLOCKS} blocks the signal is {means[0]:.2f} "
        f"times as long and the gradient {means[1]:.2f} times, between {low:.2f} and {high:.2f} "
        "but for the spread of single networks.",
        "holds" if inside else "does not hold",
    )


def data_fails(shown: Sequence[Record]) -> Claim:
    """Figure 2: do lengths from data stop at some depth beyond which the proposed start trains?"""
    best = maps.best(shown).set_index(["start", "depth"])
    runs = [best.loc[(start, 50), "runs"] for start in ("forward", "data")]
    return claims.direction(
        f"Figure 2, depth: at 20 layers lengths from data reach "
        f"{100 * best.loc[('data', 20), 'accuracy']:.0f} %, at 50 "
        f"{100 * np.mean(runs[1]):.0f} %, the forward rule {100 * np.mean(runs[0]):.0f} %; in the "
        "paper they fail beyond 20.",
        summaries.difference(*runs),
        published_sign=1,
        records=shown,
    )


def survives(record: Record) -> Claim:
    """Figure 4: does the proposed start survive at the largest learning rates?"""
    rows = residual_maps.survived(record)
    shares = rows.groupby("start")["share"].mean()
    count = len(survival.RATES) * len(survival.WARMUPS)
    said = ", ".join(
        f"{survival.NAMES[start]} {100 * shares[start]:.0f} %" for start in survival.STARTS
    )
    return Claim(
        f"Figure 4: of all runs at {count} learning rates with and without warmup, {said} "
        "survive; in the paper the proposed start is the most robust.",
        "holds" if shares.idxmax() == "forward" else "does not hold",
        records=(record.name,),
    )


def plain_networks_learn(record: Record) -> Claim:
    """Figure 3, left: where one start trains plain networks and another does not, is the proposed
    one ahead of lengths from data?"""
    ends = _networks(record, "cnn")
    ahead = [ends["forward", layers] - ends["data", layers] for layers in _depths("cnn")]
    said = "; ".join(_said(ends, "cnn", layers) for layers in _depths("cnn"))
    return Claim(
        f"Figure 3, left: plain networks reach in an epoch, one run each, {said}; in the paper "
        "lengths from data fail in deep ones, and the proposed start does not.",
        "holds" if max(ahead) > NOISE and min(ahead) > -NOISE else "does not hold",
        records=(record.name,),
    )


def residual_networks_learn(record: Record) -> Claim:
    """Figure 3, right: does the proposed start do as well in deep residual networks as in shallow
    ones, and no other better?"""
    ends = _networks(record, "wrn")
    shallow, deep = _depths("wrn")
    as_well = ends["forward", deep] > ends["forward", shallow] - NOISE
    behind = [ends["forward", deep] - ends[start, deep] for start in networks.STARTS["wrn"]]
    said = "; ".join(_said(ends, "wrn", layers) for layers in (shallow, deep))
    return Claim(
        f"Figure 3, right: residual networks reach in an epoch, one run each, {said}; in the paper "
        "the proposed start does alike at all depths, and no other better.",
        "holds" if as_well and min(behind) > -NOISE else "does not hold",
        records=(record.name,),
    )


def _networks(record: Record, network: str) -> pd.Series:
    """(start, depth) -> test accuracy at the rate chosen by validation."""
    rows = convolutional.best(record, network)
    return rows.set_index(["start", "depth"])["test"].map(np.mean)


def _depths(network: str) -> tuple[int, ...]:
    return networks.BOOK_DEPTHS[network]


def _said(ends: pd.Series, network: str, layers: int) -> str:
    values = ", ".join(
        f"{100 * ends[start, layers]:.0f} % ({networks.NAMES[start]})"
        for start in networks.STARTS[network]
    )
    return f"at {layers} layers {values}"


def flattest(record: Record) -> Claim:
    """Table 2: is the proposed start the least curved of the paper's four?"""
    norms = residual_maps.hessians(record)
    means = {start: np.mean(norms[start]) for start in ("torch", "data", "hanin", "forward")}
    names = {start: label for start, (_, label, _) in table_2.STARTS.items()}
    said = ", ".join(f"{names[start]} {value:.2f}" for start, value in means.items())
    return Claim(
        f"Table 2: log10 of the Hessian's norm in 40 narrow layers is {said}, means over "
        f"{len(norms['forward'])} networks; in the paper the proposed start has the smallest.",
        "holds" if min(means, key=means.__getitem__) == "forward" else "does not hold",
        records=(record.name,),
    )


def two_hundred(record: Record) -> Claim:
    """Figure 2: are two hundred layers trained from the proposed start, and not from data?"""
    reached = maps.ends(record)
    most = {
        start: max(
            float(reached[depth.arm_name(*arm)].fillna(0.0).mean())
            for arm in depth.deep_arms(200) if arm[1] == start
        )
        for start in depth.DEEP_STARTS
    }  # fmt: skip
    return Claim(
        f"Figure 2, 200 layers: the forward rule reaches {100 * most['forward']:.0f} % after "
        f"{record.provenance['epochs']} epochs, lengths from data {100 * most['data']:.0f} %; in "
        "the paper the proposed start trains 200 layers and lengths from data none beyond 20.",
        "holds" if most["forward"] > 2 * GUESS and most["data"] < 1.5 * GUESS else "does not hold",
        records=(record.name,),
    )


def forward_is_better(shown: Sequence[Record]) -> Claim:
    """Section 3: is the forward rule superior to the backward one?"""
    best = maps.best(shown).set_index(["start", "depth"])
    runs = [best.loc[(start, 20), "runs"] for start in ("forward", "backward")]
    deep = [100 * best.loc[(start, 50), "accuracy"] for start in ("forward", "backward")]
    return claims.direction(
        f"Section 3, forward against backward: at 20 layers {100 * np.mean(runs[0]):.1f} % and "
        f"{100 * np.mean(runs[1]):.1f} %, at 50 {deep[0]:.0f} % and {deep[1]:.0f} %; the paper "
        "found the forward rule superior.",
        summaries.difference(*runs),
        published_sign=1,
        records=shown,
    )
