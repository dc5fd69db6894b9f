"""What chapter 5 says in plain words of networks trained on the page, and the checks that guard
it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy import stats

from companion import data
from companion.chapters.batchnorm_norms import by_hand, channels, lab, parts, trainings
from companion.display.labs.settings import plan
from companion.display.labs.trained import trained
from companion.evidence import claims
from companion.evidence.records import Record
from companion.theory import norm_paths, norms
from companion.training.many_runs import Stack
from companion.training.settings import Settings

HERE = "networks trained here"


def check_theorems() -> None:
    """Guard the sentences about small networks, trained here; raises `claims.Unsupported`."""
    usual, small = (float(by_hand.cosines(1e-5, size).abs().max()) for size in (1.0, 0.01))
    claims.require(
        "the cosine is a hundred-thousandth at the usual size and nearly a tenth for weights a "
        "hundred times smaller",
        5e-6 < usual < 2e-5 and 0.05 < small < 0.1,
        HERE,
    )
    growth = [by_hand.flow_growth(rate) for rate in (0.2, 0.1)]
    claims.require(
        "in equal flow time a norm grows in proportion to the learning rate",
        abs(growth[0] / growth[1] - 2) < 0.1,
        HERE,
    )
    both = trainings.decay_as_rate()
    claims.require(
        "decay and a rising learning rate are the same network at every step",
        both["turned"] < 1e-9 and both["loss"] < 1e-9 and both["moved"] > 0.1,
        HERE,
    )
    seen = trainings.neighbours()
    memory = norms.memory_factor(seen["correlation"], 0.9)
    plain, better = (
        by_hand.rms(norms.equilibrium(0.1, 5e-3, seen["gradient"], 0.9, factor))
        for factor in (1.0, memory)
    )
    claims.require(
        "gradients five to thirty steps apart oppose each other, those of the next steps agree, "
        "which explains about half of the gap; the angle is predicted within two hundredths",
        memory < 1
        and seen["correlation"][:2].min() > 0 > seen["correlation"][4:30].mean()
        and 0.35 < (plain - better) / (plain - seen["norm"]) < 0.75
        and abs(seen["angle"] / norms.equilibrium_angle(0.1, 5e-3, 0.9) - 1) < 0.02,
        HERE,
    )


def check_channels() -> None:
    """Guard the sentences about the channels of one convolution."""
    free, decayed, held = (channels.held(hold) for hold in ("none", "wd", "wrs"))
    start, end = decayed.norm[0], decayed.settled()
    claims.require("the output does not notice where they start", channels.noticed() < 1e-2, HERE)
    claims.require(
        "channels start nine times apart and end about twice under decay, in an order that has "
        "little to do with where they started",
        abs(start.max() / start.min() - 9) < 0.01
        and 1.4 < end.max() / end.min() < 2.8
        and abs(stats.spearmanr(start, end).statistic) < 0.6,
        HERE,
    )
    off = abs(decayed.predicted() / end - 1)
    claims.require(
        "each channel's own gradients predict its norm, most within a twentieth",
        (off < 0.05).mean() > 0.7 and off.max() < 0.2,
        HERE,
    )
    claims.require(
        "without decay no norm ever falls, and the largest stays where it is",
        bool(np.all(np.diff(free.norm_square, axis=0) > -1e-4))
        and free.norm[-1].max() / free.norm[0].max() < 1.1,
        HERE,
    )
    claims.require(
        "WRS brings all back to 1, and in between none gets half as large again",
        bool(np.all(abs(held.norm[channels.TAU :: channels.TAU] - 1) < 1e-5))
        and held.norm[channels.TAU :].max() < 1.5,
        HERE,
    )


def check_returns(record: Record) -> None:
    """Guard the answer to AdamP's question: what a return to norm 1 every k steps changes; a record
    of `experiments.convnet.SGD`, whose rates and gradients the explorable takes."""
    first, _ = trainings.changed_predictions()
    claims.require("at that moment the output stays the same", first < 1e-3, HERE)
    free, held = (norm_paths.path(16_000, 1.0, 0.09, 0.1, tau=tau) for tau in (0, 400))
    rates = norms.effective_rate(0.1, free.norm_square)
    claims.require(
        "left alone the effective rate falls as one over the root of time; put back every 400 "
        "steps it stays within a third",
        abs(rates[16_000] / rates[4_000] - 0.5) < 0.03
        and norms.effective_rate(0.1, held.norm_square).min() > 0.1 / 1.5,
        "computed",
    )
    early = parts.series(record, "wrs", 1)["unit_gradient_square"].loc[: parts.EARLY].mean()
    shown = parts.path(
        record.provenance["arms"]["wrs"] | {"tau": 400}, np.full(3200, early), constant=3200
    )
    claims.require(
        "each return is a jump in the angle",
        bool(np.all(shown.angle[400::400] > 1.5 * shown.angle[399:-1:400])),
        record,
    )


def check_lab() -> None:
    """Guard what is said of the lab's settings, trained here as the lab trains them."""
    strong, small, large, still = _lab_norms(
        {}, {"weight_decay": 5e-4}, {"gain": 3.0}, {"gain": 3.0, "weight_decay": 5e-4}
    )
    claims.require(
        "with decay 5 the norm settles within a quarter of the dashed line, with 0.0005 it is "
        "not on the way",
        abs(strong / lab.expected_norm(_settings()) - 1) < 0.25
        and small < 0.2 * lab.expected_norm(_settings(weight_decay=5e-4)),
        HERE,
    )
    claims.require(
        "with decay 5 a network that starts three times larger ends where the other does, with "
        "0.0005 it keeps twice the norm or more",
        abs(large / strong - 1) < 0.05 and still > 2 * small,
        HERE,
    )
    few, law = trained(lab.setup(), batch=128), _settings(batch=128)
    waits = norms.AdamW(law.learning_rate, law.weight_decay, law.widths[0]).relaxation_steps
    claims.require(
        "with batches of 128 the norm stays further off; a relaxation takes 33 steps, and fifteen "
        "epochs have 135",
        few.weights[0].norm(dim=2).mean().item() > 1.3 * strong
        and round(waits) == 33
        and few.steps == 135,
        HERE,
    )


def _settings(**changed) -> Settings:
    setup = lab.setup()
    return plan(setup, setup.usual | changed).settings


def _lab_norms(*choices: dict[str, float]) -> list[float]:
    """The first layer's norm at the end of what each choice trains, all in one stack."""
    setup = lab.setup()
    plans = [plan(setup, setup.usual | choice) for choice in choices]
    members = [run for one in plans for run in one.members()]
    runs = [replace(run, number=number) for number, run in enumerate(members)]
    stack = Stack(runs, data.split(data.load(plans[0].dataset)))
    for _ in range(plans[0].settings.epochs):
        stack.train_epoch()
    return stack.weights[0].norm(dim=2).view(len(plans), -1).mean(dim=1).tolist()
