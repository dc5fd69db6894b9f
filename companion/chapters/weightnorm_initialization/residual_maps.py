"""The records of chapter 6's side page as tables, and what residual networks do untrained."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd
import torch
from torch import nn

from companion import models, streams
from companion.chapters.weightnorm_initialization.experiments import (
    neighbours,
    survival,
    table_1,
)
from companion.chapters.weightnorm_initialization.maps import LEARNED, ends
from companion.evidence import selection
from companion.evidence.records import Record
from companion.methods.initialization import weight_norm_

ALIVE = 0.2
"""Training accuracy, twice that of a guess, above which a run counts as one that survived: one
that diverged, or died on the way, guesses."""
IMAGES = 64


def survived(record: Record) -> pd.DataFrame:
    """Start, warmup and rate -> share of runs that end above `ALIVE`, of a record of `survival`."""
    reached = ends(record, "train_accuracy")
    rows = []
    for start in survival.STARTS:
        for warmup in survival.WARMUPS:
            for rate in survival.RATES:
                runs = reached[survival.arm_name(start, warmup, rate)]
                rows.append((start, warmup, rate, float((runs > ALIVE).mean())))
    return pd.DataFrame(rows, columns=["start", "warmup", "rate", "share"])


def errors(record: Record) -> dict[str, list[float]]:
    """Arm -> each run's test error at its best epoch, percent, of a record of `table_1`; a run
    that diverged has the error of its best epoch before it."""
    best = selection.best_epoch(record.epochs)
    return {
        str(arm).removeprefix(f"{table_1.BOOK} "): (100 * (1 - rows["test_accuracy"])).tolist()
        for arm, rows in best.groupby("arm", sort=False)
    }


def largest_rate(record: Record, start: str) -> float:
    """The largest learning rate at which every run learned, in a record of `neighbours`; 0 for
    none."""
    reached = ends(record)
    able = [
        rate
        for rate in neighbours.RATES
        if (reached[neighbours.arm_name(start, rate)] > LEARNED).all()
    ]
    return max(able, default=0.0)


def hessians(record: Record) -> dict[str, list[float]]:
    """Start, as `table_2.STARTS` names it -> log10 of the Hessian's norm in every network before
    training, ascending, of a record of `table_2`; a norm that is not known is left out."""
    first = record.epochs[(record.epochs["epoch"] == 0) & (record.epochs["hessian_norm"] > 0)]
    starts = first["arm"].str.rsplit(" ", n=1).str[-1]
    return {
        str(start): sorted(np.log10(norms.astype(float)))
        for start, norms in first.groupby(starts)["hessian_norm"]
    }


@cache
def through(start: str, seed: int = 0) -> tuple[float, float]:
    """A signal's rms at the last block over that at the first convolution, and the gradient's
    length the other way, of `neighbours`' network of one start, untrained, on noise."""
    x = streams.normal(seed, "inputs", 0, IMAGES * 64).view(IMAGES, 1, 8, 8)
    widths = (1, *neighbours.WIDTHS[1:])
    if start == "forward":
        model = models.build("residual", widths, parametrization="weight_norm")
        weight_norm_(model, start, seed=seed)
    else:
        model = models.neighbour_(models.build("residual", widths), start, seed)
    first = model.stem(x).detach().requires_grad_(True)
    last = nn.Sequential(*model.blocks)(first)
    outward = streams.normal(seed, "gradient", 0, last.numel()).view(last.shape)
    (slope,) = torch.autograd.grad((last * outward).sum(), first)
    rms = [float(value.detach().double().square().mean().sqrt()) for value in (first, last)]
    return rms[1] / rms[0], float(slope.double().norm() / outward.double().norm())
