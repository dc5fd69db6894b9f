"""Chapter 1's figures and tables, each with alt text and a caption."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from pandas.io.formats.style import Styler

from companion.chapters.initialization import maps, ties, widths
from companion.chapters.initialization.experiments import depth_gain, schemes
from companion.display import style
from companion.display.figures import canvas, log_axis, name_lines, show
from companion.display.forest import forest
from companion.display.labels import head
from companion.display.svg import Shown
from companion.evidence.records import Record
from companion.theory import gains, scale

NAMES = {"relu": "ReLU", "tanh": "tanh"}
SCHEME_NAMES = {
    "kaiming": "Kaiming, forward",
    "kaiming_out": "Kaiming, backward",
    "xavier": "Xavier",
    "lecun": "LeCun, gain 1",
    "constant": "constant",
}
LOOKS = {"kaiming": ("wr", "-"), "kaiming_out": ("wd", "--"), "xavier": ("wrs", ":")}


def symmetry(steps: int = 300) -> Shown:
    """How far the units of a layer differ, by step: from equal weights and from random ones."""
    figure, axes = canvas(width=4.5, height=3.0, text=1.3)
    ends, apart = [], {}
    for name, precision, scheme, family in (
        ("random", "float32", "kaiming", "none"),
        ("float32", "float32", "constant", "wd"),
        ("float64", "float64", "constant", "wr"),
    ):
        apart[name] = ties.largest_difference(precision, steps, scheme)
        shown = np.where(apart[name] > 0, apart[name], np.nan)
        axes.plot(range(steps + 1), shown, color=style.colour(family))
        ends.append((shown[-1], name, style.text_colour(family)))
    axes.set_ylim(1e-18, 1e2)
    log_axis(axes.yaxis)
    note = "colours: equal at the start; a gap is exactly 0"
    head(axes, "Largest difference of two units", note, "step")
    axes.set_xlim(0, steps)
    name_lines(axes, ends)
    last = {name: values[-1] for name, values in apart.items()}
    return show(
        figure,
        alt=f"After {steps} steps two units differ by at most {last['float32']:.1g} "
        f"(float32) and {last['float64']:.1g} (float64) if they started equal, by "
        f"{last['random']:.2g} if they started at random.",
        caption="Units that start equal stay equal, but for rounding.",
        ran=f"ReLU network 64-33-33-10 on the digits, every weight 0.05 at the start, {steps} "
        "steps of SGD.",
        name="symmetry",
    )


def border(record: Record) -> Shown:
    """The cells of a map that learned and those that did not, beside the predicted border; and
    accuracy against depth in depth scales. record: of `depth_gain.TANH`."""
    figure, (left, right) = canvas(columns=2, height=3.9)
    cells, kind = maps.depth_gain_cells(record), maps.activation(record)
    learned = cells["accuracy"] > maps.LEARNED
    dot = {"s": 34, "linewidths": 1.3, "zorder": 3}
    blue, orange = style.colour("wr"), style.colour("wd")
    left.scatter(*cells[learned][["gain", "depth"]].T.to_numpy(), color=blue, **dot)
    left.scatter(
        *cells[~learned][["gain", "depth"]].T.to_numpy(),
        facecolors="none",
        edgecolors=orange,
        **dot,
    )
    lines = np.concatenate([np.linspace(0.45, 0.985, 60), np.linspace(1.03, 3.1, 60)])
    depth = [maps.BORDER / abs(math.log(maps.chi_1(kind, gain))) for gain in lines]
    depth = np.where((lines > 0.99) & (lines < 1.02), np.nan, depth)
    left.plot(lines, depth, color=style.INK, lw=1.1, dashes=(4, 3))
    left.set_ylim(1.6, 130)
    left.set_xlim(0.4, 3.15)
    left.set_yscale("log", base=2)
    left.set_yticks(depth_gain.DEPTHS, [f"{depth}" for depth in depth_gain.DEPTHS])
    left.minorticks_off()
    head(left, "Layers, by gain", "filled: learned; dashed: the border", "gain")
    right.scatter(cells["scales"].clip(lower=0.05), 100 * cells["accuracy"], color=blue, **dot)
    right.axvline(maps.BORDER, color=style.INK, lw=1.1, dashes=(4, 3))
    right.set_xlim(0.03, 200)
    log_axis(right.xaxis)
    right.set_ylim(0, 102)
    head(right, "Test accuracy (%)", "a dot a cell; dashed: the border", "depth in depth scales")
    return show(
        figure,
        alt=f"Of {len(cells)} cells {int(learned.sum())} learned; a border at "
        f"{maps.BORDER:g} depth scales is right in {100 * maps.agreement(cells):.0f} % of them, "
        f"and Spearman's correlation of accuracy and depth scales is "
        f"{maps.rank_correlation(cells):.2f}.",
        caption="Theory of infinitely wide networks at initialization says which networks of "
        "width 64 can be trained.",
        ran=f"{record.label()}. Each cell at its best learning rate.",
        name="border",
    )


def two_maps(tanh: Record, relu: Record) -> Shown:
    """Test accuracy by gain of networks of four depths, tanh beside ReLU, a line a depth."""
    figure, panels = canvas(columns=2, height=3.7, sharey=True)
    said = []
    for axes, record in zip(panels, (tanh, relu), strict=True):
        kind, cells = maps.activation(record), maps.depth_gain_cells(record)
        ends = []
        for depth, dash in ((8, "-"), (16, "--"), (32, ":"), (64, "-.")):
            rows = cells[cells["depth"] == depth]
            axes.plot(rows["gain"], 100 * rows["accuracy"], dash, color=style.colour("wr"), lw=1.6)
            best = rows.loc[rows["accuracy"].idxmax()]
            ends.append((100 * rows["accuracy"].iloc[-1], f"{depth} layers"))
            said.append(f"{NAMES[kind]}, {depth} layers: {100 * best['accuracy']:.0f} % at "
                        f"{best['gain']:g}")  # fmt: skip
        axes.tick_params(labelleft=True)
        axes.set_ylim(0, 102)
        axes.set_xlim(0.4, 3.0)
        axes.axvline(1.0, color=style.INK, lw=1.0, dashes=(4, 3))
        unit = "gain" if kind == "tanh" else "gain / √2"
        head(axes, f"{NAMES[kind]}: test accuracy (%)", "dashed: the edge of chaos", unit)
        if cells["gain"].max() == axes.get_xlim()[1]:
            name_lines(axes, [(*end, style.text_colour("wr")) for end in ends])
        else:  # the lines end inside, three of them at one place
            (top, name), *rest = ends
            at = cells["gain"].max() + 0.06
            both = (
                (name, top),
                (", ".join(end[1].split()[0] for end in rest) + " layers", rest[0][0]),
            )
            for words, y in both:
                axes.annotate(words, (at, y), color=style.text_colour("wr"), size=9.5, va="center")
    return show(
        figure,
        alt=f"Best gains. {'; '.join(said)}.",
        caption="Tanh forgives a gain that is too large; ReLU forgives neither side.",
        ran=f"{tanh.label()}; {relu.label()}. Best of four learning rates.",
        name="two-activations",
    )


def through_depth() -> Shown:
    """The size of the signal and of its gradient through narrowing ReLU layers, by scheme, by
    theory."""
    figure, panels = canvas(columns=2, height=3.3)
    said = []
    for axes, direction in zip(panels, ("forward", "backward"), strict=True):
        ends = []
        for scheme, (family, dash) in LOOKS.items():
            values = widths.second_moments(schemes.SHAPES["narrowing"], scheme, direction)
            axes.plot(range(1, len(values) + 1), values, dash, color=style.colour(family))
            name = SCHEME_NAMES[scheme].replace("Kaiming, ", "")
            ends.append((values[-1], name, style.text_colour(family)))
            said.append(f"{direction}, {SCHEME_NAMES[scheme]} {values[-1]:.2g}")
        axes.set_ylim(0.1, 10)
        log_axis(axes.yaxis)
        title = "Signal" if direction == "forward" else "Gradient"
        from_where = "layer" if direction == "forward" else "layers from the top"
        head(axes, f"{title}: mean square", "1 where it starts", from_where)
        name_lines(axes, ends)
    return show(
        figure,
        alt=f"Mean squares at the other end, 1 where they start: {'; '.join(said)}.",
        caption="Where widths change, the signal and its gradient cannot both be kept; and each "
        "product telescopes.",
        ran="Theory, ReLU, 256 units narrowing to 43 in 15 layers.",
        name="through-depth",
    )


def scheme_results(record: Record) -> Shown:
    """Every run's test error by scheme, activation and shape, at the better learning rate."""
    figure, panels = canvas(columns=2, width=8.2, height=3.9, sharex=True)
    ends, said = maps.ends(record), []
    for axes, shape in zip(panels, schemes.SHAPES, strict=True):
        labels = []
        for place, (kind, scheme) in enumerate(
            (kind, scheme) for kind in schemes.ACTIVATIONS for scheme in schemes.SCHEMES
        ):
            runs = max(
                (ends[schemes.arm_name(kind, shape, scheme, rate)] for rate in schemes.RATES),
                key=lambda values: values.mean(),
            )
            shift = np.linspace(-0.22, 0.22, len(runs))
            axes.plot(100 - 100 * np.sort(runs), place + shift, ".", ms=6,
                      color=style.colour("wr" if kind == "relu" else "wrs"))  # fmt: skip
            labels.append(f"{NAMES[kind]}, {SCHEME_NAMES[scheme]}")
            said.append(f"{labels[-1]}, {shape}: {100 - 100 * runs.mean():.0f} %")
        axes.set_yticks(range(len(labels)), labels)  # on both: a phone stacks the panels
        axes.set_ylim(len(labels) - 0.5, -0.5)
        axes.set_xlim(1, 100)
        log_axis(axes.xaxis)
        head(axes, shape.capitalize(), "a dot a run", "test error (%), ← better")
    return show(
        figure,
        alt=f"Mean test errors. {'; '.join(said)}.",
        caption="Sixteen layers by scheme: which fan is counted matters little, the gain matters, "
        "and a constant never learns.",
        ran=f"{record.label()}. The better of two learning rates.",
        name="schemes",
    )


def shape_results(record: Record) -> Shown:
    """What uniform and truncated weights change beside normal ones. record: of `distributions`."""
    figure, axes = canvas(height=2.6)
    rows = maps.shape_differences(record)
    names = [f"{NAMES[row.activation]}, {row.shape}" for row in rows.itertuples()]
    shown = rows.assign(name=names, family="none")
    forest(shown, axes, "Beside normal weights", "points of test accuracy", better="higher")
    said = [
        f"{row.name} {row.estimate:+.2f} ({row.low:.2f} to {row.high:.2f})"
        for row in shown.itertuples()
    ]
    return show(
        figure,
        alt=f"Differences in points, with 95 % intervals. {'; '.join(said)}.",
        caption="The shape of the distribution makes no difference that thirty runs can see.",
        ran=f"{record.label()}. Sixteen layers of 64 units; an open dot: no difference by the test "
        "that Holm adjusts.",
        name="shapes",
    )


def gains_table() -> Styler:
    """Torch's gains beside those that keep a second moment of 1, by quadrature."""
    import torch

    kinds = ("linear", "relu", "leaky_relu", "tanh", "selu", "sigmoid", "gelu", "silu")
    rows = []
    for kind in kinds:
        try:
            theirs = f"{torch.nn.init.calculate_gain(kind):.4f}"
        except ValueError:
            theirs = "none"
        exact = gains.exact_gain(kind)
        same = theirs != "none" and abs(float(theirs) - exact) < 1e-3
        rows.append(
            {
                "activation": {
                    "leaky_relu": "leaky ReLU",
                    "selu": "SELU",
                    "gelu": "GELU",
                    "silu": "SiLU",
                }.get(kind, NAMES.get(kind, kind)),
                "torch": theirs,
                "exact": f"{exact:.4f}",
                "": "the same" if same else "asked for, not there" if theirs == "none" else "lore",
            }
        )
    return (
        pd.DataFrame(rows)
        .style.hide(axis="index")
        .set_caption(
            "torch.nn.init.calculate_gain beside the gain that keeps a second moment of 1, "
            "1 / √E[φ(z)²] for a standard normal z."
        )
    )


def default_std(fan_in: int) -> tuple[float, float]:
    """The standard deviation of torch's default weights, ``kaiming_uniform_(a=sqrt(5))``, and the
    one that keeps a ReLU's signal."""
    gain = math.sqrt(2 / (1 + 5))
    return scale.kaiming_std(fan_in, gain), scale.kaiming_std(fan_in, math.sqrt(2))
