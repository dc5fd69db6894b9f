"""Decay, the rate that stands for it, and rescaling, with the span of the inputs measured.

Three convolutions on the digits, of whose training labels three in ten are drawn at random. The
last one sees images of 2 x 2 with a border of zeros: five of the nine places of its kernels never
meet an input, which is what lies outside a span in its purest form.
"""

from __future__ import annotations

from dataclasses import replace

from companion.chapters.batchnorm_norms.experiments.convnet import KERNELS, NORMALIZATIONS
from companion.experiments.arm import Arm
from companion.experiments.plan import Experiment, Scale
from companion.measure import accuracy, geometry, span
from companion.measure.dynamics import DYNAMICS
from companion.training.settings import Settings

DECAY = 5e-3
"""Ten times L's, so that it acts within 20 epochs: its relaxation time is 50 steps."""
DROP = 15
"""The epochs before the learning rate falls."""
PLAIN = Settings(
    model="convnet",
    widths=(1, 16, 24, 24, 10),
    normalization="batch",
    learning_rate=0.1,
    batch_size=32,
    weight_decay=DECAY,
    decayed=NORMALIZATIONS,
    label_noise=0.3,
    schedule="step",
    milestones=(DROP,),
    epochs=20,
)
HELD = replace(PLAIN, rescale="wrs", tau=20, rescale_layers="not_output")
SCALES = {
    "quick": Scale(
        "quick", 2, 2, ("digits",), "a check that everything runs", changes={"milestones": (1,)}
    ),
    "book": Scale("book", 6, 20, ("digits",), "six paired runs an arm on two CPU cores"),
    "full": Scale("full", 100, 20, ("digits",), "a hundred runs an arm, on a GPU"),
}
"""Of every experiment on the digits that is trained like these."""

DIGITS = Experiment(
    name="batchnorm-span",
    title="Decay, the rate that stands for it, and rescaling, seen from the inputs",
    source="Liu, Cui, Wan, Mao and Chan, sections 4 and 5",
    measures=(accuracy.LEARNING, geometry.SHAPE, span.SPAN, span.INSIDE, DYNAMICS.each(19)),
    arms={
        "none": Arm(PLAIN, label="none"),
        "wd": Arm(replace(PLAIN, decayed=KERNELS), "none", "WD", "wd"),
        "rate": Arm(replace(PLAIN, decay_as_rate=DECAY), "none", "rising rate", "none", "dashed"),
        "wrs": Arm(HELD, "none", "WRS", "wrs"),
    },
    paired=True,
    scales=SCALES,
    deviations=(
        "Three convolutions on the digits, with random labels among those of training, in place of "
        "VGG-16 on CIFAR-10.",
        "Decay 5e-3 in place of 5e-4, so that it acts within 20 epochs.",
        "The output layer is neither decayed nor rescaled.",
    ),
)
