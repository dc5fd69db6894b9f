"""What a lab's controls say: numbers as typed, names, and the rules for each of them.

>>> number("width", "-3")
Traceback (most recent call last):
...
companion.display.lab.choice.Refusal: Layer width must be a whole number from 1 to 4,096,
got -3; the nearest that works is 1.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, fields, replace

from companion.methods.initialization import SCHEMES
from companion.methods.rescaling import RULES
from companion.models.mlp import ACTIVATIONS
from companion.training.settings import OPTIMIZERS

NEVER, STEPS, EPOCH = "never", "every k steps", "once an epoch"
FREQUENCIES = (NEVER, STEPS, EPOCH)


class Refusal(ValueError):
    """Why a choice cannot be trained, in one sentence.

    field: the control to change; nearest: the value of it that works.
    """

    def __init__(self, field: str, rule: str, got: object, nearest: object):
        self.field, self.rule, self.got, self.nearest = field, rule, got, nearest
        super().__init__(f"{rule}, got {_said(got)}; the nearest that works is {_said(nearest)}.")


@dataclass(frozen=True)
class Choice:
    """What the controls say, as typed: numbers may be text.

    gain in multiples of sqrt 2, ReLU's own; period: k in "every k steps"; rule: ``wr`` or ``wrs``.
    """

    width: float | str = 64
    gain: float | str = 1.0
    frequency: str = NEVER
    period: float | str = 12
    depth: float | str = 4
    activation: str = "relu"
    scheme: str = "kaiming"
    rule: str = "wr"
    optimizer: str = "sgd"
    learning_rate: float | str = 0.02
    weight_decay: float | str = 0.0
    dataset: str = "digits"
    runs: float | str = 10
    epochs: float | str = 20
    device: str = "auto"


@dataclass(frozen=True)
class Range:
    """What a number may be: from low to high, whole or not."""

    label: str
    low: float
    high: float
    whole: bool = True

    @property
    def rule(self) -> str:
        """The range in words."""
        kind = "a whole number" if self.whole else "a number"
        return f"{self.label} must be {kind} from {_said(self.low)} to {_said(self.high)}"

    def nearest(self, value: float) -> float:
        """The value in the range that is nearest to a number."""
        inside = min(max(value, self.low), self.high)
        return round(inside) if self.whole else inside


RANGES = {
    "width": Range("Layer width", 1, 4096),
    "gain": Range("Gain", 0.001, 1000, whole=False),
    "period": Range("k", 1, 1_000_000),
    "depth": Range("Hidden layers", 1, 50),
    "learning_rate": Range("Learning rate", 1e-7, 100, whole=False),
    "weight_decay": Range("Weight decay", 0, 10, whole=False),
    "runs": Range("Runs", 1, 1000),
    "epochs": Range("Epochs", 1, 10_000),
}
NAMES = {
    "frequency": ("Rescale the weights", FREQUENCIES),
    "activation": ("Activation", tuple(ACTIVATIONS)),
    "scheme": ("Initialization", SCHEMES),
    "rule": ("Rule", RULES[1:]),
    "optimizer": ("Optimizer", OPTIMIZERS),
}
LABELS = {
    **{field: limits.label for field, limits in RANGES.items()},
    **{field: label for field, (label, _) in NAMES.items()},
    "dataset": "Images",
    "device": "Device",
}


def number(field: str, typed: float | str) -> float:
    """The number that was typed into a field of `RANGES`, or a `Refusal`.

    >>> number("width", " 1,024 "), number("gain", "0.5")
    (1024, 0.5)
    """
    limits, default = RANGES[field], getattr(Choice(), field)
    text = str(typed).strip()
    value = _float(text.replace(",", "") if _THOUSANDS.fullmatch(text) else text)
    if math.isnan(value):
        meant = _float(text.replace(",", "."))  # a decimal comma
        near = limits.nearest(default if math.isnan(meant) else meant)
        raise Refusal(field, limits.rule, repr(text[:30]), near)
    if not limits.low <= value <= limits.high or (limits.whole and value != round(value)):
        raise Refusal(field, limits.rule, value, limits.nearest(value))
    return int(value) if limits.whole else value


_THOUSANDS = re.compile(r"[-+]?\d{1,3}(,\d{3})+(\.\d*)?")


def _float(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def settled(choice: Choice) -> Choice:
    """The choice with its numbers as numbers, however they were typed."""
    return replace(
        choice,
        **{f: number(f, getattr(choice, f)) for f in RANGES if f != "period"},
        period=number("period", choice.period) if choice.frequency == STEPS else Choice().period,
    )


def corrected(choice: Choice, refusal: Refusal) -> Choice:
    """The choice with the refused value replaced by the nearest that works."""
    return replace(choice, **{refusal.field: refusal.nearest})


def words(choice: Choice) -> str:
    """A choice in words: the three controls in front, and what else is not as usual.

    >>> words(Choice(width=32, runs=5))
    'width 32, gain 1, never rescaled, 5 runs'
    """
    said, usual = _phrases(choice), _phrases(Choice())
    front = ("width", "gain", "frequency")
    return ", ".join(said[field] for field in said if field in front or said[field] != usual[field])


def _phrases(choice: Choice) -> dict[str, str]:
    """Field -> what it says; the period is said with the frequency."""
    said = {
        field.name: _PHRASES.get(field.name, "{}").format(_said(getattr(choice, field.name)))
        for field in fields(Choice)
        if field.name not in ("period", "rule", "frequency")
    }
    rescaled = f"{choice.rule.upper()} " if choice.rule != "wr" else "rescaled "
    said["frequency"] = {
        NEVER: "never rescaled",
        STEPS: f"{rescaled}every {_said(choice.period)} steps",
    }.get(choice.frequency, f"{rescaled}{choice.frequency}")
    return {field.name: said[field.name] for field in fields(Choice) if field.name in said}


_PHRASES = {
    "width": "width {}",
    "gain": "gain {}",
    "depth": "{} hidden layers",
    "learning_rate": "learning rate {}",
    "weight_decay": "weight decay {}",
    "runs": "{} runs",
    "epochs": "{} epochs",
    "device": "on {}",
}


def _said(value: object) -> str:
    """A value as the reader writes it."""
    if isinstance(value, int) or (isinstance(value, float) and value.is_integer()):
        return f"{int(value):,}" if abs(value) < 1e15 else f"{value:g}"
    return f"{value:g}" if isinstance(value, float) else str(value)
