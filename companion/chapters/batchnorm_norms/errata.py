"""What Liu, Cui, Wan, Mao and Chan (L, arXiv 2102.03497) print, recomputed from their numbers.

L prints its results on detection, segmentation and counting in its section 6.2, without a table;
they stand in `published.csv` under "section 6.2". Of the first two it prints only how far WRS is
ahead of WD.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from companion.evidence import published, rank_tests, records
from companion.evidence.findings import Finding, judge
from companion.evidence.summaries import difference


def paired_t_rows(table: str = "1") -> pd.DataFrame:
    """L's paired t test recomputed from a table's cells: all settings, and each optimizer's.

    Columns: settings ("all", "sgdm", "adamw"), pairs, wd and wrs (mean accuracies, percent), gain
    (points), low and high (its 95 % interval), t, freedom, p, and signed_rank_p (Wilcoxon's test
    for pairs, which assumes no normal distribution).
    """
    pairs = published.paired_rows("L", table)
    rows = []
    for name in ("all", *pairs["optimizer"].unique()):
        part = pairs if name == "all" else pairs[pairs["optimizer"] == name]
        test = stats.ttest_rel(part["wrs"], part["wd"])
        ends = test.confidence_interval()
        rows.append(
            {
                "settings": name,
                "pairs": len(part),
                "wd": part["wd"].mean(),
                "wrs": part["wrs"].mean(),
                "gain": (part["wrs"] - part["wd"]).mean(),
                "low": ends.low,
                "high": ends.high,
                "t": float(test.statistic),
                "freedom": int(test.df),
                "p": float(test.pvalue),
                "signed_rank_p": rank_tests.signed_rank(part["wrs"], part["wd"]).p,
            }
        )
    return pd.DataFrame(rows)


@dataclass(frozen=True)
class Plan:
    """L's training with AdamW and WD: the learning rate of each epoch, steps in each, decay."""

    rates: tuple[float, ...]
    epoch_steps: float
    weight_decay: float


def adamw_plan(images: int = 50_000) -> Plan:
    """L's plan; images: those of the training part."""
    said = {
        row.quantity: row.mean
        for row in published.rows("L", "text").itertuples()
        if row.cell in ("training", "training-adamw")
    }
    drops = [said[f"{which}_drop"] for which in ("first", "second", "third")]
    rates = tuple(
        said["learning_rate"] * said["learning_rate_factor"] ** sum(epoch >= d for d in drops)
        for epoch in range(int(said["epochs"]))
    )
    return Plan(rates, images / said["batch_size"], said["weight_decay"])


def adamw_decay(images: int = 50_000, decay: float | None = None) -> float:
    """Return the share by which L's AdamW decay shrinks a weight in a whole training.

    ``1 - prod(1 - lr lambda)`` over all steps, with L's batch size, learning rate and drops;
    decoupled decay acts apart from the gradient. decay: another lambda than L's.

    >>> round(adamw_decay(), 3)
    0.016
    """
    plan = adamw_plan(images)
    weight_decay = plan.weight_decay if decay is None else decay
    left = sum(plan.epoch_steps * math.log1p(-rate * weight_decay) for rate in plan.rates)
    return -math.expm1(left)


def paired_t() -> Finding:
    """L: does the printed paired t test follow from Table 1?"""
    rows = paired_t_rows().set_index("settings")
    ours, sgdm, adamw = rows.loc["all"], rows.loc["sgdm"], rows.loc["adamw"]
    t, freedom, p = (published.value("L", "text", "wrs minus wd", q) for q in ("t", "freedom", "p"))
    wd, wrs = (100 * published.value("L", "text", arm, "mean_accuracy") for arm in ("wd", "wrs"))
    agree = [
        round(ours["t"], 4) == t,
        ours["freedom"] == freedom,
        round(ours["p"], 3) == p,
        round(ours["wd"], 1) == round(wd, 1),
        round(ours["wrs"], 1) == round(wrs, 1),
    ]
    return Finding(
        lead="paired t test",
        source="L",
        where="Table 1",
        printed=f"WRS {wrs:.1f} against WD {wd:.1f} on average, t({freedom:g}) = {t:.4f}, "
        f"p = {p:g}",
        computed=f"{ours['wrs']:.1f} against {ours['wd']:.1f}, t({ours['freedom']:.0f}) = "
        f"{ours['t']:.4f}, p = {ours['p']:.2g}; SGDM alone gains {sgdm['gain']:.2f}, "
        f"t({sgdm['freedom']:.0f}) = {sgdm['t']:.2f}, p = {sgdm['p']:.2g}; AdamW alone "
        f"{adamw['gain']:.2f}, t({adamw['freedom']:.0f}) = {adamw['t']:.2f}, p = {adamw['p']:.2g}",
        verdict=judge(agree),
        effect=("The test stays as printed" if all(agree) else "The test changes")
        + "; the two optimizers apart say where the gain is: "
        f"{100 * adamw['gain'] / (adamw['gain'] + sgdm['gain']):.0f} % of it with AdamW, whose "
        f"decay, if it acts as torch's (lr lambda a step), shrinks a weight by "
        f"{100 * adamw_decay():.1f} % in the whole training on CIFAR; and with AdamW, WRS trains "
        "half the epochs that WD does in most settings.",
    )


def small_components() -> Finding:
    """L: does rescaling a weight vector make its small components smaller beside its large ones?"""
    random = np.random.default_rng(0)
    inputs = random.standard_normal((20, 50))  # fewer than dimensions: a span of 20
    rotation = np.linalg.svd(inputs, full_matrices=True)[2]
    w = random.standard_normal(50)
    before = rotation @ w
    after = rotation @ (w / np.linalg.norm(w))
    outside = [np.linalg.norm(part[20:]) / np.linalg.norm(part) for part in (before, after)]
    moved = abs(outside[1] - outside[0])
    return Finding(
        lead="small components",
        source="L",
        where="section 5 and A.4",
        printed="rescaling to norm 1 makes larger components larger and small ones smaller, in the "
        "space of the inputs as in that of the weights, and so suppresses noise outside the "
        "inputs' span",
        computed="the rotation is by a square orthogonal matrix and a rescaling divides every "
        f"component by one number: the share of a random vector outside a span of 20 of 50 "
        f"dimensions is {outside[0]:.3f} before and {outside[1]:.3f} after, apart by less than "
        "1e-12",
        verdict=judge([moved > 1e-12]),
        effect="A rescaling changes no ratio of components; what it changes is the effective "
        "learning rate of the steps that follow, and only those favour the span.",
    )


def output_layer() -> Finding:
    """L: does the scale of the output layer's units not affect predictions?"""
    from companion.chapters.batchnorm_norms import parts, trainings

    record = records.recorded("batchnorm-adamw-decay-digits-book")
    ends = parts.ends(record)
    gains = {name: rows["accuracy"] for name, rows in ends.groupby("arm")}
    gap = difference(gains["wrs, all layers"], gains["wrs"])
    _, changed = trainings.changed_predictions()
    return Finding(
        lead="output layer",
        source="L",
        where="B.2",
        printed="all weight vectors are rescaled, the output layer's too; its scale does not "
        "affect the prediction",
        computed=f"putting each of its units to norm 1 changes {100 * changed:.2f} % of a small "
        "network's predictions on the digits, and putting them back every 20 steps of a training "
        f"on labels of which three in ten are random changes test accuracy by "
        f"{100 * gap.estimate:.1f} points ({100 * gap.low:.1f} to {100 * gap.high:.1f}, "
        f"{record.provenance['runs_per_arm']} runs each)",
        verdict=judge([changed == 0, not gap.excludes_zero]),
        effect="One factor for all units would leave predictions as they are; one for each does "
        "not quite, and holding the layer in training is an intervention of its own, which has "
        "nothing to do with batch norm.",
    )


def findings() -> list[Finding]:
    """Every finding about L."""
    return [paired_t(), small_components(), output_layer()]
