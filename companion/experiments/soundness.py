"""Whether a record is what its experiment, as this code has it, would have made."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from companion.evidence import partial, records
from companion.evidence.records import Record
from companion.experiments.plan import Experiment
from companion.methods.initialization import scalable_layers
from companion.training.settings import Settings


def verify(path: str | Path, experiments: Mapping[str, Experiment]) -> list[str]:
    """One sentence for each fault of a record, finished or in the making; [] is sound.

    `records.verify`, and then the record against its experiment, one of those given by name:
    scale, arms and their settings, seeds, and the layers of the networks.
    """
    found = records.verify(path)
    if found:
        return found
    record = records.load(path)
    experiment = experiments.get(record.provenance["experiment"])
    return [] if experiment is None else list(_against(experiment, record))


def remarks(record: Record, experiments: Mapping[str, Experiment]) -> list[str]:
    """What a sound record cannot show, each as the end of a sentence."""
    found = []
    if not record.is_sealed:
        found.append("of an older version, whose record.json has no digest of itself")
    if record.provenance["experiment"] not in experiments:
        found.append(
            f"of {record.provenance['experiment']!r}, an experiment that this code does not have, "
            "so that its settings cannot be compared"
        )
    return found


def _against(experiment: Experiment, record: Record) -> Iterator[str]:
    said = record.provenance
    if said["scale"] not in experiment.scales:
        yield (
            f"scale must be one of {', '.join(experiment.scales)} for {experiment.name}, got "
            f"{said['scale']!r}; restore record.json."
        )
        return
    for position, (arm, own) in enumerate(experiment.arms.items()):
        if arm in said["arms"]:
            yield from _arm(experiment, said, arm, own.settings)
            seeds = record.epochs.loc[record.epochs["arm"] == arm, "seed"].unique()
            first = experiment.first_seed(position)
            if sorted(seeds) != list(range(first, first + said["runs_per_arm"])):
                yield f"the seeds of {arm} must be {first} and those after it, got {seeds[0]}, ..."
    unknown = [arm for arm in said["arms"] if arm not in experiment.arms]
    if unknown:
        yield f"arm {unknown[0]} is not among those of {experiment.name}; restore record.json."
        return
    yield from _layers(experiment, record)


def _arm(experiment: Experiment, said: dict[str, Any], arm: str, own: Settings) -> Iterator[str]:
    """The settings as recorded against the experiment's; those of the images, the first and last
    width, follow from the image set, and settings that one of the two does not have are let be."""
    found = said["arms"][arm]
    wanted = replace(own, **experiment.scales[said["scale"]].changes).as_dict()
    wanted["epochs"] = said["epochs"]
    if found.get("widths"):
        wanted["widths"] = [found["widths"][0], *wanted["widths"][1:-1], found["widths"][-1]]
    both = wanted.keys() & found.keys()
    difference = partial.first_difference(
        {key: found[key] for key in both}, {key: wanted[key] for key in both}
    )
    if difference:
        key, old, new = difference
        yield (
            f"{key} of {arm} is {old} in the record and {new} in {experiment.name}; restore "
            "record.json, or use the version that made it."
        )


def _layers(experiment: Experiment, record: Record) -> Iterator[str]:
    for arm, fields in record.provenance["arms"].items():
        known = {key: fields[key] for key in Settings().as_dict() if key in fields}
        settings = Settings(**known)
        with torch.device("meta"):
            model = settings.build()
        count = len(list(scalable_layers(model)))
        wanted = set(experiment.layers or range(1, count + 1))
        rows = record.layers.loc[record.layers["arm"] == arm, "layer"]
        if len(rows) and set(rows) != wanted:
            yield (
                f"layers: {arm} has layers {sorted(wanted)}, and the table speaks of "
                f"{sorted(set(rows))}."
            )
