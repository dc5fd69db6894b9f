"""What an experiment declares: arms, scales, and from them the list of runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from companion import models
from companion.training.settings import Run, Settings

SEEDS_PER_ARM = 1000
"""Arm k's runs have seeds 1000 k, 1000 k + 1, ...: independent samples, as the tests assume."""
MAX_EPOCHS = 32_767
"""The largest epoch a record's 16-bit column holds."""


@dataclass(frozen=True)
class Scale:
    """How large: runs per arm, epochs, the image sets meant for it, and what it is for.

    arms: those it trains, None for all. changes: settings that it replaces in every arm, such as
    narrower widths.
    """

    name: str
    runs: int
    epochs: int
    datasets: tuple[str, ...]
    note: str
    arms: tuple[str, ...] | None = None
    changes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Experiment:
    """A grid of arms on an image set.

    arms: name -> settings; their first and last widths are set to the image set's. published: the
    source's table of accuracies that the arms answer to, if there is one. histograms: whether
    weights are recorded as histograms before and after training, which for a large grid would fill
    the disk. layers: the numbers of those whose rows a record keeps, empty for all; to keep a large
    grid small. deviations: what differs from the source's setting, or what the source leaves open
    and how it is settled here; kept in every record.
    """

    name: str
    title: str
    source: str
    arms: Mapping[str, Settings]
    scales: Mapping[str, Scale]
    published: str | None = None
    histograms: bool = True
    layers: tuple[int, ...] = ()
    deviations: tuple[str, ...] = field(default=())

    def scale(self, name: str) -> Scale:
        """The scale of that name, or a ValueError that lists the names."""
        if name not in self.scales:
            raise ValueError(
                f"scale must be one of {', '.join(self.scales)} for {self.name}, got {name!r}; "
                "pick one"
            )
        return self.scales[name]

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
                f"arm must be one of {', '.join(known)} for {self.name}, got {unknown[0]!r}; "
                "pick from these"
            )
        planned = []
        for position, (arm, settings) in enumerate(self.arms.items()):
            if arm not in chosen:
                continue
            changed = replace(settings, **size.changes)
            widths = models.fitted(changed.model, changed.widths, shape, classes)
            fitted = replace(changed, widths=widths, epochs=length)
            for repeat in range(count):
                seed = SEEDS_PER_ARM * position + repeat
                planned.append(Run(len(planned), arm, seed, fitted))
        return planned
