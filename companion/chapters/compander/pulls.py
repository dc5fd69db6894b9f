"""What moves a and b that learn, layer by layer: the gradients by them, beside what they sum up.

For w = a psi(v / b) the chain rule gives ``dL/da = <dL/dw, w> / a`` and ``dL/db = -<dL/dw,
Psi'(v) v> / b``. Before batch norm ``<dL/dw, w>`` is 0 but for its epsilon (L theorem 3.1), so
nothing but the end of the curve, where ``Psi'(v) v`` is not w, moves b, and nothing moves a.
"""

from __future__ import annotations

import pandas as pd
import torch
from torch import nn

from companion import data
from companion.methods.parametrizations import companders
from companion.training import one_run
from companion.training.settings import Settings

IMAGES = 256


def pulls(normalization: str = "batch") -> pd.DataFrame:
    """Of each layer of a convolutional network at its start, one row: ``a`` and ``b``, how far the
    terms of dL/da and dL/db go in one direction: the size of their sum over the sum of their
    sizes, from 0 (they cancel) to 1. float64, `IMAGES` of the digits, a = 0.5 and b = 1.
    """
    settings = Settings(
        model="convnet",
        widths=(1, 16, 24, 24, 10),
        normalization=normalization,
        parametrization="arctan",
        compander_a=0.5,
        compander_clamp=True,
        compander_learn="fine",
    )
    split = data.split(data.load("digits"))
    model = one_run.build(settings, 0, torch.float64, torch.device("cpu"))
    images = split.standardize(split.train_images[:IMAGES], torch.float64)
    nn.functional.cross_entropy(model(images), split.train_labels[:IMAGES].long()).backward()
    rows = []
    for _, layer, bent in companders(model):
        v = layer.parametrizations.weight.original
        with torch.no_grad():
            pull = v.grad / bent.slope(v)  # dL/dw
            terms = {"a": pull * bent(v) / bent.a, "b": -v.grad * v / bent.b}
        rows.append(
            {name: float(getattr(bent, name).grad.abs() / term.abs().sum())
             for name, term in terms.items()}
        )  # fmt: skip
    return pd.DataFrame(rows, index=pd.RangeIndex(1, len(rows) + 1, name="layer"))
