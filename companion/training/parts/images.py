"""What a network sees: input scaling, augmentation, label noise."""

from __future__ import annotations

from dataclasses import dataclass

from companion.data import INPUTS
from companion.data.augmentation import AUGMENTATIONS
from companion.training.parts import rules


@dataclass(frozen=True)
class Images:
    """inputs: an input scaling of `data.INPUTS`; augmentation: ``none``, ``crop_flip``,
    ``crop_flip_cutout``.
    label_noise: the probability with which a training label is replaced by a random one, the right
    one among them, once for the whole of a run; what is measured keeps the true labels.
    """

    inputs: str = "standardised"
    augmentation: str = "none"
    label_noise: float = 0.0

    def check_images(self) -> None:
        """Raise ValueError unless every field keeps its rule."""
        rules.one_of("inputs", self.inputs, INPUTS)
        rules.one_of("augmentation", self.augmentation, AUGMENTATIONS)
        rules.require(
            "label_noise", 0 <= self.label_noise <= 1, "in [0, 1]", self.label_noise,
            "0 switches it off",
        )  # fmt: skip
