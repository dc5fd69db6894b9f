"""The networks of the book."""

from companion.models.alexnet import AlexNet
from companion.models.catalogue import (
    MODELS,
    build,
    check,
    default_widths,
    fitted,
    model,
    parameter_count,
)
from companion.models.convnet import ConvNet
from companion.models.dropout import Dropout, seed_dropout
from companion.models.lenet import LeNet5
from companion.models.mlp import MLP
from companion.models.neighbours import NEIGHBOURS, neighbour_
from companion.models.preactivation import PreActivationResNet
from companion.models.residual import Residual
from companion.models.resnet import ResNet
from companion.models.roles import roles
from companion.models.vgg import VGG

__all__ = [
    "MLP",
    "MODELS",
    "NEIGHBOURS",
    "VGG",
    "AlexNet",
    "ConvNet",
    "Dropout",
    "LeNet5",
    "PreActivationResNet",
    "ResNet",
    "Residual",
    "build",
    "check",
    "default_widths",
    "fitted",
    "model",
    "neighbour_",
    "parameter_count",
    "roles",
    "seed_dropout",
]
