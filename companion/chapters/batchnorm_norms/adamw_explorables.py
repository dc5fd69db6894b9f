"""Chapter 5's explorables of AdamW: its decay in the paper's training, and the digits."""

from __future__ import annotations

from functools import cache

import numpy as np

from companion.chapters.batchnorm_norms import errata, parts
from companion.chapters.batchnorm_norms.experiments import adamw
from companion.display.explorables import Control, Explorable, Panel, Point
from companion.display.explorables.curves import bands, inside, line
from companion.evidence import records
from companion.evidence.records import Record
from companion.theory import norms

RECORD = "batchnorm-adamw-decay-digits-book"
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
        free = adamw_path(0.0, fan)[1]
        shrunk = errata.adamw_decay(decay=decay)
        return Point(
            {
                "norm": [
                    line("without decay", at, free[::5], limits, role="reference"),
                    line("where it would settle", at, wanted[::5], limits, role="theory"),
                    line(f"decay {decay:g}", at, reached[::5], limits, "wd"),
                ]
            },
            f"Decay {decay:g}, {fan:,} weights a unit: in the whole training decay alone takes "
            f"{_percent(shrunk)} of a weight. The norm ends at {reached[-1]:.2g}, without decay at "
            f"{free[-1]:.2g}.",
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


def _percent(share: float) -> str:
    """A share in words.

    >>> _percent(0.0164), _percent(0.99999)
    ('1.6 %', 'more than 99.9 %')
    """
    return "more than 99.9 %" if share > 0.999 else f"{100 * share:.{1 if share < 0.1 else 0}f} %"


def decay_and_rate(record: Record | None = None) -> Explorable:
    """The digits arm by arm: the norm of the first layer and the test accuracy; control arm.

    record: of `experiments.adamw.DIGITS`, the shipped one if none is given.
    """
    shown = record or records.recorded(RECORD)
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
