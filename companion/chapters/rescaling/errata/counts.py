"""Plain arithmetic on what N prints: the parameters of the named networks, differences of
accuracies, the size of AlexNet's input."""

import math
from collections.abc import Sequence

import pandas as pd
import torch

from companion import models
from companion.evidence import published
from companion.evidence.findings import Finding, judge

ALEXNET_STEPS = ((11, 4, 2), (3, 2, 0), (5, 1, 2), (3, 2, 0), *[(3, 1, 1)] * 3, (3, 2, 0))
"""Kernel, stride and padding of torchvision's AlexNet, convolutions and poolings in order."""
NAMES = {"mlp": "MLP", "lenet5": "LeNet-5", "alexnet": "AlexNet", "resnet50": "ResNet-50"}
LIKELY = 256
"""Units beyond which a hidden layer is no likely reading of one that is stated as 32."""


def size(name: str, widths: Sequence[int] | None = None, normalization: str = "none") -> int:
    """Parameters of a network of `models`, of its source's widths if none are given.

    >>> size("mlp", (3072, 64, 32, 10))
    199082
    """
    with torch.device("meta"):  # shapes without memory
        return models.parameter_count(
            models.build(name, widths or models.default_widths(name), normalization=normalization)
        )


def hidden_widths(parameters: int, inputs: int = 3072, outputs: int = 10) -> list[tuple[int, int]]:
    """Return every pair of hidden widths that gives a three-layer MLP this many parameters.

    >>> (32, 32) in hidden_widths(99722)
    True
    """
    found = []
    first = 1
    while first * (inputs + 1) < parameters:
        rest = parameters - first * (inputs + 1) - outputs
        second, remainder = divmod(rest, first + 1 + outputs)
        if remainder == 0 and second >= 1:
            found.append((first, second))
        first += 1
    return found


def smallest_side(steps: Sequence[tuple[int, int, int]] = ALEXNET_STEPS) -> int:
    """Return the smallest image side that leaves at least one pixel after every step.

    A step of kernel k, stride s and padding p turns a side n into ``(n + 2 p - k) // s + 1``.

    >>> smallest_side()
    63
    """
    side = 1
    while True:
        left = side
        for kernel, stride, padding in steps:
            left = (left + 2 * padding - kernel) // stride + 1 if left >= 1 else 0
        if left >= 1:
            return side
        side += 1


def rows() -> pd.DataFrame:
    """Each network's reading, its parameters, the printed number, and whether they are equal.

    Columns: network, reading, stated (whether the reading is what the text says), parameters,
    printed, equal.
    """
    readings = [
        ("mlp", "3072-32-32-10", True, size("mlp", (3072, 32, 32, 10))),
        ("mlp", "3072-64-32-10", False, size("mlp", (3072, 64, 32, 10))),
        ("lenet5", "conv 6, conv 16, dense 120-84-10", True, size("lenet5")),
        ("alexnet", "torchvision, 10 classes", True, size("alexnet")),
        (
            "resnet50",
            "torchvision, 10 classes: first convolution 7x7",
            True,
            size("resnet50-imagenet", normalization="batch"),
        ),
        ("resnet50", "first convolution 3x3", False, size("resnet50", normalization="batch")),
    ]
    frame = pd.DataFrame(readings, columns=["network", "reading", "stated", "parameters"])
    printed = [int(published.value("N", "text", name, "parameters")) for name in frame["network"]]
    return frame.assign(printed=printed, equal=frame["parameters"] == printed)


def parameters() -> Finding:
    """N: do the stated architectures have the stated numbers of parameters?"""
    table = rows()
    stated = table[table["stated"]]
    wrong = stated[~stated["equal"]]
    said = []
    for row in wrong.itertuples():
        other = table[(table["network"] == row.network) & table["equal"]].iloc[0]
        said.append(
            f"{NAMES[row.network]} {row.reading} has {row.parameters:,}, and {other['reading']} "
            f"has {row.printed:,}"
        )
    sizes = dict(zip(table["network"], table["printed"], strict=True))
    pairs = hidden_widths(sizes["mlp"])
    near = ", ".join(f"{a}-{b}" for a, b in pairs if max(a, b) <= LIKELY)
    return Finding(
        lead="parameter counts",
        source="N",
        where="sections II and V-B",
        printed=", ".join(f"{NAMES[name]} {count:,}" for name, count in sizes.items()),
        computed=f"{len(stated) - len(wrong)} of {len(stated)} follow from the stated "
        f"architecture; {'; '.join(said)}; of the {len(pairs)} pairs of hidden widths that give "
        f"the printed MLP only {near} has no layer above {LIKELY:,} units",
        verdict=judge(stated["equal"]),
        effect="It changes what one builds to repeat the work: a first layer of 64 units, a "
        "ResNet with a 3x3 first convolution; it does not touch the comparison of the arms.",
    )


def alexnet_input() -> Finding:
    """N: which image size did AlexNet see?"""
    side = int(published.value("N", "text", "training", "image_side"))
    needed = smallest_side()
    return Finding(
        lead="AlexNet's input",
        source="N",
        where="section V-B",
        printed=f"AlexNet as implemented in PyTorch, on images of {side} x {side} pixels",
        computed=f"that network needs at least {needed} x {needed} pixels",
        verdict="holds" if side >= needed else "left open",
        effect="It leaves open to which size the images were enlarged; the two arms saw the same.",
    )


def gain_rows() -> pd.DataFrame:
    """N's printed differences of accuracies, recomputed, in points.

    Columns: cell, label (the subtraction as printed), printed (its result), operands (the result
    of the subtraction as printed), tables (the same difference from the tables' cells), result_ok
    and operands_ok: whether the printed result and the printed operands agree with the tables.
    """
    frame = published.rows("N", "text")
    cells = {
        row.cell: row.mean
        for table in ("III", "V")
        for row in published.rows("N", table).query("quantity == 'test_accuracy'").itertuples()
    }
    rows = []
    for row in frame[frame["quantity"] == "accuracy_gain"].itertuples():
        first, second = (float(part.strip(" %")) for part in row.label.split(" - "))
        one, two = row.cell.split(" minus ")
        tables = round(cells[one] - cells[two], 2)
        result_ok = math.isclose(row.mean, tables, abs_tol=1e-9)
        operands_ok = (first, second) == (cells[one], cells[two])
        operands = round(first - second, 2)
        rows.append((row.cell, row.label, row.mean, operands, tables, result_ok, operands_ok))
    names = ["cell", "label", "printed", "operands", "tables", "result_ok", "operands_ok"]
    return pd.DataFrame(rows, columns=names)


def arithmetic() -> Finding:
    """N: do the printed differences follow from the tables?"""
    rows = gain_rows()
    wrong = rows[~(rows["result_ok"] & rows["operands_ok"])]
    said = []
    for row in wrong.itertuples():
        if not row.result_ok:
            said.append(f"{row.label} is {row.tables:.2f}, not {row.printed:.2f}")
        else:
            said.append(
                f"{row.label} would be {row.operands:.2f}; with the table's cells it is the "
                f"printed {row.tables:.2f}"
            )
    return Finding(
        lead="arithmetic",
        source="N",
        where="sections VI-B and VI-D",
        printed="; ".join(f"{row.label} = {row.printed:g} %" for row in wrong.itertuples()),
        computed=f"{len(rows) - len(wrong)} of {len(rows)} differences are right; "
        + "; ".join(said),
        verdict=judge(rows["result_ok"] & rows["operands_ok"]),
        effect="It changes a digit in the text; the tables and all conclusions stay.",
    )
