"""Chapter 5's explorables: a norm on its way to its equilibrium, and AdamW's decay in the source's
training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache

import numpy as np
import pandas as pd

from companion.chapters.batchnorm_norms import errata, parts
from companion.chapters.batchnorm_norms.experiments import adamw
from companion.display.explorables import Control, Curve, Explorable, Panel, Point
from companion.display.explorables.curves import bands, inside
from companion.evidence import records
from companion.evidence.records import Record
from companion.theory import norm_paths, norms

RECORD = "batchnorm-norms-cifar10-jpeg-book"
RATES = (0.02, 0.05, 0.2, 0.5, 1.0, 2.0)
MOMENTA = (0.0, 0.9)
NORM_LIMITS, TURN_LIMITS = (0.3, 10.0), (1e-4, 0.3)


@dataclass(frozen=True)
class Hold:
    """What holds a norm: decay and rescale period, its colour, the arm whose early gradients stand
    for it, and the arms that were recorded, by learning rate and momentum."""

    weight_decay: float = 0.0
    tau: int = 0
    family: str = "none"
    arm: str = "none"
    recorded: Mapping[tuple[float, float], str] = field(default_factory=dict)


HOLDS = {
    "nothing": Hold(recorded={(0.2, 0.9): "none"}),
    "WD 5e-4": Hold(
        5e-4,
        family="wd",
        arm="wd-5e-4",
        recorded={(0.2, 0.9): "wd-5e-4", (2.0, 0.9): "wd-5e-4, rate x 10"},
    ),
    "WD 1e-3": Hold(
        1e-3,
        family="wd",
        arm="wd-1e-3, no momentum",
        recorded={(1.0, 0.0): "wd-1e-3, no momentum"},
    ),
    "WD 5e-3": Hold(5e-3, family="wd", arm="wd-5e-4"),
    "WRS every 20": Hold(tau=20, family="wrs", arm="wrs", recorded={(0.2, 0.9): "wrs"}),
    "WRS every 400": Hold(tau=400, family="wrs", arm="wrs"),
}


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
    paths = _paths(shown, layers, measured)
    constant = parts.constant_steps(shown)

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
            line = _flat(at, values, limits, "predicted")
            curves[panel] = [Curve("predicted", line.x, line.y, role="theory")]
            if arm:
                told = _measured_gradient(shown, arm, found)
                values = np.sqrt(told.norm_square) if panel == "norm" else told.angle
                line = _flat(at, values[at - 1], limits, "real gradients")
                curves[panel].append(Curve(line.label, line.x, line.y, role="reference"))
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
        f"{parts.EARLY} steps; faint: with that of each step. Rate 2 was recorded for the kernels "
        "alone.",
    )  # fmt: skip


def _paths(record: Record, layers: list[int], measured: dict) -> dict[tuple, norm_paths.Path]:
    """The predicted path of every setting, computed together."""
    steps, constant = _steps(record), parts.constant_steps(record)
    cells = [
        (hold, rate, momentum, layer)
        for hold in HOLDS
        for rate in RATES
        for momentum in MOMENTA
        for layer in layers
    ]
    arms = [HOLDS[hold].recorded.get((rate, m), HOLDS[hold].arm) for hold, rate, m, _ in cells]
    early = [
        measured[arm, layer]["unit_gradient_square"].loc[: parts.EARLY].mean()
        for arm, (*_, layer) in zip(arms, cells, strict=True)
    ]
    rates = np.repeat(np.array([[rate for _, rate, _, _ in cells]]), steps, axis=0)
    rates[constant:] *= 0.1
    path = norm_paths.path(
        steps,
        2.0,
        np.broadcast_to(early, rates.shape),
        rates,
        np.array([HOLDS[hold].weight_decay for hold, *_ in cells]),
        np.array([momentum for _, _, momentum, _ in cells]),
        np.array([HOLDS[hold].tau for hold, *_ in cells]),
    )
    return {
        cell: norm_paths.Path(path.norm_square[:, k], path.angle[:, k])
        for k, cell in enumerate(cells)
    }


def _steps(record: Record) -> int:
    return parts.epoch_steps(record) * record.provenance["epochs"]


def _measured_gradient(record: Record, arm: str, found: pd.DataFrame) -> norm_paths.Path:
    """The recursion of an arm's own settings, fed with the gradients as they were measured."""
    at = np.arange(1, _steps(record) + 1)
    gradient = np.interp(at, found.index, found["unit_gradient_square"])
    return parts.path(record.provenance["arms"][arm], gradient, parts.constant_steps(record))


def _flat(at: np.ndarray, values: np.ndarray, limits: tuple[float, float], label: str) -> Curve:
    frame = pd.DataFrame({"mean": values, "low": values, "high": values}, index=at)
    return inside(label, frame, limits, "none")


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


DECAYS = (5e-4, 5e-3, 0.05, 0.1, 0.5, 1.0)
FAN_INS = (27, 576, 4608)


@cache
def adamw_path(weight_decay: float, fan_in: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A norm in L's training with AdamW on CIFAR: epochs, the norm at the end of each, and the
    norm at which decay and steps would be equal at the learning rate of the moment (NaN without
    decay).

    For gradients that are independent from step to step and as large as they were:
    ``|w|^2 <- (1 - eta lambda)^2 |w|^2 + eta^2 fan_in`` a step, from Kaiming's ``|w|^2 = 2``.
    """
    plan = errata.adamw_plan()
    square, reached, wanted = 2.0, [np.sqrt(2.0)], []
    for rate in plan.rates:
        kept = (1 - rate * weight_decay) ** 2
        whole = kept**plan.epoch_steps
        square = whole * square + rate**2 * fan_in * (
            (1 - whole) / (1 - kept) if weight_decay else plan.epoch_steps
        )
        reached.append(np.sqrt(square))
        law = norms.AdamW(rate, weight_decay, fan_in) if weight_decay else None
        wanted.append(law.norm if law else np.nan)
    return np.arange(len(reached)), np.array(reached), np.array([wanted[0], *wanted])


def adamw_decay() -> Explorable:
    """A norm in L's training with AdamW, against the decay; controls decay, fan_in."""
    limits = (0.02, 50.0)

    def point(decay: float, fan: int) -> Point:
        epochs, reached, wanted = adamw_path(decay, fan)
        at = epochs[::5]
        free = _flat(at, adamw_path(0.0, fan)[1][::5], limits, "without decay")
        there = _flat(at, wanted[::5], limits, "where it would settle")
        shrunk = errata.adamw_decay(decay=decay)
        return Point(
            {
                "norm": [
                    Curve("without decay", free.x, free.y, role="reference"),
                    Curve("where it would settle", there.x, there.y, role="theory"),
                    _coloured(_flat(at, reached[::5], limits, f"decay {decay:g}")),
                ]
            },
            f"Decay {decay:g}, {fan:,} weights a unit: in the whole training decay alone takes "
            f"{_percent(shrunk)} of a weight. The norm ends at {reached[-1]:.2g}, without decay at "
            f"{adamw_path(0.0, fan)[1][-1]:.2g}.",
        )

    return Explorable.compute(
        "adamw-decay",
        "AdamW's decay over the paper's 200 epochs",
        [
            Control("decay", "Decay λ", DECAYS),
            Control("fan", "Weights a unit", FAN_INS, start=1, ordered=False),
        ],
        [Panel("norm", "epoch", "norm of a unit's weights", y_log=True, y_limits=limits)],
        point,
        note="Computed for the paper's training on CIFAR: 500 steps an epoch, learning rate 1e-3, "
        "a tenth of it after epochs 60, 120 and 160; gradients independent from step to step.",
    )


def _coloured(curve: Curve) -> Curve:
    return Curve(curve.label, curve.x, curve.y, family="wd")


def _percent(share: float) -> str:
    """A share in words.

    >>> _percent(0.0164), _percent(0.99999)
    ('1.6 %', 'more than 99.9 %')
    """
    return "more than 99.9 %" if share > 0.999 else f"{100 * share:.{1 if share < 0.1 else 0}f} %"


ADAMW_RECORD = "batchnorm-adamw-decay-digits-book"


def decay_and_rate(record: Record | None = None) -> Explorable:
    """The digits arm by arm: the norm of the first layer and the test accuracy; control arm.

    record: of `experiments.adamw.DIGITS`, the shipped one if none is given.
    """
    shown = record or records.recorded(ADAMW_RECORD)
    held = shown.provenance["arms"]
    arms = {arm.label: name for name, arm in adamw.DIGITS.arms.items() if name in held}
    first = shown.layers[shown.layers["layer"] == 1]
    norm = bands(first, "weight_norm")
    accuracy = bands(shown.epochs.assign(accuracy=100 * shown.epochs["test_accuracy"]), "accuracy")
    ends = parts.ends(shown).groupby("arm")
    everywhere = (0.0, np.inf)

    def point(arm: str) -> Point:
        name, family = arms[arm], adamw.DIGITS.arms[arms[arm]].family
        curves = {
            key: [inside(arm, table[name], everywhere, family)]
            + ([inside("none", table["none"], everywhere, "none", faint=True)]
               if name != "none" else [])
            for key, table in (("norm", norm), ("accuracy", accuracy))
        }  # fmt: skip
        found = ends.get_group(name)
        last = accuracy[name]["mean"].iloc[-1]
        return Point(
            curves,
            f"{arm}: a step turns a unit by {found['turn'].mean():.2g} rad at the end, and "
            f"{last:.1f} % of the test digits are right.",
        )

    return Explorable.compute(
        "decay-and-rate",
        "Decay and rescaling on the digits",
        [Control("arm", "Weights", tuple(arms), start=list(arms.values()).index("wd-5"),
                 ordered=False)],
        [
            Panel("norm", "epoch", "norm of a unit, layer 1", y_log=True, y_limits=(0.05, 3.0),
                  band="95 % interval"),
            Panel("accuracy", "epoch", "test accuracy (%)", y_limits=(70.0, 100.0),
                  band="95 % interval"),
        ],
        point,
        note=f"{shown.label()}. AdamW, one hidden layer with batch norm, three in ten training "
        "labels drawn at random.",
    )  # fmt: skip
