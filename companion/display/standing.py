"""Where the book stands: what built it, what its records are, and how far seeds scatter."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
from pandas.io.formats.style import Styler

from companion import machine
from companion.display import style
from companion.display.labels import canvas, head
from companion.display.labs.record import prediction
from companion.display.svg import Shown, show
from companion.evidence import selection
from companion.evidence.records import Record
from companion.experiments import report


def here() -> str:
    """The machine and the versions that this runs on, in a sentence."""
    facts = machine.describe()
    versions = ", ".join(f"{name} {value}" for name, value in facts["versions"].items())
    return f"{facts['hardware']}, {facts['threads']} CPU threads; {versions}"


def shipped(records: Iterable[Record]) -> Styler:
    """One row a record: its scale, size, images, hardware and torch."""
    rows = [
        {
            "record": record.path.name,
            "scale": report.claimed_scale(record),
            "runs an arm": record.provenance["runs_per_arm"],
            "epochs": record.provenance["epochs"],
            "images": record.provenance["dataset"],
            "hardware": record.provenance["machine"].get("hardware", "unknown"),
            "torch": record.provenance["machine"].get("versions", {}).get("torch", "unknown"),
        }
        for record in records
    ]
    counts = pd.Series([row["scale"] for row in rows]).value_counts()
    said = ", ".join(f"{count} at {scale} scale" for scale, count in counts.items())
    table = pd.DataFrame(rows).style.hide(axis="index")
    return table.set_caption(
        f"{len(rows)} records ship with the book: {said}. An arm is one way of training."
    )


def in_colab(path: str | Path) -> str:
    """What a file of ``tools/colab.py --save`` says, in a sentence; ValueError for another file."""
    try:
        tested = json.loads(Path(path).read_text(encoding="utf-8"))
        versions, seconds = tested["versions"], tested["seconds"]
        said = ", ".join(f"{name} {versions[name]}" for name in ("python", "torch", "numpy"))
        longest = max(seconds, key=seconds.get)
        return (
            f"{tested['day']}: {len(seconds)} notebooks ran to their end with {said}; "
            f"{longest} took longest, {seconds[longest]:.0f} s."
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"{path} must hold day, versions and seconds as tools/colab.py saves them, and does "
            f"not ({error!r}); run make colab again"
        ) from None


def seeds(record: Record, arm: str) -> Shown:
    """The runs of an arm in order, and where one new run and the mean of ten new runs fall.

    A run counts with its test accuracy at its best epoch; the bands are those of a lab, which hold
    95 % of repetitions (`prediction`).
    """
    best = selection.best_epoch(record.epochs)
    values = 100 * np.sort(best.loc[best["arm"] == arm, "test_accuracy"].to_numpy(float))
    one, ten = (prediction(pd.DataFrame([values]), runs) for runs in (1, 10))
    figure, axes = canvas(width=7.0, height=3.2)
    for band, alpha in ((one, 0.15), (ten, 0.3)):
        axes.axvspan(band.low[0], band.high[0], color=style.colour("wr"), alpha=alpha, lw=0)
    axes.plot(values, range(1, len(values) + 1), "o", color=style.INK, ms=3)
    axes.set_ylim(0, len(values) + 1)
    axes.set_xlim(values[0] - 0.1, values[-1] + 0.1)
    note = "bands: 95 % of single new runs, and of means of ten"
    head(axes, f"{len(values)} seeds, from the worst to the best", note, "test accuracy (%)")
    return show(
        figure,
        alt=f"Test accuracies of {len(values)} runs that differ in their seed alone, from "
        f"{values[0]:.1f} to {values[-1]:.1f} %. A new run falls between {one.low[0]:.1f} and "
        f"{one.high[0]:.1f} %, the mean of ten between {ten.low[0]:.1f} and {ten.high[0]:.1f} %.",
        caption="One training is one draw: the same network, images and settings, another seed.",
        ran=record.label(),
        name="seeds",
    )


def spread(record: Record, arm: str) -> str:
    """The width of the two bands of `seeds` in words."""
    best = selection.best_epoch(record.epochs)
    values = 100 * best.loc[best["arm"] == arm, "test_accuracy"].to_numpy(float)
    one, ten = (
        float((band.high - band.low)[0] / 2)
        for band in (prediction(pd.DataFrame([values]), runs) for runs in (1, 10))
    )
    return (
        f"The best of {len(values)} seeds is {values.max() - values.min():.1f} points above the "
        f"worst. A new run lies within {one:.1f} points of the recorded mean in 95 % of cases, "
        f"the mean of ten new runs within {ten:.1f}."
    )
