"""How deep convolutional networks learn in an epoch (A, figure 3)."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd

from companion.chapters.weightnorm_initialization import figures, maps
from companion.chapters.weightnorm_initialization.experiments import networks
from companion.display import style
from companion.display.figures import canvas, name_lines, show
from companion.display.labels import head
from companion.display.svg import Shown
from companion.evidence.records import Record

FAMILIES = {**figures.COLOURS, "hanin": "wrs", "corrected": "wr"}


def best(record: Record, network: str) -> pd.DataFrame:
    """Start and depth -> accuracies after the epoch at the learning rate with the best validation
    accuracy, of a record of `networks`: columns start, depth, rate, train, test (of every run)."""
    columns = ("validation_accuracy", "train_accuracy", "test_accuracy")
    validation, train, test = (maps.ends(record, column) for column in columns)
    rows = []
    channels = networks.NARROW[network]
    for depth, start in itertools.product(networks.BOOK_DEPTHS[network], networks.STARTS[network]):
        arms = {
            networks.arm_name(network, depth, channels, start, rate): rate
            for rate in networks.RATES[network]
        }
        arm = max(arms, key=lambda one: validation[one].fillna(0.0).mean())
        rows.append((start, depth, arms[arm], train[arm].tolist(), test[arm].tolist()))
    return pd.DataFrame(rows, columns=["start", "depth", "rate", "train", "test"])


def network_depths(plain: Record, blocks: Record) -> Shown:
    """Accuracy after an epoch by depth, in plain and in residual convolutional networks, at each
    start's best rate (A, figure 3). Records of `networks.PLAIN` and `networks.RESIDUAL`."""
    figure, panels = canvas(columns=2, height=3.6, sharey=True)
    said = []
    for axes, record, network in zip(panels, (plain, blocks), networks.STARTS, strict=True):
        rows, ends = best(record, network), []
        for start in networks.STARTS[network]:
            mine = rows[rows["start"] == start]
            colour = style.colour(FAMILIES[start])
            test, train = (
                [100 * float(np.mean(runs)) for runs in mine[part]] for part in ("test", "train")
            )
            axes.plot(mine["depth"], test, "o-", ms=4, color=colour)
            axes.plot(mine["depth"], train, color=colour, lw=1.1, dashes=(4, 2))
            ends.append((test[-1], networks.NAMES[start], style.text_colour(FAMILIES[start])))
            values = ", ".join(f"{value:.0f}" for value in test)
            said.append(f"{networks.LABELS[network]}, {networks.NAMES[start]}: {values} % by depth")
        axes.axhline(10, color=style.INK, lw=1, dashes=(1, 2))
        axes.set_xscale("log")
        depths = networks.BOOK_DEPTHS[network]
        axes.set_xticks(depths, [str(layers) for layers in depths])
        axes.minorticks_off()
        axes.set_xlim(depths[0] / 1.15, depths[-1] * 1.15)
        axes.tick_params(labelleft=True)
        head(axes, f"Test accuracy (%), {networks.LABELS[network]}",
             "dashed: on training images", "layers")  # fmt: skip
        name_lines(axes, ends)
    panels[0].set_ylim(0, 50)
    return show(
        figure,
        alt=f"{'; '.join(said)}.",
        caption="Plain: at twenty layers lengths from data lead, and at forty the forward rule "
        "with counted fans alone learns. Residual: the forward rule does as well at forty layers "
        "as at ten (A's figure 3).",
        ran=f"{plain.label()}; {blocks.label()}. {networks.NARROW['cnn']} channels, and "
        f"{networks.NARROW['wrn']} to {4 * networks.NARROW['wrn']}; the learning rate that does "
        "best on validation images.",
        name="network-depths",
    )
