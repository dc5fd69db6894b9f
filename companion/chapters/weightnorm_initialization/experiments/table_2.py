"""How curved the loss is where residual networks start (A, Table 2)."""

from __future__ import annotations

from companion.experiments.arm import Arm
from companion.experiments.plan import Experiment, Published, Scale
from companion.measure import accuracy, curvature
from companion.models import residual
from companion.training.settings import Settings

NETWORKS = {"c10 wrn40-10": (40, 10), "c100 resnet164": (164, 1)}
"""A's rows: depth, factor of the width."""
STARTS = {
    "torch": ("one", "length 1", "none"),
    "data": ("data", "from data", "compander"),
    "hanin": ("hanin", "stage-wise Hanin", "wrs"),
    "forward": ("forward", "forward rule", "weight_norm"),
    "new": ("torch", "a new layer's", "wd"),
}
"""A's columns, and one more: lengths, label, family. See `DEVIATIONS` for the first."""
BASE = 4
"""Channels of the first stage at book scale."""
DEVIATIONS = (
    "What the paper calls PyTorch's default is here length 1: its code wraps orthogonal weights of "
    "that length. A new layer's own lengths, 1 over the root of 3, are an arm of their own.",
    "The paper does not say how many networks its means and deviations are over.",
    "The paper uses the power method; here Lanczos' method, to a relative residual of 1e-3.",
    "At book scale the digits and networks of 4, 8 and 16 channels.",
)


def _arms(network: str) -> dict[str, Arm]:
    depth, times = NETWORKS[network]
    common = {"model": "residual", "parametrization": "weight_norm", "batch_size": 128}
    against = f"{network} data"
    return {
        f"{network} {cell}": Arm(
            Settings(
                widths=residual.widths(depth, times), lengths=lengths, learning_rate=0.001, **common
            ),
            None if cell == "data" else against,
            label,
            family,
        )
        for cell, (lengths, label, family) in STARTS.items()
    }


def _table(name: str, images: str, network: str) -> Experiment:
    depth, _ = NETWORKS[network]
    narrow = {"widths": residual.widths(depth, 1, BASE)}
    return Experiment(
        name=name,
        title=f"The Hessian's norm where residual networks of {depth} layers start",
        source="Arpit, Campos and Bengio, Table 2",
        published=Published("A", "2"),
        measures=(accuracy.ACCURACY, curvature.hessian()),
        arms=_arms(network),
        scales={
            "quick": Scale("quick", 1, 1, ("digits",), "a check that everything runs",
                           changes={"widths": residual.widths(8, 1, 4)}),
            "book": Scale("book", 12, 1, ("digits",), "narrow networks on one CPU core",
                          changes=narrow),
            "full": Scale("full", 10, 1, (images,), "the paper's networks, on a GPU"),
        },
        deviations=DEVIATIONS,
    )  # fmt: skip


CIFAR10 = _table("weight-norm-table-2", "cifar10", "c10 wrn40-10")
CIFAR100 = _table("weight-norm-table-2-resnet164", "cifar100", "c100 resnet164")
