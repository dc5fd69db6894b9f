"""What an arm is: its settings, what it is measured against, and how it is shown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # a page draws arms without torch
    from companion.training.settings import Settings

FAMILIES = ("none", "wd", "wr", "wrs", "compander", "weight_norm", "batch_norm")
"""The kinds of method that hold weights, each with a colour of its own in every figure."""
DASHES = ("solid", "dashed", "dotted")


@dataclass(frozen=True)
class Arm:
    """One configuration, what it is measured against, and how tables and figures show it.

    baseline: the arm it is measured against, None for one that others are measured against.
    label: its short name, in an experiment the arm's own name where it is empty. family: the kind
    of method, one of `FAMILIES`, which gives the colour; dash tells arms of one family apart.
    """

    settings: Settings
    baseline: str | None = None
    label: str = ""
    family: str = "none"
    dash: str = "solid"

    def __post_init__(self) -> None:
        for name, known in (("family", FAMILIES), ("dash", DASHES)):
            if getattr(self, name) not in known:
                raise ValueError(
                    f"{name} must be one of {', '.join(known)}, got {getattr(self, name)!r}; "
                    "use one"
                )
