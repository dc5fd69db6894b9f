"""The labs' network: a plain MLP with one width, how it starts, learns and is held.

A chapter takes `SETUP`, puts the controls that its question is about in front, and draws what it
asks for.
"""

from __future__ import annotations

import math
from dataclasses import replace

from companion.data.sizes import Sizes
from companion.display.labs import common
from companion.display.labs.control import LabControl, Range, Refusal, said
from companion.display.labs.setup import Choice, Panel, Setup
from companion.methods import initialization
from companion.methods.initialization import SCHEMES
from companion.methods.rescaling import RULES
from companion.models.mlp import ACTIVATIONS
from companion.training.settings import OPTIMIZERS, Settings

NEVER, STEPS, EPOCH = "never", "every k steps", "once an epoch"
_SHOWN = {
    "relu": "ReLU", "sgd": "SGD", "sgdw": "SGDW", "adam": "Adam", "adamw": "AdamW",
    "kaiming": "Kaiming", "xavier": "Xavier", "kaiming_out": "Kaiming, backward",
    "harmonic": "harmonic mean", "lecun": "LeCun", "leaky_relu": "leaky ReLU", "gelu": "GELU",
    "silu": "SiLU", "selu": "SELU", "wr": "WR: initial std", "wrs": "WRS: norm 1",
}  # fmt: skip


def _rescaled(choice: Choice) -> str:
    """When the weights are rescaled, in words."""
    if choice["frequency"] == NEVER:
        return "never rescaled"
    verb = "rescaled" if choice["rule"] == "wr" else str(choice["rule"]).upper()
    when = choice["frequency"]
    return f"{verb} every {said(choice['period'])} steps" if when == STEPS else f"{verb} {when}"


CONTROLS = (
    LabControl(
        "width",
        "Layer width",
        64,
        Range(1, 4096),
        slider=(8, 16, 32, 64, 128, 256),
        unit="units",
        front=True,
        phrase="width {}",
    ),
    LabControl(
        "gain",
        "Gain",
        1.0,
        Range(0.001, 1000, whole=False),
        slider=(0.25, 0.5, 0.7, 1.0, 1.4, 2.0, 3.0),
        unit="× √2",
        front=True,
        phrase="gain {}",
    ),
    LabControl("frequency", "Rescale", NEVER, (NEVER, STEPS, EPOCH), front=True, phrase=_rescaled),
    LabControl(
        "period",
        "every k steps: k",
        12,
        Range(1, 1_000_000),
        unit="steps",
        front=True,
        needs=("frequency", STEPS),
        phrase="",
    ),
    LabControl(
        "depth",
        "Hidden layers",
        4,
        Range(1, 100),
        slider=(1, 2, 4, 8, 16, 32, 64),
        phrase="{} hidden layers",
    ),
    LabControl("activation", "Activation", "relu", tuple(ACTIVATIONS), _SHOWN),
    LabControl("scheme", "Initialization", "kaiming", SCHEMES, _SHOWN),
    LabControl("rule", "Rule", "wr", RULES[1:], _SHOWN, phrase=""),
    LabControl("optimizer", "Optimizer", "sgd", OPTIMIZERS, _SHOWN),
    LabControl(
        "learning_rate",
        "Learning rate",
        0.02,
        Range(1e-7, 100, whole=False),
        phrase="learning rate {}",
    ),
    LabControl(
        "weight_decay", "Weight decay", 0.0, Range(0, 10, whole=False), phrase="weight decay {}"
    ),
    LabControl(
        "batch",
        "Batch size",
        32,
        Range(1, 60_000),
        slider=(4, 8, 16, 32, 64, 128, 256),
        unit="images",
        phrase="batches of {}",
    ),
    *common.CONTROLS,
)


def meaning(choice: Choice, size: Sizes, unit: float = math.sqrt(2)) -> Settings:
    """The settings of settled values; unit: the gain that the control calls 1."""
    if choice["scheme"] == "constant" and choice["frequency"] != NEVER:
        rule = "Rescaling needs weights that differ, and a constant initialization makes them equal"
        raise Refusal("scheme", rule, "constant", "kaiming")
    settings = Settings(
        widths=(math.prod(size.shape), *[choice["width"]] * choice["depth"], size.classes),
        activation=choice["activation"],
        scheme=choice["scheme"],
        gain=choice["gain"] * unit,
        optimizer=choice["optimizer"],
        learning_rate=choice["learning_rate"],
        weight_decay=choice["weight_decay"],
        rescale="none" if choice["frequency"] == NEVER else choice["rule"],
        tau=choice["period"] if choice["frequency"] == STEPS else 0,
        batch_size=choice["batch"],
        epochs=choice["epochs"],
    )
    if settings.batch_size > size.train:
        rule = f"Batch size must be at most {size.train:,}, the training images"
        raise Refusal("batch", rule, settings.batch_size, size.train)
    steps = math.ceil(size.train / settings.batch(size.train)) * settings.epochs
    if settings.tau > steps:
        rule = f"k must be at most {steps:,}, the steps of the whole training"
        raise Refusal("period", rule, settings.tau, steps)
    return settings


def with_batch_norm(settings: Settings, size: Sizes) -> Settings:
    """The same with batch norm in every hidden layer; `Refusal` where a batch would have one image,
    whose variance is 0."""
    batch, images = settings.batch_size, size.train
    if images % batch == 1 or batch == 1:
        rule = (
            f"Batch norm needs 2 images or more in every batch, and batches of {batch:,} leave 1 "
            f"of the {images:,} training images: Batch size must be another number"
        )
        near = next(n for n in range(max(batch, 2), images + 1) if images % n != 1)
        raise Refusal("batch", rule, batch, near)
    return replace(settings, normalization="batch")


def sigma(settings: Settings, layer: int = 2) -> float:
    """The standard deviation with which a layer's weights start."""
    fan_in, fan_out = settings.widths[layer - 1 : layer + 1]
    return initialization.sigma(settings.scheme, fan_in, fan_out, settings.gain)


WEIGHT_STD = Panel("Weight std, layer 2", "weight_std", 2, log=True, theory=("initial σ", sigma))
"""Of a hidden layer, whose fan-in is the layer width."""
TEST_ACCURACY = Panel("Test accuracy (%)", "test_accuracy", percent=True, limits=(0.0, 100.0))
SETUP = Setup(CONTROLS, meaning, (WEIGHT_STD, TEST_ACCURACY))
