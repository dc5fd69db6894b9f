"""What N says of the product of variances in training (section III-H), computed."""

from __future__ import annotations

from companion.chapters.variance_propagation import parts
from companion.evidence import records
from companion.evidence.findings import Finding, judge
from companion.evidence.records import Record

ARM = "wr every step"


def findings(record: Record | None = None) -> list[Finding]:
    """The finding about N's eq. 9; record: of `in_training.DIGITS`, the shipped one when None."""
    return [product(record or records.recorded("variance-in-training-digits-book"))]


def product(record: Record) -> Finding:
    """Is the variance of a trained network no product of its weights' variances, and for the
    reasons that N gives?"""
    found = parts.means(record).loc[ARM]
    end = found.index.get_level_values("epoch").max()
    last = found.loc[end].iloc[-1]
    shares = {
        part: float(last[f"variance_{part}"] / last["preactivation_variance"])
        for part in ("correlation", "mean", "bias")
    }
    said = ", ".join(f"{part} {100 * share:.0f} %" for part, share in shares.items())
    return Finding(
        lead="product of variances",
        source="N",
        where="section III-H, after eq. 9",
        printed="in training the variance is no longer the product of the weights' variances, "
        "since weights become correlated, their means leave 0 and biases are learned",
        computed=f"after our training, with weights held at every step, eq. 9 gives "
        f"{last['by_size']:.2g} for the last layer and {last['preactivation_variance']:.3g} is "
        f"measured; of that layer's variance: {said}",
        verdict=judge([last["preactivation_variance"] > 2 * last["by_size"]]),
        effect="Of the three reasons the first does nearly all; means and biases change little, "
        "and holding the size of weights cannot hold the variance.",
    )
