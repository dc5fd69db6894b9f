"""A lab's training without the lab: for a sentence about what a reader will see there."""

from __future__ import annotations

from companion import data
from companion.display.labs.settings import plan
from companion.display.labs.setup import Setup
from companion.training.many_runs import Stack


def trained(setup: Setup, **changed: object) -> Stack:
    """The stack that a lab trains, to its end, with the lab's own seeds.

    changed: controls that a reader moved, the others as the lab opens. `Refusal` as in `plan`.
    """
    made = plan(setup, setup.usual | changed)
    stack = Stack(made.members(), data.split(data.load(made.dataset)))
    for _ in range(made.settings.epochs):
        stack.train_epoch()
    return stack
