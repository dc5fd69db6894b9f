"""What an experiment declares: arms, scales, and from them the list of runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from companion import models
from companion.experiments.arm import Arm
from companion.measure import catalogue, declare
from companion.measure.declare import Measure
from companion.training.settings import Run, Settings

SEEDS_PER_ARM = 1000
"""Arm k's runs have seeds 1000 k, 1000 k + 1, ...: independent samples, as the tests assume,
unless an experiment is paired."""
MAX_EPOCHS = 32_767
"""The largest epoch a record's 16-bit column holds."""


@dataclass(frozen=True)
class Published:
    """Where a paper prints what an experiment repeats: its letter in `evidence.published`, the
    table of accuracies, and the table of tests between its arms, if there is one."""

    source: str
    table: str
    tests: str | None = None


@dataclass(frozen=True)
class Scale:
    """How large: runs per arm, epochs, the image sets meant for it, and what it is for.

    arms: those it trains, None for all. changes: settings that it replaces in every arm, such as
    narrower widths. detailed: the runs of an arm, the first ones, whose layers and histograms a
    record keeps, None for all: what each layer does a few runs tell, accuracies need many.
    validation: how many images are kept aside at this scale, None for as many as the experiment
    has it.
    """

    name: str
    runs: int
    epochs: int
    datasets: tuple[str, ...]
    note: str
    arms: tuple[str, ...] | None = None
    changes: Mapping[str, Any] = field(default_factory=dict)
    detailed: int | None = None
    validation: int | None = None

    def detailed_seeds(self, runs: Sequence[Run]) -> list[int] | None:
        """The seeds of the runs that are recorded in detail, None for all."""
        if self.detailed is None:
            return None
        kept = (run.seed for run in runs if run.seed % SEEDS_PER_ARM < self.detailed)
        return list(dict.fromkeys(kept))


@dataclass(frozen=True)
class Experiment:
    """A grid of arms on an image set.

    arms: name -> `Arm`, or its settings where nothing else is to be said; first and last widths
    are set to the image set's. published: where the source prints what the arms answer to, if it
    does. baselines: the experiment that trains the baselines of the arms, where this one does not.
    measures: what is measured, and when; a large grid leaves the histograms out, which would fill
    the disk. layers: the numbers of those whose rows a record keeps, empty for all; to keep a large
    grid small. paired: run k of every arm has seed k, the same start and order of images, so that
    arms are compared pair by pair (`summaries.paired_difference`). validation: how many images are
    kept aside for it, None for those that `data.split` keeps by itself. deviations: what differs
    from the source's setting, or what the source leaves open and how it is settled here; kept in
    every record.
    """

    name: str
    title: str
    source: str
    arms: Mapping[str, Arm | Settings]
    scales: Mapping[str, Scale]
    published: Published | None = None
    baselines: str | None = None
    measures: tuple[Measure, ...] = catalogue.STANDARD
    layers: tuple[int, ...] = ()
    paired: bool = False
    validation: int | None = None
    deviations: tuple[str, ...] = field(default=())

    def __post_init__(self) -> None:
        declare.check(self.measures)
        arms = {name: arm if isinstance(arm, Arm) else Arm(arm) for name, arm in self.arms.items()}
        for name, arm in arms.items():
            if not self.baselines and arm.baseline is not None and arm.baseline not in arms:
                raise ValueError(
                    f"baseline of {name} must be an arm of {self.name}, got {arm.baseline!r}; "
                    f"the arms are {', '.join(arms)}"
                )
        named = {name: replace(arm, label=arm.label or name) for name, arm in arms.items()}
        object.__setattr__(self, "arms", named)

    def scale(self, name: str) -> Scale:
        """The scale of that name, or a ValueError that lists the names."""
        if name not in self.scales:
            raise ValueError(
                f"scale must be one of {', '.join(self.scales)} for {self.name}, got {name!r}; "
                "pick one"
            )
        return self.scales[name]

    def validation_at(self, scale: str) -> int | None:
        """What a scale asks `data.split` to keep aside, None where it leaves the number to it."""
        own = self.scale(scale).validation
        return self.validation if own is None else own

    def first_seed(self, position: int) -> int:
        """The seed of the first run of the arm at this position; the next ones follow it."""
        return 0 if self.paired else SEEDS_PER_ARM * position

    def full_run(self) -> tuple[str, str]:
        """The command that runs the paper's size, and what that costs, in words."""
        size = self.scale("full")
        runs = size.runs * len(size.arms or self.arms)
        command = f"companion run {self.name} --scale full"
        return command, f"{runs} runs of {size.epochs} epochs, for a GPU"

    def runs(
        self,
        scale: str,
        shape: Sequence[int],
        classes: int,
        runs: int | None = None,
        epochs: int | None = None,
        arms: Sequence[str] | None = None,
    ) -> list[Run]:
        """Every run of a scale, numbered, for images of a shape (C, H, W); runs, epochs and arms
        override the scale's own.

        Seeds follow the position of an arm in the experiment, so leaving arms out changes no
        other run.
        """
        size = self.scale(scale)
        count = size.runs if runs is None else runs
        length = size.epochs if epochs is None else epochs
        if not 1 <= count <= SEEDS_PER_ARM:
            raise ValueError(
                f"runs must be from 1 to {SEEDS_PER_ARM}, got {count}; {self.name} uses {size.runs}"
            )
        if not 1 <= length <= MAX_EPOCHS:
            raise ValueError(
                f"epochs must be from 1 to {MAX_EPOCHS}, got {length}; {self.name} uses "
                f"{size.epochs}"
            )
        chosen = arms or size.arms or tuple(self.arms)
        unknown = [arm for arm in chosen if arm not in self.arms]
        if unknown:
            names = list(self.arms)
            known = names if len(names) <= 12 else [*names[:3], "...", names[-1]]
            raise ValueError(
                f"arm must be one of {'; '.join(known)} for {self.name}, got {unknown[0]!r}; "
                "pick from these"
            )
        planned = []
        for position, (arm, declared) in enumerate(self.arms.items()):
            if arm not in chosen:
                continue
            changed = replace(declared.settings, **size.changes)
            widths = models.fitted(changed.model, changed.widths, shape, classes)
            fitted = replace(changed, widths=widths, epochs=length)
            for repeat in range(count):
                seed = self.first_seed(position) + repeat
                planned.append(Run(len(planned), arm, seed, fitted))
        return planned
