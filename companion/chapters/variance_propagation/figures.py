"""Chapter 2's figures, each with alt text and a caption."""

from __future__ import annotations

import numpy as np
from scipy import stats

from companion.chapters.variance_propagation import experiments, parts, random_networks
from companion.display import figures, style
from companion.display.figures import canvas, log_axis, name_lines, show
from companion.display.intervals import intervals
from companion.display.labels import head
from companion.display.svg import Shown
from companion.evidence.records import Record
from companion.evidence.summaries import Summary, summary
from companion.theory import finite_width

NAMES = {
    "linear": "linear", "relu": "ReLU", "leaky_relu": "leaky ReLU", "tanh": "tanh",
    "gelu": "GELU", "silu": "SiLU", "selu": "SELU",
}  # fmt: skip
WIDTHS = (32, 64, 128, 256)
LAYERS, DRAWS = 8, 400
FAMILY = {
    "plain": "none", "residual": "wd", "scaled": "wr", "layer norm": "wrs",
    "batch norm": "batch_norm", "weight norm": "weight_norm", "dropout": "compander",
}  # fmt: skip
"""A kind of block, and whose colour it has."""


def drawn_and_measured() -> Shown:
    """The size of a signal and of a gradient after ten layers: by theory and in random networks."""
    figure, panels = canvas(columns=2, height=3.4)
    kinds, said = random_networks.KINDS, []
    for side, (axes, title) in enumerate(zip(panels, ("Signal", "Gradient"), strict=True)):
        for place, kind in enumerate(kinds):
            found = summary(random_networks.activation_sizes(kind)[side])
            expected = random_networks.expected_sizes(kind)[side]
            intervals(axes, [place], [found], "wr", rows=True)
            axes.plot(expected, place, "|", color=style.INK, ms=15, mew=1.6)
            said.append(f"{title.lower()}, {NAMES[kind]}: {found.mean:.2g}, theory {expected:.2g}")
        axes.set_xlim(0.5, 50)
        log_axis(axes.xaxis)
        axes.set_yticks(range(len(kinds)), [NAMES[kind] for kind in kinds])
        axes.set_ylim(len(kinds) - 0.5, -0.5)
        where = "last pre-activations" if title == "Signal" else "first layer"
        head(axes, f"{title}: mean square", f"{where}; bar: theory", "1 where it enters")
    return show(
        figure,
        alt=f"Mean squares after {random_networks.LAYERS} layers. {'; '.join(said)}.",
        caption="A formula for infinitely wide layers says what ten layers of 256 units do, for "
        "the signal and for its gradient.",
        ran=f"{random_networks.NETWORKS} untrained networks each, every layer at its activation's "
        "own gain; dot and line: mean and 95 % interval.",
        name="drawn-and-measured",
    )


def finite_widths() -> Shown:
    """How far single networks stray: their spread at two widths, and how it falls with width."""
    figure, (left, right) = canvas(columns=2, height=3.4)
    edges = np.linspace(-5, 4, 46)
    for width, family in ((32, "wd"), (256, "wr")):
        lengths = random_networks.log_lengths("relu", width, LAYERS, DRAWS)
        density = np.histogram(lengths, edges, density=True)[0]
        left.stairs(density, edges, fill=True, alpha=0.4, color=style.colour(family))
        top = edges[:-1][density.argmax()], density.max()
        left.annotate(f"{width} units", top, xytext=(10, 2), textcoords="offset points",
                      color=style.text_colour(family))  # fmt: skip
    left.set_yticks([])
    left.grid(False)
    left.axvline(0, color=style.INK, lw=1.1, dashes=(4, 3))
    head(left, "Size of the signal in single networks", f"{LAYERS} ReLU layers; dashed: the mean",
         "log of the mean square")  # fmt: skip
    ends, said = [], []
    for kind, family in (("relu", "wr"), ("linear", "wd")):
        lengths = {n: random_networks.log_lengths(kind, n, LAYERS, DRAWS) for n in WIDTHS}
        found = [variance_interval(v * np.sqrt(width / LAYERS)) for width, v in lengths.items()]
        intervals(right, WIDTHS, found, family)
        said += [
            f"{NAMES[kind]}, {width} units: {one.mean:.1f} ({one.low:.1f} to {one.high:.1f})"
            for width, one in zip(WIDTHS, found, strict=True)
        ]
        grid = np.unique(np.geomspace(24, 340, 40).round().astype(int))
        exact = [n * finite_width.log_moments(kind, int(n))[1] for n in grid]
        right.plot(grid, exact, color=style.INK, lw=1.1, dashes=(4, 3))
        ends.append((exact[-1], f"{NAMES[kind]}, exact", style.text_colour(family)))
    right.set_xlim(24, 340)
    right.set_xscale("log", base=2)
    right.set_xticks(WIDTHS, [str(width) for width in WIDTHS])
    right.minorticks_off()
    right.set_ylim(0, 8)
    head(right, "Width × variance of the log, per layer", "line: 95 % interval", "units a layer")
    name_lines(right, ends)
    return show(
        figure,
        alt=f"Width times variance of the log size per layer. {'; '.join(said)}.",
        caption="A single network strays from the mean: over L layers of n units the variance of "
        "its log size is about 5 L/n with ReLU, 2 L/n without.",
        ran=f"{DRAWS} untrained networks each, {LAYERS} layers at gain √2 (ReLU) or 1 (linear).",
        name="finite-width",
    )


def variance_interval(values: np.ndarray) -> Summary:
    """A variance as a summary whose mean it is, with the 95 % interval of normal numbers."""
    freedom, estimate = len(values) - 1, float(values.var(ddof=1))
    low, high = (freedom * estimate / stats.chi2.ppf(p, freedom) for p in (0.975, 0.025))
    return Summary(estimate, float("nan"), len(values), low, high)


def architectures() -> Shown:
    """The signal through twenty blocks of seven kinds, and what a block multiplies its gradient by;
    measured and by theory."""
    figure, (left, right) = canvas(columns=2, height=3.4)
    ends, said = [], []
    blocks = np.arange(random_networks.BLOCKS + 1)
    for place, (name, label) in enumerate(random_networks.ARCHITECTURES.items()):
        colour, factor = style.colour(FAMILY[name]), random_networks.architecture_factor(name)
        sizes = np.exp(np.log(random_networks.architecture_sizes(name)).mean(axis=0))
        left.plot(blocks, factor**blocks, color=style.INK, lw=1, dashes=(4, 3), alpha=0.7)
        left.plot(blocks, sizes, color=colour, lw=2)
        ends.append((sizes[-1], label, style.text_colour(FAMILY[name])))
        gradient = random_networks.gradient_factor(name).mean()
        right.plot(factor, place, "|", color=style.INK, ms=15, mew=1.6)
        right.plot(gradient, place, "o", color=colour, ms=5)
        said.append(f"{label}: {sizes[-1]:.2g}, gradient {gradient:.2f} a block")
    left.set_xlim(0, random_networks.BLOCKS)
    left.set_xticks(blocks[::5])
    left.set_ylim(1e-7, 1e7)
    log_axis(left.yaxis)
    head(left, "Mean square of the signal", "dashed: theory", "block")
    labels = list(random_networks.ARCHITECTURES.values())
    right.set_yticks(range(len(labels)), labels)
    right.set_ylim(len(labels) - 0.5, -0.5)
    right.set_xlim(0.3, 2.3)
    head(right, "Gradient: factor a block", "bar: the signal's factor, by theory", "mean square")
    name_lines(left, ends)
    return show(
        figure,
        alt=f"After {random_networks.BLOCKS} blocks, 1 at the input. {'; '.join(said)}.",
        caption="What stands around the weights multiplies the signal too, and the gradient by as "
        "much; behind batch norm by more.",
        ran=f"8 untrained ReLU networks each, 4 for the gradient, {random_networks.WIDTH} units, "
        "gain √2; geometric means.",
        name="architectures",
    )


def in_training(record: Record) -> Shown:
    """Pre-activation variance per layer and epoch, never rescaled and rescaled (N, figure 7)."""
    figure, panels = canvas(columns=2, height=3.2, sharey=True)
    arms = experiments.in_training.CIFAR.arms
    shown = {"none": arms["none"], "wr": arms["wr every epoch"]}
    rows = record.layers[record.layers["arm"].isin(shown)]
    for axes in panels:
        axes.set_ylim(1, 100)
    for axes, name in zip(panels, shown, strict=True):
        figures.preactivation_variance(rows, axes, shown, name)
        axes.tick_params(labelleft=True)
    last = rows[rows["epoch"] == rows["epoch"].max()]
    ends = last.groupby(["arm", "layer"])["preactivation_variance"].mean()
    said = [f"{shown[arm].label}, layer {layer}: {value:.3g}" for (arm, layer), value in
            ends.items()]  # fmt: skip
    return show(
        figure,
        alt=f"Variance at the end. {'; '.join(said)}.",
        caption="Training makes the signal larger in every layer; weights that are put back "
        "once an epoch level it off, well above its start (the paper's figure 7).",
        ran=f"{record.label()}.",
        name="in-training",
    )


def correlated_shares(digits: Record, cifar: Record) -> Shown:
    """The share of each layer's variance that no size of weights explains, by arm, in records of
    `in_training.DIGITS` and `in_training.CIFAR`."""
    figure, panels = canvas(columns=2, height=3.2)
    held, said = {"digits": "wr every step", "cifar": "wr every 10 steps"}, []
    for axes, (images, record, experiment) in zip(
        panels,
        (
            ("digits", digits, experiments.in_training.DIGITS),
            ("cifar", cifar, experiments.in_training.CIFAR),
        ),
        strict=True,
    ):
        layers, ends = sorted(record.layers["layer"].unique()), []
        for name in ("none", held[images], "wd-1e-2"):
            arm = experiment.arms[name]
            share = [100 * parts.correlated_share(record, name, layer) for layer in layers]
            look = {"color": style.colour(arm.family), "ls": style.linestyle(arm.dash)}
            axes.plot(layers, share, marker="o", lw=1.6, **look)
            ends.append((share[-1], arm.label, style.text_colour(arm.family)))
            said.append(f"{images}, {arm.label}: {', '.join(f'{value:.0f}' for value in share)} %")
        axes.set_ylim(-20, 100)
        axes.set_xlim(0.8, layers[-1] + 0.2)
        axes.set_xticks(layers)
        title = "Digits" if images == "digits" else "CIFAR-10"
        head(axes, f"{title}: correlation's share (%)", "of a layer's variance", "layer")
        name_lines(axes, ends)
    return show(
        figure,
        alt=f"Shares by layer. {'; '.join(said)}.",
        caption="The smaller the weights are held, the more of the signal comes from what they "
        "have learned.",
        ran=f"{digits.label()}; {cifar.label()}. After the last epoch.",
        name="correlated-shares",
    )
