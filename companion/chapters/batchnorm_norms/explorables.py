"""Chapter 5's first explorable: a norm on its way to its equilibrium."""

from __future__ import annotations

import numpy as np
import pandas as pd

from companion.chapters.batchnorm_norms import holds, parts
from companion.chapters.batchnorm_norms.holds import HOLDS, MOMENTA, RATES
from companion.display.explorables import Control, Curve, Explorable, Panel, Point
from companion.display.explorables.curves import inside, line
from companion.evidence import records
from companion.evidence.records import Record
from companion.theory import norm_paths, norms

RECORD = "batchnorm-norms-cifar10-jpeg-book"
NORM_LIMITS, TURN_LIMITS = (0.6, 7.0), (3e-4, 0.2)


def norm_and_angle(record: Record | None = None) -> Explorable:
    """The norm of a layer's units and the angle of a step, predicted and where there is a record
    measured; controls hold, learning rate, momentum, layer.

    record: of `experiments.convnet.SGD`, the shipped one if none is given.
    """
    shown = record or records.recorded(RECORD)
    layers = sorted(int(layer) for layer in shown.steps["layer"].unique())
    measured = {
        (arm, layer): parts.series(shown, arm, layer)
        for hold in HOLDS.values()
        for arm in (hold.arm, *hold.recorded.values())
        for layer in layers
    }
    paths = holds.predicted(shown, layers, measured)
    constant = parts.constant_steps(shown)
    recorded = {arm: hold.family for hold in HOLDS.values() for arm in hold.recorded.values()}

    def others(panel: str, layer: int, mine: str | None) -> list[Curve]:
        """The measured means of the other trainings, thin."""
        limits = NORM_LIMITS if panel == "norm" else TURN_LIMITS
        return [
            line("", found.index.to_numpy()[::4], found[panel].to_numpy()[::4], limits, family,
                 "context")
            for arm, family in recorded.items()
            if arm != mine
            for found in [measured[arm, layer]]
        ]  # fmt: skip

    def point(hold: str, rate: float, momentum: float, layer: int) -> Point:
        kind, path = HOLDS[hold], paths[hold, rate, momentum, layer]
        arm = kind.recorded.get((rate, momentum))
        found = measured[arm or kind.arm, layer]
        # Every 132 steps, which no rescale period divides; 33 where the norm jumps in between.
        at = found.index.to_numpy()[:: 1 if kind.tau > 132 else 4]
        curves = {}
        for panel, values, limits in (
            ("norm", np.sqrt(path.norm_square[at - 1]), NORM_LIMITS),
            ("turn", path.angle[at - 1], TURN_LIMITS),
        ):
            curves[panel] = [*others(panel, layer, arm)]
            curves[panel].append(line("predicted", at, values, limits, role="theory"))
            if arm:
                told = holds.with_gradients(shown, arm, found)
                values = np.sqrt(told.norm_square) if panel == "norm" else told.angle
                curves[panel].append(
                    line("real gradients", at, values[at - 1], limits, role="reference")
                )
                band = found.loc[at, [panel, f"{panel}_low", f"{panel}_high"]]
                band.columns = ["mean", "low", "high"]
                curves[panel].append(inside("measured", band, limits, kind.family))
        return Point(
            curves, _sentence(hold, rate, momentum, layer, path, found if arm else None, constant)
        )

    return Explorable.compute(
        "norm-and-angle",
        "A norm that the output ignores, and the turn of a step",
        [
            Control("hold", "What holds the norm", tuple(HOLDS), start=1, ordered=False),
            Control("rate", "Learning rate", RATES, start=RATES.index(0.2)),
            Control("momentum", "Momentum", MOMENTA, start=1),
            Control("layer", "Layer", layers),
        ],
        [
            Panel("norm", "step", "norm of a unit's weights", y_log=True, y_limits=NORM_LIMITS,
                  band="smallest to largest run"),
            Panel("turn", "step", "turn of a step (radians)", y_log=True, y_limits=TURN_LIMITS,
                  band="smallest to largest run"),
        ],
        point,
        note=f"{shown.label()}. After step {constant:,} the learning rate is a tenth. Dashed: the "
        "recursion, from |w|² = 2, with the gradient at unit norm of the first "
        f"{parts.EARLY} steps; grey: with that of each step; "
        "thin: the other trainings that were recorded. Rate 2 was recorded for the kernels "
        "alone.",
    )  # fmt: skip


def _sentence(
    hold: str,
    rate: float,
    momentum: float,
    layer: int,
    path: norm_paths.Path,
    found: pd.DataFrame | None,
    constant: int,
) -> str:
    kind = HOLDS[hold]
    norm, turn = np.sqrt(path.norm_square[constant]), path.angle[constant - 1]
    said = (
        f"Layer {layer}, {hold}, learning rate {rate:g}, momentum {momentum:g}. After step "
        f"{constant:,}: predicted norm {norm:.2f}, turn {turn:.2g} rad"
    )
    if found is not None:
        there = found.loc[:constant].iloc[-5:].mean()
        said += f"; measured {there['norm']:.2f} and {there['turn']:.2g}"
    if kind.weight_decay:
        settled = norms.equilibrium_angle(rate, kind.weight_decay, momentum)
        wait = norms.relaxation_steps(rate, kind.weight_decay, momentum)
        said += f". At equilibrium the turn is {settled:.2g} rad, reached within some "
        said += f"{3 * wait:,.0f} steps"
    return f"{said}."
