"""What chapter 3 trains: Niehaus, Krumnack and Heidemann's networks, and what they leave open."""

from companion.chapters.rescaling.experiments import mlp, networks, questions, scale_grid
from companion.evidence.records import Record
from companion.experiments.plan import Experiment

EXPERIMENTS = (
    mlp.MLP,
    mlp.SMALL_INPUTS,
    mlp.LONG,
    mlp.CAUSES,
    mlp.SMALL_BATCHES,
    mlp.SMALL_BATCHES_CAUSES,
    networks.LENET,
    networks.LENET_BEFORE,
    networks.LENET_BIASES,
    networks.ALEXNET,
    networks.RESNET,
    networks.BATCH_NORM,
    scale_grid.GRID,
    *(question.experiment for question in questions.QUESTIONS.values()),
)


def of(record: Record) -> Experiment:
    """The experiment of this chapter that a record is of; ValueError for another's."""
    name = record.provenance["experiment"]
    known = {one.name: one for one in EXPERIMENTS}
    if name not in known:
        raise ValueError(f"a record must be of one of {', '.join(known)}, got {name}; open another")
    return known[name]
