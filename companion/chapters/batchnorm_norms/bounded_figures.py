"""The figures of chapter 5's page on bounded weight norm, each with alt text and a caption."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from companion.chapters.batchnorm_norms import bounded as parts
from companion.chapters.batchnorm_norms import inside
from companion.chapters.batchnorm_norms.experiments import bounded, small
from companion.display import style
from companion.display.figures import accuracy_curves, canvas, log_axis, name_lines, show
from companion.display.intervals import intervals
from companion.display.labels import head
from companion.display.svg import Shown
from companion.evidence.records import Record
from companion.evidence.summaries import summary
from companion.experiments.arm import Arm

LAYER = 2
"""The layer whose turns and lengths are drawn."""
RATE = 0.1
"""The learning rate of the digits' curves."""


def curves(digits: Record, cifar: Record) -> Shown:
    """L's figure 8 in small: test accuracy by epoch; records of `bounded.DIGITS` and
    `bounded.CIFAR`."""
    figure, panels = canvas(columns=2, height=3.7)
    said = []
    for axes, record, arms, title in (
        (panels[0], digits, _at_rate(), "Digits"),
        (panels[1], cifar, bounded.CIFAR.arms, "CIFAR-10"),
    ):
        rows = record.epochs
        rows = rows[(rows["epoch"] > 0) & rows["arm"].isin(list(arms))]
        low, high = (100 * float(find(rows["test_accuracy"])) for find in (min, max))
        axes.set_ylim(low - 1, high + 0.2 * (high - low))  # room for names that end close together
        accuracy_curves(rows, axes, arms, title=f"{title}: test accuracy (%)")
        for name, mine in rows.groupby("arm", sort=False):
            means = 100 * mine.groupby("epoch")["test_accuracy"].mean()
            told = f"{means.iloc[0]:.1f} % at first, {means.iloc[-1]:.1f} % at the end"
            said.append(f"{title}, {arms[name].label}: {told}")
    return show(
        figure,
        alt=f"{'; '.join(said)}.",
        caption="On CIFAR-10 bounded weight norm leads at first; on the digits, trained longer, it "
        "ends last, unless its v decays.",
        ran=f"{digits.label()}, learning rate {RATE}; {cifar.label()}. The rate falls tenfold "
        f"after epochs {small.DROP} and {bounded.DROP}; on CIFAR-10 WRS has the rate that "
        "matches decay.",
        name="bounded-curves",
    )


def _at_rate() -> dict[str, Arm]:
    """The digits' arms at one learning rate, named without it."""
    return {
        bounded.arm(kind, RATE): replace(
            bounded.DIGITS.arms[bounded.arm(kind, RATE)], label=label, baseline=None
        )
        for kind, (label, _, _) in bounded.KINDS.items()
    }


def steps(record: Record) -> Shown:
    """The turn of a step and the length of what is trained; a record of `bounded.CIFAR`."""
    figure, panels = canvas(columns=2, height=3.5)
    said: list[str] = []
    _steps(panels[0], record, bounded.CIFAR.arms, "turn", "Turn of a step (rad)", said)
    _steps(panels[1], record, bounded.CIFAR.arms, "source", "Length of what is trained", said)
    return show(
        figure,
        alt=f"{'; '.join(said)}.",
        caption="Nothing holds the length of v under bounded weight norm, and its steps turn less "
        "and less, as with batch norm alone; decay of v holds both.",
        ran=f"{record.label()}. Layer {LAYER}, rms over units and runs; what is trained is v under "
        "BWN and w elsewhere.",
        name="bounded-steps",
    )


def _steps(
    axes, record: Record, arms: Mapping[str, Arm], column: str, title: str, said: list[str]
) -> None:
    ends = []
    for name in record.provenance["arms"]:
        mine = parts.series(record, name, LAYER)[column]
        smooth = mine.rolling(5, min_periods=1).mean() if column == "turn" else mine
        arm = arms[name]
        axes.plot(smooth.index, smooth, color=style.colour(arm.family), lw=1.6,
                  ls=style.linestyle(arm.dash))  # fmt: skip
        label = arm.label.partition(",")[0]
        ends.append((float(smooth.iloc[-1]), label, style.text_colour(arm.family)))
        said.append(f"{title}, {arm.label}: {mine.iloc[0]:.2g} to {mine.iloc[-1]:.2g}")
    log_axis(axes.yaxis)
    head(axes, title, f"layer {LAYER}", "step")
    name_lines(axes, ends)


def rates(record: Record) -> Shown:
    """Test accuracy at three learning rates; a record of `bounded.DIGITS`."""
    figure, axes = canvas(width=4.8, height=3.4)  # the names stand beside it
    values, said, ends = inside.final(record), [], []
    for kind, (label, family, dash) in bounded.KINDS.items():
        found = [summary(values[bounded.arm(kind, rate)]) for rate in bounded.RATES]
        means = intervals(axes, bounded.RATES, found, family, dash)
        ends.append((means[-1], label, style.text_colour(family)))
        told = ", ".join(f"{mean:.1f}" for mean in means)
        at = ", ".join(f"{rate:g}" for rate in bounded.RATES)
        said.append(f"{label} at rates {at}: {told} %")
    log_axis(axes.xaxis)
    axes.set_xticks(bounded.RATES, [f"{rate:g}" for rate in bounded.RATES])
    axes.set_xlim(0.025, 0.36)
    head(axes, "Test accuracy (%)", "better ↑; bar: 95 % interval", "learning rate")
    name_lines(axes, ends)
    return show(
        figure,
        alt=f"{'; '.join(said)}.",
        caption="Each at its best learning rate, all end alike but one: bounded weight norm "
        "without decay of its v.",
        ran=record.label(),
        name="bounded-rates",
    )
