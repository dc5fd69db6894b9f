"""Experiments: what is trained, how often, at which scale; and the runner that does it."""

from companion.experiments import (
    rescaling_questions,
    scale_grid,
    weight_rescaling,
    weight_rescaling_networks,
)
from companion.experiments.plan import Experiment

EXPERIMENTS: dict[str, Experiment] = {
    experiment.name: experiment
    for experiment in (
        weight_rescaling.MLP,
        weight_rescaling.SMALL_INPUTS,
        weight_rescaling.LONG,
        weight_rescaling_networks.LENET,
        weight_rescaling_networks.LENET_BEFORE,
        weight_rescaling_networks.LENET_BIASES,
        weight_rescaling_networks.ALEXNET,
        weight_rescaling_networks.RESNET,
        weight_rescaling_networks.BATCH_NORM,
        scale_grid.GRID,
        *(question.experiment for question in rescaling_questions.QUESTIONS.values()),
    )
}


def find(name: str) -> Experiment:
    """The experiment of that name, or a ValueError that lists the names."""
    if name not in EXPERIMENTS:
        raise ValueError(
            f"experiment must be one of {', '.join(EXPERIMENTS)}, got {name!r}; "
            "`companion list` describes them"
        )
    return EXPERIMENTS[name]
