"""Chapter 5's lab: where it starts, what its dashed line is, and its batch size."""

import math

import pytest

from companion.chapters.batchnorm_norms import lab
from companion.display.labs.control import Refusal
from companion.display.labs.settings import plan
from companion.display.labs.trained import trained
from companion.theory import norms


def test_the_lab_starts_at_a_recorded_arm(tmp_path):
    made = lab.norms_and_steps(tmp_path)
    assert "recorded band of wd-5" in made.figure.value
    assert made.message.value == ""


def test_the_labs_line_is_the_equilibrium():
    setup = lab.setup()
    start = plan(setup, setup.usual).settings
    assert lab.expected_norm(start) == pytest.approx(norms.AdamW(3e-3, 5.0, 64).norm)
    held = plan(setup, setup.usual | {"frequency": "every k steps"}).settings
    assert (held.rescale, held.rescale_layers) == ("wrs", "not_output")
    assert lab.expected_norm(held) == 1
    plain = plan(setup, setup.usual | {"optimizer": "sgd"}).settings
    assert math.isnan(lab.expected_norm(plain))


def test_the_lab_trains_with_the_batch_size_that_is_typed():
    setup = lab.setup()
    made = plan(setup, setup.usual | {"batch": "128", "epochs": 2, "runs": 1})
    assert made.settings.batch_size == 128
    assert made.settings.normalization == "batch"
    assert "batches of 128" in setup.words(setup.usual | {"batch": 128})
    stack = trained(setup, batch="128", epochs=2, runs=1)
    assert stack.steps == 2 * math.ceil(1150 / 128)


@pytest.mark.parametrize(
    ("size", "nearest", "message"),
    [
        (0, 2, "Batch size must be a whole number from 1 to 60,000, got 0; the nearest .* is 2"),
        (2000, 1150, "Batch size must be at most 1,150, the training images, got 2,000"),
        (1, 2, "Batch norm needs 2 images or more in every batch, and batches of 1 leave 1"),
        (383, 384, "batches of 383 leave 1 of the 1,150 .* another number, got 383"),
    ],
)
def test_a_batch_size_that_cannot_be_trained_gets_a_sentence(size, nearest, message):
    setup = lab.setup()
    with pytest.raises(Refusal, match=message) as caught:
        plan(setup, setup.usual | {"batch": size})
    assert (caught.value.field, caught.value.nearest) == ("batch", nearest)


def test_a_rescale_period_may_be_as_long_as_the_steps_of_that_batch_size():
    setup = lab.setup()
    chosen = setup.usual | {"frequency": "every k steps", "batch": 1150, "period": 16}
    with pytest.raises(Refusal, match="k must be at most 15, the steps of the whole training"):
        plan(setup, chosen)
    assert plan(setup, chosen | {"period": 15}).settings.tau == 15


def test_a_reader_sets_the_batch_size_and_runs(tmp_path):
    """What the page's hands would do, without a browser: a wrong size, its remedy, a run."""
    made = lab.norms_and_steps(tmp_path)
    assert made.controls.rows["batch"] in made.controls.children
    for name, value in (("epochs", "1"), ("runs", "1"), ("device", "cpu"), ("batch", "383")):
        made.controls.fields[name].value = value
    assert "batches of 383 leave 1" in made.message.value
    made.fix.click()
    assert made.message.value == ""
    assert made.controls.choice["batch"] == "384"
    made.run.click()
    assert made.results[0].training.wait(60)
    assert made.results[0].training.plan.settings.batch_size == 384
    assert "batches of 384" in made.figure.value
