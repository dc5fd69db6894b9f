"""The figures of a and b that learn, each with alt text and a caption."""

from __future__ import annotations

from companion.chapters.compander.experiments import learned as experiments
from companion.chapters.compander.experiments import mlp
from companion.display import style
from companion.display.figures import canvas, show
from companion.display.labels import head
from companion.display.svg import Shown
from companion.evidence.records import Record


def learned(digits: Record) -> Shown:
    """Where a and b go that are learned, run by run (`mlp.DIGITS`)."""
    figure, panels = canvas(columns=3, height=2.8, sharey=True)
    said = []
    rows = digits.layers
    for axes, arm in zip(panels, ("coarse", "fine", "fine-slow"), strict=True):
        mine = rows[(rows["arm"] == arm) & (rows["epoch"] == rows["epoch"].max())]
        layers = sorted(mine["layer"].unique())
        for layer in layers:
            here = mine[mine["layer"] == layer]
            look = {"color": style.colour("compander"), "alpha": 0.3 + 0.7 * (layer - 1) / 2}
            axes.plot(here["curve_b"], here["curve_a"], "o", ms=6, mew=0, **look)
            said.append(
                f"{mlp.DIGITS.arms[arm].label}, layer {layer}: a {here['curve_a'].median():.2f}, "
                f"b {here['curve_b'].median():.2f}"
            )
        axes.set_xlim(0, 1.3)
        axes.plot(1.0, 0.5, "+", color=style.INK, ms=13, mew=1.6)
        axes.axhline(0, color=style.INK, lw=0.8, dashes=(4, 3))
        axes.grid(True, axis="x")
        axes.tick_params(labelleft=True)
        _, _, how = mlp.DIGITS.arms[arm].label.partition(", ")
        words = "+: start" if arm == "coarse" else "pale: layer 1, dark: layer 3"
        head(axes, f"a, {how}", words, "b")
    return show(
        figure,
        alt=f"Medians over runs after training. {'; '.join(said)}.",
        caption="Learned at the weights' rate, a and b go far, and a can cross 0; learned a "
        "hundred times more slowly they hardly move.",
        ran=f"{digits.label()}. A dot is a layer of a run after the last epoch, ten runs each.",
        name="learned",
    )


def drift(record: Record) -> Shown:
    """Where a and b of each layer of a ResNet end, and the one pair of a network, run by run; a
    record of `learned.CIFAR`."""
    figure, panels = canvas(columns=2, height=3.0)
    rows = record.layers[record.layers["epoch"] == record.layers["epoch"].max()]
    fine, coarse = (rows[rows["arm"] == arm] for arm in ("fine", "coarse"))
    said = []
    for axes, one, start in zip(panels, "ab", (experiments.A, experiments.B), strict=True):
        values = fine[f"curve_{one}"].abs()
        look = {"color": style.colour("compander"), "ms": 5, "mew": 0, "alpha": 0.6}
        axes.plot(fine["layer"], values, "o", **look)
        for value in coarse.groupby("seed")[f"curve_{one}"].first().abs():
            axes.axhline(
                value, color=style.colour("compander"), lw=1.2, ls=style.linestyle("dashed")
            )
        axes.axhline(start, color=style.INK, lw=0.8, dashes=style.THEORY_DASHES)
        axes.set_xlim(0.4, rows["layer"].max() + 0.6)
        axes.set_ylim(0, 1.08 * max(values.max(), coarse[f"curve_{one}"].abs().max(), start))
        head(axes, f"{one} after training", "dots: one a layer; dashed: one pair", "layer")
        medians = values.groupby(fine["layer"]).median()
        said.append(
            f"{one}, one a layer: from {medians.min():.2f} in layer {medians.idxmin()} to "
            f"{medians.max():.2f} in layer {medians.idxmax()}; one pair: "
            f"{coarse[f'curve_{one}'].abs().median():.2f}"
        )
    images = record.provenance["split"]["train"]
    return show(
        figure,
        alt=f"Medians over runs. {'; '.join(said)}.",
        caption="Twenty layers keep their a, which batch norm frees of any pull; the last one, "
        "without batch norm, moves far, and takes a pair that all share along.",
        ran=f"{record.label()}, {images:,} training images; three runs each are shown; sizes, "
        "whatever the sign. Thin dashes: the start.",
        name="drift",
    )
