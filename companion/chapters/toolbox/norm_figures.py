"""The figures of chapter 0's page on normalization."""

from __future__ import annotations

import numpy as np

from companion.chapters.toolbox import normalization
from companion.display import style
from companion.display.figures import canvas, log_axis, name_lines, show
from companion.display.labels import head
from companion.display.svg import Shown

FAMILY = {"none": "none", "batch": "batch_norm", "layer": "wd"}
IMAGES, UNITS, CHANNELS, PLACES = 5, 8, 3, 4
RATE, LARGE = 0.1, 0.5


def averaged(kind: str, places: int = 1) -> np.ndarray:
    """Which values share one mean with the first one, [images, columns]; columns are units, or
    channels times places.

    >>> averaged("batch")[:, 0].all(), averaged("layer")[0].all(), averaged("layer")[1:].any()
    (np.True_, np.True_, np.False_)
    """
    columns = UNITS if places == 1 else CHANNELS * places
    found = np.zeros((IMAGES, columns), bool)
    if kind == "batch":
        found[:, :places] = True
    else:
        found[0] = True
    return found


def axes_drawn() -> Shown:
    """Which values are averaged, for vectors and images, by batch norm and layer norm."""
    figure, panels = canvas(columns=2, rows=2, height=4.6)
    titles = {
        ("batch", 1): "Batch norm, vectors", ("layer", 1): "Layer norm, vectors",
        ("batch", PLACES): "Batch norm, images", ("layer", PLACES): "Layer norm, images",
    }  # fmt: skip
    for axes, ((kind, places), title) in zip(panels.flat, titles.items(), strict=True):
        shared = averaged(kind, places)
        for (row, column), inside in np.ndenumerate(shared):
            gap = 0.35 * (column // places) if places > 1 else 0
            axes.add_patch(
                _square(column + gap, row, style.colour(FAMILY[kind]) if inside else style.RULE)
            )
        across = shared.shape[1] + (0.35 * (CHANNELS - 1) if places > 1 else 0)
        axes.set_xlim(-0.1, across + 0.1)
        axes.set_ylim(IMAGES + 0.1, -0.1)
        axes.set_yticks([])
        axes.grid(False)
        if places > 1:
            middles = [(places + 0.35) * c + places / 2 for c in range(CHANNELS)]
            axes.set_xticks(middles, [f"channel {c + 1}" for c in range(CHANNELS)])
        else:
            axes.set_xticks([])
        for side in axes.spines.values():
            side.set_visible(False)
        x = "units" if places == 1 else "places of each channel"
        head(axes, title, "", x)
        axes.set_ylabel("images of the batch")
    return show(
        figure,
        alt="Batch norm averages one unit, or one channel at all its places, over all images of a "
        "batch. Layer norm averages all units, or all channels at all places, of one image.",
        caption="Coloured values share one mean and one variance: batch norm goes down a column, "
        "layer norm along a row.",
        ran="For images layer norm is drawn as this book's convolutional networks have it, over "
        "channels and places.",
        name="axes",
    )


def _square(x: float, y: float, colour: str):
    from matplotlib.patches import Rectangle

    return Rectangle((x + 0.05, y + 0.05), 0.9, 0.9, color=colour, lw=0)


def batches() -> Shown:
    """How a batch's statistics scatter with its size, and what running ones cost early on."""
    figure, (left, right) = canvas(columns=2, height=3.6)
    sizes, said, ends = normalization.BATCHES, [], []
    for which, name, family in ((0, "its mean", "batch_norm"), (1, "its variance", "wr")):
        found = [normalization.batch_statistics(size)[which] for size in sizes]
        left.plot(sizes, found, "o", color=style.colour(family), ms=5)
        fine = np.geomspace(2, 256, 50)
        expected = [normalization.expected_statistics(size)[which] for size in fine]
        left.plot(fine, expected, color=style.INK, lw=1.1, dashes=(4, 3))
        ends.append((found[-1], name, style.text_colour(family)))
        said.append(f"{name}: {found[0]:.2f} for 2 images, {found[-1]:.3f} for 256")
    left.set_xlim(1.7, 300)
    left.set_ylim(0.04, 1)
    left.set_xscale("log", base=2)
    left.set_xticks((2, 8, 32, 128), ["2", "8", "32", "128"])
    left.minorticks_off()
    log_axis(left.yaxis)
    head(left, "Scatter of a batch's statistics", "dashed: theory", "images in the batch")
    name_lines(left, ends)
    early, ends = normalization.early_accuracy(), []
    for which, name, family, dash in (
        ("fresh", "of all images", "none", "-"), ("running", "running", "batch_norm", "-"),
    ):  # fmt: skip
        values = 100 * early[which]
        mean = values.mean(axis=0)
        right.fill_between(range(values.shape[1]), values.min(0), values.max(0), lw=0, alpha=0.16,
                           color=style.colour(family))  # fmt: skip
        right.plot(mean, color=style.colour(family), ls=dash, lw=1.8)
        said.append(f"{name} statistics: {mean[3]:.0f} % after 3 steps, {mean[-1]:.0f} % after 40")
    for name, at, family in (
        ("running statistics", (7.5, 45), "batch_norm"), ("of all images", (0.8, 98), "none"),
    ):  # fmt: skip
        right.annotate(name, at, color=style.text_colour(family), size=9.5)
    right.set_xlim(0, 40)
    right.set_ylim(0, 108)
    head(right, "Test accuracy (%), batch norm", "band: smallest to largest of 5 runs", "step")
    return show(
        figure,
        alt=f"{'; '.join(said)}.",
        caption="Two images say little about a unit; and the running statistics that evaluation "
        "uses lag behind the network.",
        ran="Digits. Left: 64 random units, 2,000 batches of each size. Right: four hidden layers "
        "of 64, SGD with momentum, batches of 64.",
        name="batches",
    )


def tied() -> Shown:
    """What moves when one value moves: the derivative of all outputs by one pre-activation."""
    figure, panels = canvas(columns=2, height=3.0)
    said = []
    for axes, kind in zip(panels, ("batch", "layer"), strict=True):
        slopes = normalization.ties(kind).numpy()
        reach = np.abs(slopes).max()
        for (row, column), slope in np.ndenumerate(slopes):
            share = float(abs(slope) / reach)
            axes.add_patch(_square(column, row, style.RULE))
            patch = _square(column, row, style.colour(FAMILY[kind]))
            patch.set_alpha(share)
            axes.add_patch(patch)
        axes.set_xlim(-0.1, slopes.shape[1] + 0.1)
        axes.set_ylim(slopes.shape[0] + 0.1, -0.1)
        axes.set_xticks([])
        axes.set_yticks([])
        axes.grid(False)
        for side in axes.spines.values():
            side.set_visible(False)
        axes.set_ylabel("images")
        head(axes, normalization.KINDS[kind].capitalize(), "", "units")
        moved = (np.abs(slopes) > 1e-12).sum()
        said.append(f"{normalization.KINDS[kind]}: {moved} of {slopes.size} outputs move")
    return show(
        figure,
        alt=f"{'; '.join(said)}.",
        caption="The value at the top left moves a little. Batch norm passes it on to the other "
        "images, layer norm to the other units.",
        ran="Derivative of the normalized outputs of 8 units on 6 images; the deeper, the larger.",
        name="tied",
    )


def shifts() -> Shown:
    """What the layers below do to a layer in one step, in two readings."""
    figure, (left, right) = canvas(columns=2, height=3.7)
    shown = (
        ("none", RATE, "none", "-"), ("layer", RATE, "layer norm", "-"),
        ("batch", RATE, "batch norm", "-"), ("batch", LARGE, "batch norm, rate 0.5", "--"),
    )  # fmt: skip
    said = []
    for axes, what in ((left, "gradient"), (right, "input")):
        ends = []
        for kind, rate, label, dash in shown:
            found = normalization.shifts(kind, rate)[what]
            layers = np.arange(2, 2 + found.shape[1])
            axes.plot(layers, found.mean(0), "o", ls=dash, lw=1.6, ms=4,
                      color=style.colour(FAMILY[kind]))  # fmt: skip
            ends.append((found.mean(0)[-1], label, style.text_colour(FAMILY[kind])))
            said.append(f"{what}, {label}: {', '.join(f'{v:.2g}' for v in found.mean(0))}")
        axes.set_xlim(1.8, 5.2)
        axes.set_xticks((2, 3, 4, 5))
        if what == "gradient":
            axes.set_ylim(0, 1.1)
        else:
            axes.set_ylim(1e-3, 1)
            log_axis(axes.yaxis)
        name_lines(axes, ends)
    head(left, "Change of the layer's gradient", "relative to the gradient", "layer")
    head(right, "Shift of the layer's inputs", "in standard deviations, a step", "layer")
    return show(
        figure,
        alt=f"By layer, from the second to the fifth. {'; '.join(said)}.",
        caption="Batch norm all but stops the means of a layer's inputs. Its gradient still "
        "changes under it: less at an equal rate, as much at the rate that it allows.",
        ran="Digits, four hidden layers of 64, 4 runs of 60 steps of plain SGD; rate 0.1 where "
        "none is said.",
        name="shifts",
    )
