"""Chapter 0's explorables: when to stop, and what each remedy does to a convolutional network."""

from __future__ import annotations

from functools import cache

import numpy as np

from companion.chapters.toolbox import remedies as told
from companion.chapters.toolbox import stopping
from companion.chapters.toolbox.experiments import features, remedies
from companion.display.explorables import Control, Curve, Explorable, Histogram, Panel, Point
from companion.display.explorables.curves import bands, inside
from companion.evidence import records
from companion.evidence.records import Record
from companion.evidence.stopping import Rule
from companion.evidence.summaries import summary

LABELS = {"as they are": "clean", "a fifth drawn anew": "noisy"}
WATCHED = {"validation loss": "loss", "validation accuracy": "accuracy"}
SWEEP = (1, 2, 3, 5, 7, 10, 15, 20)
"""The patiences of the line."""
FAMILY = {"loss": "wr", "accuracy": "wd"}
REGRET = (0.0, 3.5)


@cache
def frontier(record: Record, arm: str, watched: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean epochs spent and mean regret with its interval, low and high, at each of `SWEEP`."""
    found = [stopping.outcome(record, arm, watched, Rule(n)) for n in SWEEP]
    spent = np.array([one["spent"].mean() for one in found])
    whole = [summary(one["regret"]) for one in found]
    return (
        spent,
        np.array([one.mean for one in whole]),
        np.array([(one.low, one.high) for one in whole]).T,
    )


def when_to_stop(record: Record | None = None) -> Explorable:
    """Regret against epochs spent over a hundred runs; controls rule, what it watches, labels.

    record: of `stopping.EXPERIMENT`; the shipped one if none is given.
    """
    shown = record or records.recorded("early-stopping-digits-book")
    epochs = int(shown.provenance["epochs"])

    def line(arm: str, watched: str) -> Curve:
        spent, regret, (low, high) = frontier(shown, arm, watched)
        label = "patience 1 to 20"
        return Curve(label, spent, regret, low, high, family=FAMILY[watched])

    def point(labels: str, watch: str, rule: str) -> Point:
        arm, watched = LABELS[labels], WATCHED[watch]
        other = next(one for one in stopping.WATCHED if one != watched)
        rows = stopping.outcomes(shown)[arm, watched, rule]
        regret, spent = summary(rows["regret"]), rows["spent"].mean()
        spent_other, regret_other, _ = frontier(shown, arm, other)
        curves = [
            Curve(f"watching {other}", spent_other, regret_other, family="none", role="reference"),
            line(arm, watched),
            Curve(rule, [spent, spent], [REGRET[0], regret.mean], family="none"),
        ]
        edges = np.arange(0, epochs + 5, 4) + 0.5
        density = np.histogram(rows["spent"], edges, density=True)[0]
        optimism = summary(rows["optimism"])
        return Point(
            {
                "regret": curves,
                "spent": [Histogram(rule, edges, density, family=FAMILY[watched])],
            },
            f"{rule}, watching the {watch}, labels {labels}: {spent:.0f} epochs on average, and "
            f"{regret.mean:.2f} points ({regret.low:.2f} to {regret.high:.2f}) below the best "
            f"epoch. The half that chose promises {optimism.mean:+.2f} points "
            f"({optimism.low:+.2f} to {optimism.high:+.2f}) more than the other half gives.",
        )

    return Explorable.compute(
        "when-to-stop",
        "What it costs to stop, and what it costs to go on",
        [
            Control("rule", "Stop by", tuple(stopping.RULES), ordered=False, start=5),
            Control("watch", "Watching the", tuple(WATCHED), ordered=False),
            Control("labels", "Labels", tuple(LABELS), ordered=False, start=1),
        ],
        [
            Panel("regret", "epochs spent, mean", "regret (points, 0 is the best epoch)",
                  y_limits=REGRET, band="95 % interval of 100 runs"),
            Panel("spent", "epochs spent", "share of runs per epoch", kind="histograms"),
        ],
        lambda rule, watch, labels: point(labels, watch, rule),
        note=f"{shown.label()}. 1,297 digits are learned, 500 kept aside; half of them choose, the "
        "other half tests, in every pairing.",
    )  # fmt: skip


SHOWN = ("mean of the runs", "every run")
LOSSES, ERRORS = (5e-3, 1.0), (1.0, 40.0)


def remedy(record: Record | None = None) -> Explorable:
    """Losses and accuracy of LeNet-5 on MNIST; controls remedy, mean or every run.

    record: of `remedies.EXPERIMENT`; the shipped one if none is given.
    """
    shown = record or records.recorded("remedies-lenet5-mnist-t10k-book")
    arms = remedies.EXPERIMENT.arms
    labels = {arms[name].label: name for name in told.arms(shown)}
    rows = shown.epochs[shown.epochs["epoch"] > 0]
    rows = rows.assign(test_error=100 * (1 - rows["test_accuracy"]))
    band = {q: bands(rows, q) for q in ("train_loss", "test_loss", "test_error")}

    def curves(name: str, quantity: str, label: str, limits, dash: str, every: bool) -> list[Curve]:
        family = arms[name].family
        if not every:
            return [inside(label, band[quantity][name], limits, family, dash)]
        mine = rows[rows["arm"] == name]
        found = []
        for run, one in mine.groupby("run"):
            y = one[quantity].where(one[quantity].between(*limits))
            first = run == mine["run"].min()
            found.append(
                Curve(label if first else f"{label}, run {run}", one["epoch"], y, family=family,
                      dash=dash, role="data" if first else "context")
            )  # fmt: skip
        return found

    def point(label: str, how: str) -> Point:
        name, every = labels[label], how == SHOWN[1]
        loss = [
            *curves(name, "train_loss", "training", LOSSES, "dashed", False),
            *curves(name, "test_loss", "test", LOSSES, "solid", every),
        ]
        error = curves(name, "test_error", label, ERRORS, "solid", every)
        if name != "none":
            for panel, quantity, limits, said in (
                (loss, "test_loss", LOSSES, "none, test"), (error, "test_error", ERRORS, "none"),
            ):  # fmt: skip
                panel.append(inside(said, band[quantity]["none"], limits, "none", faint=True))
        last = rows[(rows["arm"] == name) & (rows["epoch"] == rows["epoch"].max())]
        gap = summary(last["test_loss"] - last["train_loss"])
        wrong = summary(last["test_error"])
        return Point(
            {"loss": loss, "error": error},
            f"{label}, after the last epoch: test loss minus training loss is {gap.mean:.3f} "
            f"({gap.low:.3f} to {gap.high:.3f}); {wrong.mean:.2f} % of the test images are wrong "
            f"({wrong.low:.2f} to {wrong.high:.2f}).",
        )

    return Explorable.compute(
        "remedies",
        "One network, seven ways",
        [
            Control("remedy", "Remedy", tuple(labels), ordered=False),
            Control("show", "Show", SHOWN, ordered=False),
        ],
        [
            Panel("loss", "epoch", "loss", y_log=True, y_limits=LOSSES, band="95 % interval"),
            Panel("error", "epoch", "test error (%)", y_log=True, y_limits=ERRORS,
                  band="95 % interval"),
        ],
        lambda remedy, show: point(remedy, show),
        note=f"{shown.label()}. Run k of every remedy has the same start.",
    )  # fmt: skip


def dropped(record: Record | None = None) -> Explorable:
    """Losses on the digits under dropout; control: the probability of zeroing. The lab's page.

    record: of `features.EXPERIMENT`; the shipped one if none is given.
    """
    shown = record or records.recorded("dropout-features-digits-book")
    rows = shown.epochs[shown.epochs["epoch"] > 0]
    band = {q: bands(rows, q) for q in ("train_loss", "test_loss")}
    limits = {"train_loss": (1e-4, 2.0), "test_loss": (0.02, 2.0)}

    def point(p_drop: float) -> Point:
        name = features.arm_name(p_drop)
        arm = features.EXPERIMENT.arms[name]
        drawn = {
            quantity: [
                inside(one, band[quantity][one], limits[quantity], family, faint=one != name)
                for one, family in {"none": "none", name: arm.family}.items()
            ]
            for quantity in band
        }
        last = rows[(rows["arm"] == name) & (rows["epoch"] == rows["epoch"].max())]
        right, test = summary(100 * last["test_accuracy"]), summary(last["test_loss"])
        return Point(
            drawn,
            f"p = {p_drop:g}: after the last epoch {right.mean:.2f} % of the test digits are right "
            f"({right.low:.2f} to {right.high:.2f}), at a loss of {test.mean:.4f}.",
        )

    return Explorable.compute(
        "dropped",
        "Losses under dropout",
        [Control("p_drop", "Probability of zeroing", (0.0, *features.DROPPED))],
        [
            Panel("train_loss", "epoch", "training loss", y_log=True,
                  y_limits=limits["train_loss"], band="95 % interval"),
            Panel("test_loss", "epoch", "test loss", y_log=True, y_limits=limits["test_loss"],
                  band="95 % interval"),
        ],
        point,
        note=f"{shown.label()}.",
    )  # fmt: skip
