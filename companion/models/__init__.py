"""The networks of the book."""

from companion.models.alexnet import AlexNet
from companion.models.catalogue import (
    MODELS,
    build,
    check,
    default_widths,
    fitted,
    parameter_count,
)
from companion.models.dropout import Dropout, seed_dropout
from companion.models.lenet import LeNet5
from companion.models.mlp import MLP
from companion.models.resnet import ResNet

__all__ = [
    "MLP",
    "MODELS",
    "AlexNet",
    "Dropout",
    "LeNet5",
    "ResNet",
    "build",
    "check",
    "default_widths",
    "fitted",
    "parameter_count",
    "seed_dropout",
]
