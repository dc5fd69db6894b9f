"""What A says by figures and in words, repeated."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from companion.chapters.weightnorm_initialization import maps, random_networks, residual_maps
from companion.chapters.weightnorm_initialization.experiments import survival
from companion.evidence import claims, records, summaries
from companion.evidence.claims import Claim
from companion.evidence.records import Record
from companion.theory import weight_norm

SOURCE = "A"
NETWORKS = 4


def repeated() -> list[Claim]:
    """The claims, drawn here or from the shipped records."""
    shown = maps.shipped()
    return [
        plain(),
        residual(),
        data_fails(shown),
        survives(records.recorded("weight-norm-survival-digits-book")),
        flattest(),
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
    said = ", ".join(f"{survival.NAMES[start]} {shares[start]:.0%}" for start in survival.STARTS)
    return Claim(
        f"Figure 4: of all runs at {count} learning rates with and without warmup, {said} "
        "survive; in the paper the proposed start is the most robust.",
        "holds" if shares.idxmax() == "forward" else "does not hold",
        records=(record.name,),
    )


def flattest() -> Claim:
    """Table 2: is the proposed start the least curved of the paper's four?"""
    norms = {start: residual_maps.hessian(start) for start in survival.STARTS}
    said = ", ".join(f"{survival.NAMES[start]} {value:.2f}" for start, value in norms.items())
    return Claim(
        f"Table 2: log10 of the Hessian's norm in 40 narrow layers is {said}; in the paper the "
        "proposed start has the smallest.",
        "holds" if min(norms, key=lambda start: norms[start]) == "forward" else "does not hold",
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
