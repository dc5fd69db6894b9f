"""Chapter 5's side page: its parts, guards, figures and the experiments behind it."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from companion.chapters.batchnorm_norms import inside, span_conclusions, span_figures
from companion.chapters.batchnorm_norms.experiments import batches, period, resnet, small, windows
from companion.evidence import claims, records
from tests.chapters.altered import swapped

SPAN = "batchnorm-span-digits-book"
PERIOD = "batchnorm-period-digits-book"
WINDOWS = "batchnorm-windows-digits-book"
SIZES = "batchnorm-batch-size-digits-book"
RESNET = "batchnorm-resnet-cifar10-jpeg-book"


def recorded(name):
    return records.recorded(name)


# --- parts -----------------------------------------------------------------------------------


class Made:
    """A record of two arms, two paired runs, two epochs and two layers."""

    provenance = {  # noqa: RUF012
        "arms": {
            name: {"batch_size": 10, "milestones": [1], "rescale": "none", "tau": 0,
                   "optimizer": "sgd", "momentum": 0.9}
            for name in ("a", "b")
        },
        "split": {"train": 100},
        "epochs": 2,
    }  # fmt: skip

    def __init__(self):
        runs = [(0, "a", 0), (1, "a", 1), (2, "b", 0), (3, "b", 1)]
        self.epochs = pd.DataFrame(
            [
                {"run": run, "arm": arm, "seed": seed, "epoch": epoch,
                 "test_accuracy": (10 * epoch + run) / 100,
                 "batch_accuracy": 0.5, "inside_accuracy": 0.5 - run / 100}
                for run, arm, seed in runs
                for epoch in (0, 1, 2)
            ]
        )  # fmt: skip
        self.layers = pd.DataFrame(
            [
                {"run": run, "arm": arm, "seed": seed, "epoch": epoch, "layer": layer,
                 "share": run + 10 * layer + 100 * epoch}
                for run, arm, seed in runs
                for epoch in (0, 2)
                for layer in (1, 2)
            ]
        )  # fmt: skip
        self.steps = pd.DataFrame(
            [
                {"run": run, "arm": arm, "seed": seed, "step": step, "layer": 2,
                 "norm_square": 4.0 * (1 + step), "step_square": 4.0 * (1 + step) * (run + 1) ** 2,
                 "gradient_square": 1.0, "unit_gradient_square": 1.0, "angle": 0.1}
                for run, arm, seed in runs
                for step in (1, 6, 9, 15)
            ]
        )  # fmt: skip


def test_parts_by_hand():
    made = Made()
    found = inside.by_layer(made, "share")
    assert found.loc["a"].tolist() == [210.5, 220.5]
    assert inside.by_layer(made, "share", 0).loc["b"].tolist() == [12.5, 22.5]
    assert inside.by_epoch(made, "share", "a", 2).tolist() == [20.5, 220.5]
    assert inside.final(made)["b"].tolist() == [22, 23]
    assert inside.final(made, epoch=1)["a"].tolist() == [10, 11]
    early = inside.compared(made, [("a", "b")], epoch=1).iloc[0]
    assert early["estimate"] == pytest.approx(-2)
    gap = inside.compared(made, [("b", "a")]).iloc[0]
    assert (gap["estimate"], gap["low"], gap["high"]) == pytest.approx((2, 2, 2))
    assert inside.lost(made, "inside_accuracy") == pytest.approx(3)
    turns = inside.turns(made, 2)  # steps 6 and 9 of the first 10
    assert turns["turn"].tolist() == pytest.approx([1, 2, 3, 4])
    assert turns["accuracy"].tolist() == pytest.approx([20, 21, 22, 23])


def test_directions_of_different_lengths_make_heavy_tails():
    """A pool of normals whose standard deviations differ; each alone is normal."""
    found = inside.scales_apart()
    assert found["projections"] < found["each direction"]
    assert found["rms apart"] > 0.3
    assert abs(found["each direction"] - 2) < 0.15


# --- guards ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("check", "names", "arms"),
    [
        (span_conclusions.check_outside, [SPAN], ("wd", "none")),
        (span_conclusions.check_rising, [SPAN], ("wd", "none")),
        (span_conclusions.check_periods, [PERIOD, SPAN], ("tau-20", "tau-540")),
        (span_conclusions.check_windows, [WINDOWS], ("early, falling", "late, falling")),
        (span_conclusions.check_sizes, [SIZES], ("weak, 8", "strong, 8")),
        (span_conclusions.check_resnet, [RESNET], ("wd", "none")),
    ],
    ids=["outside", "rising", "periods", "windows", "sizes", "resnet"],
)
def test_a_guard_holds_on_its_record_and_not_on_another(check, names, arms):
    shipped = [recorded(name) for name in names]
    check(*shipped)
    with pytest.raises(claims.Unsupported):
        check(*(swapped(one, *arms) for one in shipped))


def test_the_guard_of_shapes_holds():
    span_conclusions.check_shapes(recorded(SPAN))


# --- figures ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("draw", "names", "word"),
    [
        (span_figures.outside, [SPAN], "outside share"),
        (span_figures.shapes, [SPAN], "β in the input span"),
        (span_figures.periods, [PERIOD], "every 180"),
        (span_figures.when_and_how_many, [WINDOWS, SIZES], "at batches of 8, 32, 128"),
    ],
    ids=["outside", "shapes", "periods", "windows"],
)
def test_figures_say_their_numbers(draw, names, word):
    shown = draw(*(recorded(name) for name in names))
    assert word in shown.alt
    assert shown.caption.endswith(".")
    assert "book scale" in shown.ran


# --- experiments -----------------------------------------------------------------------------


def test_arms_differ_from_their_baselines_in_what_they_are_named_for():
    for module in (resnet.CIFAR, small.DIGITS):
        start = module.arms["none"].settings
        assert module.arms["wd"].settings == replace(start, decayed=resnet.KERNELS)
        decay = start.weight_decay
        assert module.arms["rate"].settings == replace(start, decay_as_rate=decay)
    wrs = resnet.CIFAR.arms["wrs"].settings
    for name in ("wrs, early", "wrs, late"):
        own = resnet.CIFAR.arms[name].settings
        assert replace(own, rescale_window=()) == wrs
    assert [period.DIGITS.arms[period.period_arm(tau)].settings.tau for tau in period.PERIODS] == [
        *period.PERIODS
    ]
    for size in batches.SIZES:
        weak, strong = (
            batches.DIGITS.arms[batches.arm(kind, size)].settings for kind in ("weak", "strong")
        )
        assert replace(weak, weight_decay=batches.STRONG) == strong
        assert weak.batch_size == size


def test_windows_cover_the_training_once():
    first, second = windows.WINDOWS["early"], windows.WINDOWS["late"]
    assert first[0] == 1
    assert second == (first[1] + 1, windows.DIGITS.scales["book"].epochs)
    for falls in (False, True):
        always = windows.DIGITS.arms[windows.arm("always", falls)].settings
        for when, window in windows.WINDOWS.items():
            own = windows.DIGITS.arms[windows.arm(when, falls)].settings
            assert own == replace(always, rescale_window=window)


def test_records_are_paired_and_of_the_declared_arms():
    for name, experiment in (
        (SPAN, small.DIGITS),
        (PERIOD, period.DIGITS),
        (RESNET, resnet.CIFAR),
    ):
        record = recorded(name)
        seeds = record.epochs.groupby("arm")["seed"].agg(lambda s: tuple(sorted(set(s))))
        assert len(set(seeds)) == 1
        assert set(record.provenance["arms"]) == set(
            experiment.scales["book"].arms or experiment.arms
        )
        assert np.isfinite(record.epochs["test_accuracy"]).all()
        assert not record.provenance["reduced"]
