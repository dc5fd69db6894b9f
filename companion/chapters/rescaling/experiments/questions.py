"""Questions that the paper on weight rescaling leaves open, each an experiment of its own.

Niehaus, Krumnack and Heidemann close with what they did not try: other rescale periods, widths and
learning rates, biases rescaled instead of reset, layer normalization, a variance penalty. Here each
is a list of arms that differ in one thing, and a list of the pairs that answer it.

All start from one network: the paper's hidden layers of 64 and 32 units on the 8x8 digits, trained
40 epochs at learning rate 0.1. So large a rate is chosen because only then a plain run overfits on
the digits: its weights grow and its test loss ends above that of a rescaled one. At 0.02, where a
plain run stays well, rescaling has nothing to repair. `LEARNING_RATE` shows both.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from companion.experiments.arm import Arm
from companion.experiments.plan import Experiment, Scale
from companion.measure import catalogue
from companion.training.settings import Settings

BASE = Settings(learning_rate=0.1, epochs=40)
WR = replace(BASE, rescale="wr")
SOURCE = "questions left open by Niehaus, Krumnack and Heidemann"
PAPER_RATE = MappingProxyType({"learning_rate": 1e-3})
"""What the full scale, on the paper's images, changes in every arm: the paper's learning rate."""


@dataclass(frozen=True)
class Pair:
    """Two arms whose difference answers a question: what the reader calls it, arm, baseline.

    expected: the sign of the difference in accuracy that the paper's own result suggests (a
    rescaled run beats a plain one), None where it suggests none.
    """

    name: str
    arm: str
    baseline: str
    expected: int | None = None


@dataclass(frozen=True)
class Question:
    """The question in words, its experiment, and the pairs that answer it."""

    asked: str
    experiment: Experiment
    pairs: tuple[Pair, ...]


def _arm(name: str, settings: Settings) -> Arm:
    """A question's arm as figures show it: a variance penalty pulls as weight decay does, and has
    its colour; a changed schedule or normalization is dashed."""
    held = settings.rescale != "none"
    pulled = settings.weight_decay or settings.variance_penalty
    family = "wr" if held else "wd" if pulled else "none"
    changed = settings.schedule != "constant" or settings.normalization != "none"
    label = {"wr": "WR"}.get(name, name.replace("wr,", "WR,"))
    return Arm(settings, None, label, family, "dashed" if changed else "solid")


def _experiment(
    name: str,
    title: str,
    arms: Mapping[str, Settings],
    only: tuple[tuple[str, ...] | None, tuple[str, ...] | None] = (None, None),
    changes: Mapping[str, Any] = PAPER_RATE,
) -> Experiment:
    """The experiment with its three scales; only: the arms for the digits and for CIFAR-10."""
    small, large = only
    return Experiment(
        name=name,
        title=title,
        source=SOURCE,
        measures=catalogue.EACH_EPOCH,
        layers=(2,),
        arms={arm: _arm(arm, settings) for arm, settings in arms.items()},
        scales={
            "quick": Scale("quick", 2, 4, ("digits",), "a check that everything runs", small),
            "book": Scale("book", 20, 40, ("digits",), "twenty runs an arm, on two cores", small),
            "full": Scale(
                "full", 100, 100, ("cifar10", "cifar10-jpeg"), "the paper's images and learning "
                "rate, on a GPU", large, dict(changes),
            ),
        },
        deviations=(
            "Unless the arm's name says otherwise: digits, hidden layers 64-32, SGD with momentum "
            "0.9 and learning rate 0.1, batches of 32, WR once an epoch.",
        ),
    )  # fmt: skip


def _in_pairs(name: str, changes: Mapping[str, dict[str, Any]]) -> tuple[dict, tuple[Pair, ...]]:
    """Arms ``<value>, none`` and ``<value>, WR`` for every value, and the pair of each."""
    arms, pairs = {}, []
    for value, change in changes.items():
        plain, held = f"{name} {value}, none", f"{name} {value}, WR"
        arms |= {plain: replace(BASE, **change), held: replace(WR, **change)}
        pairs.append(Pair(f"{name} {value}", held, plain, expected=1))
    return arms, tuple(pairs)


def _beside_wr(given: dict[str, Settings], plain: str) -> tuple[dict, tuple[Pair, ...]]:
    """Arms ``none``, ``wr`` and those given, and each one's pair with ``wr``; plain: the name of
    that of ``none``."""
    pairs = (Pair(name, name, "wr") for name in given)
    return {"none": BASE, "wr": WR} | given, (*pairs, Pair(plain, "none", "wr", expected=-1))


# --- how often -------------------------------------------------------------------------------

_STEPS = (1, 4, 12)
_DIGITS_EPOCHS = {"every 3 epochs": 3 * 36, "every 10 epochs": 10 * 36}
"""The digits' 1,150 training images are 36 batches of 32, CIFAR-10's 40,000 are 1,250."""
_LARGE_EPOCHS = {"every 3,750 steps": 3 * 1250, "every 12,500 steps": 10 * 1250}


def _step_name(tau: int) -> str:
    return "every step" if tau == 1 else f"every {tau} steps"


_PERIODS = (
    {_step_name(tau): tau for tau in _STEPS} | {"every epoch": 0} | _DIGITS_EPOCHS | _LARGE_EPOCHS
)
_EVERYWHERE = ("never", *map(_step_name, _STEPS), "every epoch")

FREQUENCY = Question(
    "How often must the weights be rescaled?",
    _experiment(
        "rescaling-frequency",
        "How often to rescale, from every step to every 10 epochs",
        {"never": BASE} | {name: replace(WR, tau=tau) for name, tau in _PERIODS.items()},
        only=((*_EVERYWHERE, *_DIGITS_EPOCHS), (*_EVERYWHERE, *_LARGE_EPOCHS)),
    ),
    tuple(Pair(name, name, "never", expected=1) for name in _PERIODS),
)

# --- at which scale, in which network, with which learning rate ---------------------------------

GAINS = (0.5, 0.7, 1.0, 1.4, 2.0)
"""Multiples of ReLU's gain sqrt 2: the initial sigma, and the sigma that WR returns to."""
_arms, _pairs = _in_pairs("gain", {f"{gain:g}": {"gain": gain * math.sqrt(2)} for gain in GAINS})
GAIN = Question(
    "At which scale should the weights be held?",
    _experiment("rescaling-gain", "Gains from half to twice the usual sigma", _arms),
    _pairs,
)

WIDTHS = (8, 16, 32, 64, 128)
_arms, _pairs = _in_pairs(
    "width", {f"{width}": {"widths": (3072, width, width, 10)} for width in WIDTHS}
)
WIDTH = Question(
    "Does the width of the hidden layers matter?",
    _experiment("rescaling-width", "Two hidden layers of 8 to 128 units", _arms),
    _pairs,
)

RATES = (0.001, 0.005, 0.02, 0.05, 0.1, 0.2)
_arms, _pairs = _in_pairs("rate", {f"{rate:g}": {"learning_rate": rate} for rate in RATES})
LEARNING_RATE = Question(
    "Does the learning rate matter?",
    _experiment(
        "rescaling-learning-rate", "Learning rates from 0.001 to 0.2", _arms, changes={}
    ),
    _pairs,
)  # fmt: skip

# --- which rescaling ----------------------------------------------------------------------------

CHOICES = {
    "biases kept": {"rescale_biases": "keep"},
    "biases scaled": {"rescale_biases": "scale"},
    "mean removed": {"rescale_mean": "remove"},
    "per unit": {"rescale_per": "unit"},
    "to the initial std": {"rescale_to": "initial"},
}
"""Each departs in one choice from the paper's: per layer, to sigma, mean kept, biases reset."""
_arms, _pairs = _beside_wr(
    {name: replace(WR, **change) for name, change in CHOICES.items()}, "no rescaling"
)
CHOICE = Question(
    "Which of the paper's choices matter: biases, mean, layer or unit, target?",
    _experiment(
        "rescaling-choices",
        "Biases kept or scaled, mean removed, per unit, to the empirical std",
        _arms,
    ),
    _pairs,
)

# --- with what else -----------------------------------------------------------------------------

_ADAM = {"optimizer": "adam", "learning_rate": 3e-3}
_ADAMW = {"optimizer": "adamw", "learning_rate": 3e-3, "weight_decay": 0.01}
OPTIMIZER = Question(
    "Does it help Adam and AdamW too?",
    _experiment(
        "rescaling-optimizers",
        "WR with Adam and AdamW, learning rate 0.003",
        {
            "Adam, none": replace(BASE, **_ADAM),
            "Adam, WR": replace(WR, **_ADAM),
            "AdamW 0.01, none": replace(BASE, **_ADAMW),
            "AdamW 0.01, WR": replace(WR, **_ADAMW),
        },
    ),
    (
        Pair("WR with Adam", "Adam, WR", "Adam, none", expected=1),
        Pair("WR with AdamW 0.01", "AdamW 0.01, WR", "AdamW 0.01, none"),
        Pair("AdamW 0.01 for Adam", "AdamW 0.01, none", "Adam, none"),
    ),
)

NORMALIZATION = Question(
    "Does layer normalization do the same?",
    _experiment(
        "rescaling-layer-norm",
        "Layer normalization instead of rescaling, and both",
        {
            "none": BASE,
            "wr": WR,
            "layer norm": replace(BASE, normalization="layer"),
            "layer norm, WR": replace(WR, normalization="layer"),
        },
    ),
    (
        Pair("WR", "wr", "none", expected=1),
        Pair("layer norm", "layer norm", "none"),
        Pair("layer norm for WR", "layer norm", "wr"),
        Pair("WR on layer norm", "layer norm, WR", "layer norm"),
    ),
)

PENALTIES = (3e-4, 3e-3, 3e-2, 3e-1)
"""kappa: the first hardly slows the growth of the weights, the last leaves none."""


def penalty_name(kappa: float) -> str:
    """The arm of a variance penalty.

    >>> penalty_name(3e-4)
    'penalty 0.0003'
    """
    return f"penalty {kappa:g}"


_arms, _pairs = _beside_wr(
    {penalty_name(kappa): replace(BASE, variance_penalty=kappa) for kappa in PENALTIES},
    "no penalty",
)
PENALTY = Question(
    "Does a penalty on the weights' variance do the same?",
    _experiment(
        "rescaling-variance-penalty",
        "A variance penalty of four strengths in the loss, WR untuned",
        _arms,
    ),
    _pairs,
)

# --- is it something else in disguise -----------------------------------------------------------

DECAYS = (1e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2)


def decay_name(decay: float) -> str:
    """The arm of a weight decay.

    >>> decay_name(3e-4)
    'WD 0.0003'
    """
    return f"WD {decay:.5f}".rstrip("0")


_arms, _pairs = _beside_wr(
    {decay_name(decay): replace(BASE, weight_decay=decay) for decay in DECAYS}, "no decay"
)
DECAY = Question(
    "What does a method without hyperparameter cost or save against a tuned weight decay?",
    _experiment("rescaling-decay", "Weight decay tuned over seven values, WR untuned", _arms),
    _pairs,
)

GROWTH = 1.12
"""By this the weight std of the plain network's layer 2 grows from one of `GROWN` to the next."""
GROWN = (1, 2, 4, 10, 20)
_STEP = {"schedule": "step", "milestones": GROWN}
SCHEDULE = Question(
    "Is rescaling a learning-rate schedule in disguise?",
    _experiment(
        "rescaling-schedule",
        "Plain runs with a rising rate, rescaled runs with a falling one",
        {
            "none": BASE,
            "wr": WR,
            "none, rising rate": replace(BASE, **_STEP, drop=GROWTH),
            "wr, falling rate": replace(WR, **_STEP, drop=1 / GROWTH),
        },
    ),
    (
        Pair("WR", "wr", "none", expected=1),
        Pair("plain, rising rate", "none, rising rate", "none"),
        Pair("WR, falling rate", "wr, falling rate", "none"),
        Pair("WR, falling for constant", "wr, falling rate", "wr"),
    ),
)

QUESTIONS: dict[str, Question] = {
    question.experiment.name: question
    for question in (
        FREQUENCY, GAIN, WIDTH, LEARNING_RATE, CHOICE, OPTIMIZER, NORMALIZATION, PENALTY, DECAY,
        SCHEDULE,
    )
}  # fmt: skip
