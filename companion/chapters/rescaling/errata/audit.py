"""Recomputing what two papers print from their own numbers: direction, arithmetic, counts, tests.

N is Niehaus, Krumnack and Heidemann, doi 10.3384/ecp208010; L is Liu et al., arXiv 2102.03497. Each
lead has a function that returns rows and one that returns a `Finding`, whose verdict follows from
the rows. Every paper has slips, this book too; a finding also says what the slip leaves untouched.

The direction of the weights is here; counts and differences are in `counts`, tests recomputed in
`retests`, statistics beside p-values in `columns`; all are offered here too.
"""

import math

import pandas as pd
from scipy import stats

from companion.chapters.rescaling.errata.counts import (
    alexnet_input,
    arithmetic,
    gain_rows,
    parameters,
)
from companion.chapters.rescaling.errata.counts import rows as parameter_rows
from companion.chapters.rescaling.errata.retests import (
    arms_left_out,
    correction,
    correction_rows,
    welch_rows,
)
from companion.chapters.rescaling.errata.statistic_or_p import other_readings, ours, statistic_and_p
from companion.chapters.rescaling.errata.statistic_or_p import rows as test_rows
from companion.evidence import published
from companion.evidence.findings import VERDICTS, Finding, judge

__all__ = [
    "VERDICTS", "Finding", "alexnet_input", "arithmetic", "arms_left_out", "correction",
    "correction_rows", "direction", "direction_rows", "gain_rows", "kept_direction",
    "other_readings", "ours", "parameter_rows", "parameters",
    "statistic_and_p", "stopped_early", "stopped_early_rows", "test_rows", "welch_rows",
]  # fmt: skip


def kept_direction(mean: float, std: float, target: float) -> tuple[float, float]:
    """Return what rescaling does to the direction of a layer's weights: cosine, share of flips.

    ``w' = s (w - mean) + mean`` with ``s = target / std`` (N eqs. 11-12), so with the population
    moments over the layer's weights

        cos(w, w') = (std target + mean^2) / sqrt((std^2 + mean^2) (target^2 + mean^2)),

    exactly, whatever the distribution: 1 only for mean 0 (or s = 1). A weight changes its sign
    when it lies between 0 and ``-mean (1 - s) / s``; the share is that of a normal distribution.
    Both depend on mean / std and s alone. `ValueError` unless std and target are > 0.

    >>> cosine, flips = kept_direction(mean=0.05, std=0.17, target=0.0255)
    >>> round(cosine, 2), round(flips, 2)
    (0.69, 0.36)
    >>> kept_direction(0.0, 0.17, 0.0255)
    (1.0, 0.0)
    """
    if not (math.isfinite(mean) and min(std, target) > 0 and math.isfinite(std + target)):
        raise ValueError(
            f"mean must be finite, std and target > 0, got {mean}, {std}, {target}; "
            "a layer of equal weights cannot be rescaled."
        )
    cosine = (std * target + mean**2) / (math.hypot(std, mean) * math.hypot(target, mean))
    scale = target / std
    edge = -mean * (1 - scale) / scale
    low, high = sorted((0.0, edge))
    flips = float(stats.norm.cdf(high, mean, std) - stats.norm.cdf(low, mean, std))
    return min(1.0, cosine), flips


def direction_rows(layers: pd.DataFrame, arm: str = "none") -> pd.DataFrame:
    """Return what one rescaling would do to an arm's layers after training, a mean over its runs.

    `layers` is a record's table; the target is each layer's standard deviation before training.
    Columns: layer, mean_over_std (its largest size over runs), scale (target / std), cosine (the
    smallest over runs), flips (the largest share over runs, for normal weights). `ValueError` for
    an arm that is not in the table.
    """
    mine = layers[layers["arm"] == arm]
    if mine.empty:
        names = ", ".join(layers["arm"].unique())
        raise ValueError(f"arm must be one of {names}, got {arm!r}; use one.")
    start = mine[mine["epoch"] == 0].set_index(["layer", "run"])["weight_std"]
    last = mine[mine["epoch"] == mine["epoch"].max()].set_index(["layer", "run"])
    rows = []
    for (layer, run), end in last.iterrows():
        target, mean, std = start[layer, run], end["weight_mean"], end["weight_std"]
        cosine, flips = kept_direction(float(mean), float(std), float(target))
        rows.append((layer, abs(mean) / std, target / std, cosine, flips))
    frame = pd.DataFrame(rows, columns=["layer", "mean_over_std", "scale", "cosine", "flips"])
    worst = {"mean_over_std": "max", "scale": "mean", "cosine": "min", "flips": "max"}
    return frame.groupby("layer").agg(worst).reset_index()


def direction(layers: pd.DataFrame | None = None, mean: float = 0.05) -> Finding:
    """N: is the direction of the weights kept? With the printed growth of layer 1's standard
    deviation and an example `mean`, and beside it a record's `layers` when given."""
    std = published.value("N", "text", "mlp-layer-1", "weight_std_after")
    target = math.sqrt(2 / 3072)
    cosine, flips = kept_direction(mean, std, target)
    rule = "rescaling, w' = s w + (1 - s) mean, keeps the direction of w - mean, and of w only if "
    rule += "the mean is 0"
    example = (
        f"for std {std:g} set back to {target:.4f} and a mean of {mean:g}, the cosine is "
        f"{cosine:.2f} and {100 * flips:.0f} % of normal weights change sign"
    )
    computed = f"{rule}; {example}"
    effect = (
        "It changes how the method is described, and re-adding the mean does not keep the signs; "
        "it changes no measured result."
    )
    if layers is not None:
        ours = direction_rows(layers)
        worst = ours.loc[ours["cosine"].idxmin()]
        computed = (
            f"{rule}; after our training without regularization the smallest cosine of a layer is "
            f"{worst['cosine']:.4f}, and at most {100 * ours['flips'].max():.1f} % of a layer's "
            f"weights change sign; with a mean larger than ours were, it would show: {example}"
        )
        effect += " In our networks it hardly shows."
    return Finding(
        lead="direction",
        source="N",
        where="abstract and section IV",
        printed="weight rescaling sets the magnitude of a layer's weights and keeps their "
        "direction; adding the mean again counteracts changed signs",
        computed=computed,
        verdict=judge([cosine > 1 - 1e-12, flips == 0]),
        effect=effect,
    )


def stopped_early_rows() -> pd.DataFrame:
    """N's mean best epochs e*, and how many would lie beyond the last epoch if e* were normal.

    Columns: table, cell, mean, sd (epochs) and beyond, the share of a normal distribution with
    that mean and SD above the last epoch: where it is large, training ended before the arms did.
    """
    last = published.value("N", "text", "training", "epochs")
    frame = published.rows("N")
    frame = frame[(frame["quantity"] == "best_epoch")][["table", "cell", "mean", "sd"]]
    beyond = stats.norm.sf(last, frame["mean"], frame["sd"])
    return frame.assign(beyond=beyond).reset_index(drop=True)


def stopped_early(share: float = 0.05) -> Finding:
    """N: was training long enough for every arm to reach its best epoch?"""
    rows = stopped_early_rows()
    cut = rows[rows["beyond"] > share]
    said = ", ".join(f"{row.cell} {100 * row.beyond:.1f} %" for row in cut.itertuples())
    epochs = int(published.value("N", "text", "training", "epochs"))
    return Finding(
        lead="end of training",
        source="N",
        where="Tables I, III and V",
        printed=f"the mean best epoch of each arm in a training of {epochs} epochs",
        computed=f"if best epochs were normal with the printed mean and SD, more than "
        f"{100 * share:g} % would lie beyond epoch {epochs} in {len(cut)} of {len(rows)} arms"
        + (f": {said}" if said else ""),
        verdict="left open" if len(cut) else "holds",
        effect="It leaves open how good those arms become in a longer training, and makes their "
        "mean best epoch a lower bound; it does not change the comparison at that length.",
    )
