"""What holds the weights apart from decay: rescaling, or a penalty on their variance."""

from __future__ import annotations

from dataclasses import dataclass

from companion.methods.rescaling import Rescaling
from companion.training.parts import rules


@dataclass(frozen=True)
class Hold:
    """rescale: ``none``, ``wr``, ``wrs``; tau: rescale period in optimizer steps, 0 for once an
    epoch; the other ``rescale_`` settings are the choices of `Rescaling`. variance_penalty: kappa,
    the factor of ``(Var(w) / sigma^2 - 1)^2``, summed over the layers, in the loss
    (`training.variance_penalty`); not under weight normalization.
    """

    rescale: str = "none"
    tau: int = 0
    rescale_to: str = "sigma"
    rescale_per: str = "layer"
    rescale_mean: str = "keep"
    rescale_biases: str = "reset"
    rescale_window: tuple[int, ...] = ()
    rescale_at: str = "end"
    rescale_layers: str = "all"
    variance_penalty: float = 0.0

    def check_hold(self) -> None:
        """Raise ValueError unless this describes a rescaling and a penalty."""
        self.rescaling  # noqa: B018  (building it checks its choices)
        rules.require(
            "variance_penalty",
            rules.not_negative(self.variance_penalty),
            "finite and >= 0",
            self.variance_penalty,
            "0 switches it off",
        )

    @property
    def rescaling(self) -> Rescaling:
        """Rule and period together."""
        return Rescaling(
            self.rescale,
            self.tau,
            self.rescale_to,
            self.rescale_per,
            self.rescale_mean,
            self.rescale_biases,
            self.rescale_window,
            self.rescale_at,
            self.rescale_layers,
        )
