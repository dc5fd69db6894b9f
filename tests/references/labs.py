"""Chapter 3's lab in short words: a choice with some controls changed, and the plan it means."""

from companion.display.labs import mlp, settings
from companion.display.labs.control import Range

CONTROLS = {control.name: control for control in mlp.SETUP.controls}
RANGES = sorted(name for name, control in CONTROLS.items() if isinstance(control.values, Range))


def choice(**changes):
    return mlp.SETUP.usual | changes


def plan(chosen):
    return settings.plan(mlp.SETUP, chosen)
