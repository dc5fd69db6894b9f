"""The book's plates: whole figures and tables of a record, with alt text and caption.

Each takes a record and says in its alt text what the figure shows, with numbers computed from
the record; the drawing itself is in `figures`.
"""

from __future__ import annotations

import pandas as pd

from companion.chapters.rescaling import experiments
from companion.chapters.rescaling.experiments import mlp
from companion.display import figures
from companion.display.svg import Shown
from companion.display.tables import ResultsTable
from companion.evidence import readings
from companion.evidence.records import Record
from companion.experiments import report
from companion.experiments.arm import Arm


def weights_before_and_after(record: Record, arm: str = "none") -> Shown:
    """Each layer's weight histogram before and after training (N, figure 1)."""
    layers, arms = sorted(record.layers["layer"].unique()), _arms(record)
    figure, axes = figures.canvas(columns=len(layers))
    figures.weight_histograms(record.histograms, axes, arms, arm)
    factors = [readings.growth(record.layers, arm, "weight_std", layer).mean for layer in layers]
    said = ", ".join(f"{factor:.1f}" for factor in factors)
    return figures.show(
        figure,
        alt=f"Weights of each layer before and after training, {arms[arm].label}: the standard "
        f"deviation changes by factors of {said}.",
        caption="Training multiplies the spread of the weights, layer by layer, by factors of "
        f"{said}.",
        ran=f"{record.label()}.",
    )


def test_accuracy(record: Record, number: int | None) -> Shown:
    """Test accuracy per epoch of every arm; number: that of the same figure in N, 3 for the MLP."""
    figure, axes = figures.canvas(height=3.4)
    arms = _arms(record)
    figures.accuracy_curves(record.epochs[record.epochs["epoch"] > 0], axes, arms)
    falls = {arm: readings.fall_after_best(record.epochs, arm).mean for arm in _names(record)}
    lost = ", ".join(f"{arms[arm].label} {100 * fall:.1f}" for arm, fall in falls.items())
    return figures.show(
        figure,
        alt="Test accuracy per epoch of each arm. Points lost from the best epoch to the last: "
        f"{lost}.",
        caption="Test accuracy per epoch of each arm"
        + (f", the paper's figure {number}." if number else "."),
        ran=f"{record.label()}.",
    )


def training_and_test(record: Record) -> Shown:
    """Training and test accuracy per epoch of every arm, side by side (N, figure 3)."""
    figure, axes = figures.canvas(columns=2, height=3.9)
    arms, rows = _arms(record), record.epochs[record.epochs["epoch"] > 0]
    for panel, quantity in zip(axes, ("train_accuracy", "test_accuracy"), strict=True):
        figures.accuracy_curves(rows, panel, arms, quantity, band="interval")
    ends = rows[rows["epoch"] == rows["epoch"].max()].groupby("arm", sort=False)
    reached = 100 * ends[["train_accuracy", "test_accuracy"]].mean()
    listed = "; ".join(
        f"{arms[str(arm)].label} {row.train_accuracy:.1f} and {row.test_accuracy:.1f}"
        for arm, row in zip(reached.index, reached.itertuples(), strict=True)
    )
    return figures.show(
        figure,
        alt="Training and test accuracy per epoch of each arm. After the last epoch, in percent: "
        f"{listed}.",
        caption="The arms that learn their training images best end lowest on the test images. "
        "Left: training images; right: test images, the paper's figure 3.",
        ran=f"{record.label()}.",
        name="arms",
    )


def what_a_rescaling_costs(after: Record, before: Record, kept: Record) -> Shown:
    """Test accuracy per epoch of LeNet-5, a panel for each initialization: records of `LENET`,
    measured after each rescaling, of `LENET_BEFORE` and of `LENET_BIASES`."""
    figure, axes = figures.canvas(columns=2, height=3.4, sharey=True)
    arms, ends = mlp.MLP.arms | mlp.CAUSES.arms, []
    for panel, scheme in zip(axes, ("kaiming", "xavier"), strict=True):
        held = f"wr-{scheme}"
        names = (
            (after, {f"none-{scheme}": "none", held: "wr"}),
            (before, {held: "wr-before"}),
            (kept, {held: "wr-biases"}),
        )
        rows = [one.epochs.assign(arm=one.epochs["arm"].map(name)) for one, name in names]
        shown = pd.concat(rows).dropna(subset="arm").query("epoch > 0")
        panel.tick_params(labelleft=True)  # panels stand one above the other on a phone
        figures.accuracy_curves(shown, panel, arms, title=f"{scheme.title()}: test accuracy (%)")
        last = shown[shown["epoch"] == shown["epoch"].max()].groupby("arm", sort=False)
        reached = last["test_accuracy"].mean()
        listed = (f"{arms[arm].label} {100 * value:.1f}" for arm, value in reached.items())
        ends.append(f"{scheme.title()}: {'; '.join(listed)}")
    return figures.show(
        figure,
        alt="Test accuracy of LeNet-5 per epoch: never rescaled; rescaled and measured after it, "
        "before it, and after it with the biases kept. After the last epoch, in percent, "
        f"{'. '.join(ends)}.",
        caption="WR, before it: each epoch measured before its rescaling. WR, biases kept: "
        f"measured after it, the biases not reset. {before.label()}.",
    )


def generalization_error(record: Record) -> Shown:
    """Test loss minus training loss per epoch of every arm (N, figure 2)."""
    figure, axes = figures.canvas(width=4.4, height=3.3, text=1.3)
    arms = _arms(record)
    figures.generalization_error(record.epochs, axes, arms)
    last = {
        arm: readings.final_generalization_error(record.epochs, arm).mean()
        for arm in _names(record)
    }
    ends = ", ".join(f"{arms[arm].label} {error:.2f}" for arm, error in last.items())
    return figures.show(
        figure,
        alt=f"Test loss minus training loss per epoch of each arm. It ends at: {ends}.",
        caption="The price of learning the training images ever better. The paper's figure 2.",
        ran=f"{record.label()}.",
    )


def preactivation_variance(record: Record, shown: tuple[str, str] = ("none", "wr")) -> Shown:
    """Pre-activation variance per epoch and layer, two arms side by side (N, figure 7)."""
    figure, axes = figures.canvas(columns=2, height=3.3, sharey=True)
    arms = _arms(record)
    for panel, arm in zip(axes, shown, strict=True):
        panel.tick_params(labelleft=True)  # panels stand one above the other on a phone
        figures.preactivation_variance(record.layers, panel, arms, arm)
    factors = [
        readings.growth(record.layers, arm, "preactivation_variance", 2).mean for arm in shown
    ]
    ends = ", ".join(
        f"{f:.3g} for {arms[arm].label}" for f, arm in zip(factors, shown, strict=True)
    )
    return figures.show(
        figure,
        alt="Pre-activation variance per epoch and layer, on a log axis. Layer 2 ends at its "
        f"start times {ends}.",
        caption="The variance of what each layer computes, the paper's figure 7.",
        ran=f"{record.label()}.",
    )


def weight_std(
    layers: pd.DataFrame, caption: str, shown: tuple[str, str] = ("none", "wr")
) -> Shown:
    """Weight standard deviation per epoch and layer, two arms side by side.

    layers: a record's table of that name, or that of a live training.
    """
    figure, axes = figures.canvas(columns=2, sharey=True)
    arms = mlp.MLP.arms
    for panel, arm in zip(axes, shown, strict=True):
        panel.tick_params(labelleft=True)  # panels stand one above the other on a phone
        figures.weight_std(layers, panel, arms, arm, band="interval")
    last = max(layers["layer"])
    factors = [readings.growth(layers, arm, "weight_std", last).mean for arm in shown]
    ends = ", ".join(
        f"{f:.2f} for {arms[arm].label}" for f, arm in zip(factors, shown, strict=True)
    )
    return figures.show(
        figure,
        alt="Weight standard deviation per epoch and layer. The last layer's ends at its start "
        f"times {ends}.",
        caption=caption,
    )


def results(record: Record) -> ResultsTable:
    """The paper's accuracies and best epochs beside ours (N, Table I)."""
    experiment = experiments.of(record)
    return figures.results_table(
        report.accuracy_table(experiment, record),
        caption=f"The paper's Table {experiment.published.table} beside ours. {record.label()}. "
        "± is the standard deviation over runs.",
    )


def mann_whitney(record: Record):
    """The paper's Mann-Whitney tests beside ours (N, Table II), as a pandas Styler."""
    experiment = experiments.of(record)
    tests = report.test_table(experiment, record)
    names = {arm: one.label for arm, one in experiment.arms.items()}
    shown = pd.DataFrame(
        {
            "arms": tests["group1"].map(names) + " and " + tests["group2"].map(names),
            "paper p": tests["paper_p"].map("{:.2g}".format),
            "our p": tests["p"].map("{:.2g}".format),
            "Holm": tests["holm"].map("{:.2g}".format),
            "U": tests["U"].map("{:g}".format),
            "difference, points": [
                f"{row.difference:+.2f} ({row.low:+.2f} to {row.high:+.2f})"
                for row in tests.itertuples()
            ],
        }
    )
    caption = (
        f"The paper's Table {experiment.published.tests} beside ours. The difference is the "
        "second arm's mean minus the first's, with Welch's 95 % "
        f"interval. {record.label()}."
    )
    return shown.style.hide(axis="index").set_caption(caption)


def _arms(record: Record) -> dict[str, Arm]:
    return experiments.of(record).arms


def _names(record: Record) -> list[str]:
    return list(record.provenance["arms"])
