"""What a search needs of each run: the accuracy that it chooses by and the one that it reports."""

from __future__ import annotations

from companion.measure import accuracy
from companion.measure.declare import Measure
from companion.measure.evaluation import evaluated

PARTS = ("validation", "test")
CHOSEN = Measure(
    "chosen",
    tuple(c for c in accuracy.ACCURACY.columns if c.name in [f"{p}_accuracy" for p in PARTS]),
    lambda view: {f"{part}_accuracy": evaluated(view, part)["accuracy"] for part in PARTS},
    "a forward pass over the validation and the test images",
)
