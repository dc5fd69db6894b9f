"""Chapter 5's records as norms and angles, beside what the closed forms make of their gradients."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from companion.evidence.records import Record
from companion.theory import norm_paths, norms

EARLY = 300
"""Steps over whose gradients a prediction takes its own."""
COLUMNS = (
    "norm_square", "gradient_square", "unit_gradient_square", "step_square", "angle",
)  # fmt: skip


def epoch_steps(record: Record) -> int:
    """Optimizer steps of an epoch."""
    settings = next(iter(record.provenance["arms"].values()))
    return -(-record.provenance["split"]["train"] // settings["batch_size"])


def constant_steps(record: Record) -> int:
    """Steps before the learning rate first falls; all, where it is constant."""
    settings = next(iter(record.provenance["arms"].values()))
    epochs = settings["milestones"] or [record.provenance["epochs"]]
    return epoch_steps(record) * epochs[0]


def kernel_rate(settings: Mapping[str, Any]) -> float:
    """The first learning rate of the kernels, from an arm's settings in a record."""
    return settings["learning_rate"] * dict(settings["rate_factors"]).get("weight", 1.0)


def path(
    settings: Mapping[str, Any], unit_gradient_square: np.ndarray, constant: int
) -> norm_paths.Path:
    """The path of a kernel's norm under an arm's settings and the gradients at each step, [steps],
    from Kaiming's ``|w|^2 = 2``; after `constant` steps the learning rate is times ``drop``."""
    steps = len(unit_gradient_square)
    rates = np.full(steps, kernel_rate(settings))
    rates[constant:] *= settings["drop"]
    return norm_paths.path(
        steps,
        2.0,
        unit_gradient_square,
        rates,
        settings["weight_decay"] if "hidden" in settings["decayed"] else 0.0,
        settings["momentum"],
        settings["tau"] if settings["rescale"] == "wrs" else 0,
    )


def steps(record: Record) -> pd.DataFrame:
    """The record's steps, and with each the ``turn``, radians: the root of the mean squared length
    of a layer's steps over its mean squared norm.

    It is squares that balance at an equilibrium, so that this is the angle of the closed forms. The
    mean ``angle`` over units is less where some units hardly turn. NaN where a rescaling is part of
    the step, for its own length is no turn.
    """
    rows = record.steps
    periods = {
        arm: settings["tau"] if settings["rescale"] == "wrs" else 0
        for arm, settings in record.provenance["arms"].items()
    }
    tau = rows["arm"].map(periods)
    rescaled = (tau > 0) & (rows["step"] % tau.clip(lower=1) == 0)
    turn = np.sqrt(rows["step_square"] / rows["norm_square"])
    return rows.assign(norm=np.sqrt(rows["norm_square"]), turn=turn.where(~rescaled))


def series(record: Record, arm: str, layer: int) -> pd.DataFrame:
    """Norms, gradients and turns of an arm's layer: rows are steps, columns those of `COLUMNS`
    averaged over the runs, ``norm`` (root of norm_square), ``turn`` (of `steps`), and
    ``norm_low``, ``norm_high``, ``turn_low``, ``turn_high``, the smallest and the largest run."""
    rows = steps(record)
    groups = rows[(rows["arm"] == arm) & (rows["layer"] == layer)].groupby("step")
    found = groups[[*COLUMNS, "turn"]].mean()
    found["norm"] = np.sqrt(found["norm_square"])
    for name in ("norm", "turn"):
        found[f"{name}_low"], found[f"{name}_high"] = groups[name].min(), groups[name].max()
    return found


def settled(record: Record, arm: str, layer: int) -> pd.Series:
    """Means over the last quarter of the steps at the first learning rate."""
    end = constant_steps(record)
    return series(record, arm, layer).loc[int(0.75 * end) + 1 : end].mean()


def behind(record: Record, arm: str, layer: int) -> pd.DataFrame:
    """A decayed arm's layer and the level that its norm is on the way to: index step, columns norm
    and level, each the mean of up to nine measurements at one learning rate.

    The level is the norm at which the steps of the moment, which shrink as ``1 / |w|``, would add
    what decay takes: ``|w|^4 = eta (1 + alpha) |w|^2 |v|^2 / (2 lambda)`` with the velocity's
    length from the step's. It is `norms.equilibrium` with the units and the memory of `gap` in it.
    """
    settings, drop = record.provenance["arms"][arm], constant_steps(record)
    found = series(record, arm, layer)
    late = found.index > drop
    rate = np.where(late, settings["drop"], 1.0) * kernel_rate(settings)
    velocity = found["step_square"] / rate**2
    growth = rate * (1 + settings["momentum"]) / (2 * settings["weight_decay"])
    found["fourth"] = growth * found["norm_square"] * velocity
    means = found[["norm", "fourth"]].groupby(late, group_keys=False)
    smooth = means.apply(lambda rows: rows.rolling(9, center=True, min_periods=1).mean())
    return pd.DataFrame({"norm": smooth["norm"], "level": smooth["fourth"] ** 0.25})


@dataclass(frozen=True)
class Gap:
    """The norm at which a layer settles and what leads there from a prediction that knows the
    gradient's size alone.

    measured, predicted: rms norms; units: the prediction's factor because units differ in their
    gradients; memory: that because gradients of neighbouring steps are not independent (both to be
    multiplied with the norm); turn, predicted_turn: radians a step; drift: by what factor the
    squared gradient at unit norm grew from the first 300 steps to the last quarter.
    """

    measured: float
    predicted: float
    units: float
    memory: float
    turn: float
    predicted_turn: float
    drift: float

    @property
    def explained(self) -> float:
        """The prediction times both factors."""
        return self.predicted * self.units * self.memory


def gap(record: Record, arm: str, layer: int) -> Gap:
    """A decayed arm's layer at the end of its first learning rate (`Gap`).

    ``|g|^2`` averaged over units is less than ``|g~|^2 / |w|^2`` of the averages, since a unit with
    a small gradient has a small norm: the ratio to the power of -1/4 is ``units``. The velocity's
    length is known from the steps', so ``F = |v|^2 (1 - alpha^2) / |g|^2`` is measured; ``memory``
    is its fourth root. Each acts on ``|w|^4``.
    """
    settings = record.provenance["arms"][arm]
    rate, decay, alpha = kernel_rate(settings), settings["weight_decay"], settings["momentum"]
    found = settled(record, arm, layer)
    alike = found["unit_gradient_square"] / found["norm_square"] / found["gradient_square"]
    velocity = found["step_square"] / rate**2
    factor = velocity * (1 - alpha**2) / found["gradient_square"]
    early = series(record, arm, layer)["unit_gradient_square"].loc[:EARLY].mean()
    return Gap(
        measured=float(np.sqrt(found["norm_square"])),
        predicted=float(norms.equilibrium(rate, decay, found["unit_gradient_square"], alpha)),
        units=float(alike**-0.25),
        memory=float(factor**0.25),
        turn=float(np.sqrt(found["step_square"] / found["norm_square"])),
        predicted_turn=norms.equilibrium_angle(rate, decay, alpha),
        drift=float(found["unit_gradient_square"] / early),
    )


def ends(record: Record) -> pd.DataFrame:
    """Each run's final test accuracy, and where its steps are kept the turn of a step and the norm
    of the first layer over the last quarter of the steps at the first learning rate: columns arm,
    run, accuracy, turn, lasting (`norms.lasting_turn`), norm."""
    final = record.epochs[record.epochs["epoch"] == record.provenance["epochs"]]
    found = final.set_index(["arm", "run"])[["test_accuracy"]]
    found = found.rename(columns={"test_accuracy": "accuracy"})
    rows, end = steps(record), constant_steps(record)
    late = rows[(rows["layer"] == 1) & (rows["step"] > 0.75 * end) & (rows["step"] <= end)]
    groups = late.groupby(["arm", "run"])
    found["turn"] = groups["turn"].mean()
    found["norm"] = np.sqrt(groups["norm_square"].mean())
    found = found.reset_index()
    memory = {arm: _memory(settings) for arm, settings in record.provenance["arms"].items()}
    lasting = [norms.lasting_turn(one.turn, memory[one.arm]) for one in found.itertuples()]
    return found.assign(lasting=np.array(lasting))


def _memory(settings: Mapping[str, Any]) -> float:
    """The share of its step that an arm's optimizer keeps for the next one."""
    adaptive = settings["optimizer"].startswith("adam")
    return settings["betas"][0] if adaptive else settings["momentum"]
