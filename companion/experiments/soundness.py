"""Whether a record is what its experiment, as this code has it, would have made."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from companion.data import sizes
from companion.evidence import partial, records, tables
from companion.evidence.consistency import ROUNDED
from companion.evidence.records import Record
from companion.experiments.plan import Experiment
from companion.measure.declare import Column
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
    yield from _columns(experiment, said)
    yield from _images(experiment, said)
    yield from _layers(experiment, record)


def _columns(experiment: Experiment, said: dict[str, Any]) -> Iterator[str]:
    """What columns may hold, as declared in the record, against what this code has them hold."""
    for table, columns in tables.of(said).items() if "columns" in said else ():
        own = {column.name: column for column in tables.layout(experiment.measures).get(table, ())}
        for column in columns:
            if column.name in own and _range(column) != _range(own[column.name]):
                low, high = _range(own[column.name])[:2]
                yield (
                    f"{table}: {column.name} must be declared from {low:g} to {high:g}, got "
                    f"{column.low:g} to {column.high:g}; restore record.json."
                )


def _range(column: Column) -> tuple[Any, ...]:
    return column.low, column.high, column.start, column.type


def _images(experiment: Experiment, said: dict[str, Any]) -> Iterator[str]:
    """The numbers of an image set that this code knows, with as many kept aside as the experiment
    has it."""
    if said["dataset"] not in sizes.SHAPES:
        return
    known = sizes.of(said["dataset"], experiment.validation_at(said["scale"]))
    wanted = known.parts
    found = {part: said.get("split", wanted).get(part) for part in wanted}
    if found != wanted:
        yield f"split of {said['dataset']} must be {wanted}, got {found}; restore record.json."
    if said.get("classes", known.classes) != known.classes:
        yield (
            f"classes of {said['dataset']} must be {known.classes}, got {said['classes']}; "
            "restore record.json."
        )


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
        try:
            settings = Settings(**known)
            with torch.device("meta"):
                model = settings.build()
        except (ValueError, TypeError) as error:
            yield f"the settings of {arm} must make a network, and they do not: {error}."
            continue
        shapes = [layer.weight.shape for _, layer in scalable_layers(model)]
        wanted = set(experiment.layers or range(1, len(shapes) + 1))
        rows = record.layers.loc[record.layers["arm"] == arm, "layer"]
        if len(rows) and set(rows) != wanted:
            yield (
                f"layers: {arm} has layers {sorted(wanted)}, and the table speaks of "
                f"{sorted(set(rows))}."
            )
        for layer, shape in enumerate(shapes, start=1):
            of_it = [
                table[(table["arm"] == arm) & (table["layer"] == layer)]
                for table in (record.histograms, record.layers)
            ]
            yield from itertools.islice(_counts(arm, layer, shape.numel(), of_it[0]), 1)
            if {"weight_mean", "weight_std", "weight_norm"} <= set(record.layers):
                yield from _norms(arm, layer, shape, of_it[1])


def _counts(arm: str, layer: int, weights: int, histograms: pd.DataFrame) -> Iterator[str]:
    """A layer's histogram before training holds the weights of the network's layer."""
    before = histograms[histograms["epoch"] == 0]
    for run, found in before.groupby("run")["count"].sum().items():
        if found != weights:
            yield (
                f"histograms: layer {layer} of {arm} has {weights} weights, and {found} in run "
                f"{run}."
            )


def _norms(arm: str, layer: int, shape: Sequence[int], rows: pd.DataFrame) -> Iterator[str]:
    """Of U units with mean square norm q = fan_in (mean^2 + std^2) the mean norm is at most
    sqrt(q), and at least sqrt(q / U)."""
    mean, std, norm = (
        rows[f"weight_{what}"].to_numpy(np.float64) for what in ("mean", "std", "norm")
    )
    most = np.sqrt(math.prod(shape[1:])) * np.hypot(mean, std)
    wrong = (norm > most * (1 + ROUNDED)) | (norm < most / math.sqrt(shape[0]) * (1 - ROUNDED))
    if wrong.any():
        yield (
            f"layers: weight_norm {norm[wrong][0]:.6g}, weight_mean {mean[wrong][0]:.6g} and "
            f"weight_std {std[wrong][0]:.6g} of layer {layer} of {arm} cannot be of the same "
            f"{tuple(shape)} weights."
        )
