"""What C says by figures and in words, repeated."""

from __future__ import annotations

import pandas as pd

from companion.chapters.compander import differences, learning, reach_figures
from companion.chapters.compander.experiments import learned
from companion.evidence import claims, records
from companion.evidence.claims import Claim
from companion.evidence.summaries import Interval, summary

SOURCE = "C"


def repeated() -> list[Claim]:
    """The claims, from the records of small networks."""
    return [bounded(), first_layer(), other_layers(), a_stays(), early_b(), fine_is_better(),
            adaptive()]  # fmt: skip


def _judged(sentence: str, holds: bool, record: records.Record) -> Claim:
    return Claim(sentence, "holds" if holds else "does not hold", records=(record.name,))


def bounded() -> Claim:
    """Figure 3: does the curve bound weights that grow without it?"""
    record = records.recorded("compander-range-digits-book")
    first = reach_figures.edges(record, layer=1)
    most = first[["weight_least", "weight_most"]].abs().max(axis=1).unstack()
    end, bound = most.columns.max(), first["weight_bound"].loc["wc"].iloc[0]
    grown, faster, bent = (most.loc[arm, end] for arm in ("none", "twin", "wc"))
    return _judged(
        "Figure 3: the largest weight of the first convolution starts at "
        f"{most.loc['none', 0]:.2f} and ends at {grown:.2f} without a curve, at {faster:.2f} at "
        f"(a/b)^2 times the rate, and at {bent:.2f} behind one of bound {bound:.2f}; in the paper "
        "it grows far in the first epochs, and the curve bounds it.",
        bool(most.loc["wc"].max() < bound < grown < faster),
        record,
    )


def _near_zero() -> tuple[records.Record, pd.DataFrame]:
    record = records.recorded("compander-range-digits-book")
    return record, reach_figures.shapes(record)["near"].unstack()


def first_layer() -> Claim:
    """Figure 4: are fewer weights of the first layer near zero?"""
    record, near = _near_zero()
    return _judged(
        f"Figure 4: of the first convolution's weights {near.loc['wc', 1]:.1f} % end within a "
        f"tenth of their rms from 0 behind the curve, {near.loc['none', 1]:.1f} % without it and "
        f"{near.loc['twin', 1]:.1f} % at (a/b)^2 times the rate; in the paper fewer do.",
        bool(near.loc["wc", 1] < near.loc[["none", "twin"], 1].min()),
        record,
    )


def other_layers() -> Claim:
    """Section IV-D: is that less pronounced in the middle and at the end?"""
    record, near = _near_zero()
    kept = near.loc["wc"] / near.loc["twin"]
    said = ", ".join(f"{share:.0%} in layer {layer}" for layer, share in kept.items())
    return _judged(
        f"Section IV-D: of the twin's share of weights near 0 is left, behind the curve, {said}; "
        "in the paper the difference fades towards the end, whose layer here has few inputs.",
        bool((kept[1] < kept[[2, 3, 4]]).all()),
        record,
    )


def a_stays() -> Claim:
    """Section IV-E: does a stay in convolutions and grow in the last layer?"""
    record = records.recorded("compander-learned-cifar10-jpeg-book")
    values = learning.ends(record, "fine")["curve_a"]
    last = values.columns.max()
    moved = (values - learned.A).abs()
    inner, outer = moved.drop(columns=last).max(axis=None), moved[last].min()
    return _judged(
        f"Section IV-E, a: learned one a layer, a moves by {inner:.1g} at most in the layers "
        f"before a batch norm and by {outer:.2f} at least in the last; in the paper by "
        ".35 at most, and far in the last.",
        bool(inner < 0.35 < outer),
        record,
    )


def early_b() -> Claim:
    """Section IV-E: do early layers get a larger b?"""
    record = records.recorded("compander-learned-cifar10-jpeg-book")
    values = learning.ends(record, "fine")["curve_b"]
    gap = summary(values.loc[:, 1:10].mean(axis=1) - values.loc[:, 11:20].mean(axis=1))
    return claims.direction(
        "Section IV-E, b: learned one a layer, b ends higher in layers 1 to 10 than in 11 to 20 by "
        f"{gap.mean:+.2f} ({gap.low:+.2f} to {gap.high:+.2f}, {gap.runs} runs); in the paper it is "
        "higher in earlier layers.",
        Interval(gap.mean, gap.low, gap.high),
        published_sign=1,
        records=(record,),
    )


def fine_is_better() -> Claim:
    """Section IV-E: is one pair a layer better than one a network?"""
    record = records.recorded("compander-learned-cifar10-jpeg-book")
    gap = learning.compared(record).set_index(["arm", "baseline"]).loc[("fine", "coarse")]
    return claims.direction(
        "Section IV-E, fine and coarse: one pair a layer changes test accuracy over one pair a "
        f"network by {gap['estimate']:+.2f} points ({gap['low']:+.2f} to {gap['high']:+.2f}); in "
        "the paper it is significantly better.",
        Interval(gap["estimate"], gap["low"], gap["high"]),
        published_sign=1,
        records=(record,),
    )


def adaptive() -> Claim:
    """Section III-A3: does Adam take from the curve's effect, and the slope-aware step give it
    back?"""
    record = records.recorded("compander-adamw-digits-book")
    plain, aware = (differences.loss_ratio(record, arm, "none") for arm in ("wc", "wc-aware"))
    return _judged(
        f"Section III-A3: under AdamW the curve leaves {plain:.2f} of the plain network's training "
        f"loss, with the slope-aware step {aware:.2f}; the paper expects that Adam reduces its "
        "effect.",
        aware < plain < 1,
        record,
    )
