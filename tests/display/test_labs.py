"""The lab itself, without a browser: what the reader does, and what then stands on the page."""

import re
import sys
import time
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from companion.chapters.rescaling import lab as rescaling_lab
from companion.chapters.rescaling.experiments import scale_grid
from companion.display.labs import colab, drawing, full, view
from companion.display.labs.jobs import DONE, RUNNING, STOPPED
from companion.display.labs.mlp import EPOCH, NEVER, STEPS
from companion.evidence import records
from tests.references.labs import CONTROLS, RANGES, plan

PATIENCE = 60


@pytest.fixture
def lab(tmp_path):
    made = rescaling_lab.rescaling(tmp_path)
    put(made, width=8, depth=2, runs=2, epochs=3, device="cpu")
    yield made
    if made.busy:
        made.busy.stop()


def put(lab, **values) -> None:
    """Type values into the controls, one after another."""
    for name, value in values.items():
        field = lab.controls.fields[name]
        field.value = str(value) if isinstance(field.value, str) else value


def finish(lab):
    end = time.monotonic() + PATIENCE
    while lab.busy or any(not r.training.wait(0) for r in lab.results):
        assert time.monotonic() < end
        time.sleep(0.01)


def until(condition) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.005)


def run(lab):
    lab.run.click()
    finish(lab)


def test_a_run_draws_says_and_lists(lab):
    assert "Not run yet" in lab.status.value
    assert lab.stop.disabled
    run(lab)
    assert "Finished: 3 epochs, test accuracy" in lab.status.value
    assert 'role="status"' in lab.status.value
    assert [r.name for r in lab.results] == ["A"]
    assert 'stroke="var(--wis-none)"' in lab.figure.value
    assert "A: width 8, gain 2, never rescaled, 2 hidden layers" in lab.figure.value
    assert ">3 of 3<" in lab.table.value
    assert lab.run.disabled  # it is done


def test_results_are_named_and_going_back_is_instant(lab):
    run(lab)
    first = lab.figure.value
    put(lab, frequency=EPOCH)
    assert "Not run yet" in lab.status.value
    run(lab)
    assert [r.name for r in lab.results] == ["A", "B"]
    assert 'stroke="var(--wis-wr)"' in lab.figure.value
    both = lab.figure.value
    trained = [r.training for r in lab.results]
    lab.back.value = "A"  # by its button
    assert lab.controls.choice["frequency"] == "never"
    assert "Finished" in lab.status.value
    put(lab, frequency=EPOCH)  # by the controls
    assert lab.back.value == "B"
    assert lab.figure.value == both != first
    lab.run.click()
    assert [r.training for r in lab.results] == trained
    assert lab.busy is None
    lab.forget.click()
    assert lab.results == []
    assert lab.history.layout.display == "none"


def test_stop_keeps_the_curve_and_run_goes_on(lab):
    put(lab, epochs=3000)
    lab.run.click()
    training = lab.results[0].training
    until(lambda: training.epoch >= 2)
    assert not lab.stop.disabled
    assert lab.run.disabled
    until(lambda: "<progress" in lab.status.value)
    lab.stop.click()
    assert training.state == STOPPED
    assert "its curves are kept. Go on continues there." in lab.status.value
    assert lab.run.description == "Go on"
    assert "stopped" in lab.table.value
    measured = training.epoch
    lab.run.click()
    until(lambda: training.epoch > measured)
    lab.stop.click()
    put(lab, epochs=3)
    assert lab.run.description == "Run"
    run(lab)
    assert lab.results[1].training.state == DONE
    assert not training.resumable  # its networks went when another training began
    put(lab, epochs=3000)
    assert "Run begins anew" in lab.status.value


def test_a_bad_value_gets_its_sentence_and_the_lab_lives_on(lab):
    put(lab, width="-3")
    assert 'role="alert"' in lab.message.value
    assert "Layer width must be a whole number from 1 to 4,096, got -3" in lab.message.value
    lab.run.click()
    assert lab.results == []
    assert lab.busy is None
    assert lab.fix.description == "Use 1"
    lab.fix.click()
    assert lab.controls.choice["width"] == "1"
    assert lab.message.value == ""
    put(lab, width="<b>&")
    assert "<b>" not in lab.message.value
    put(lab, width=8, frequency=STEPS, period="1000")
    assert "the steps of the whole training" in lab.message.value
    put(lab, period="5")
    run(lab)
    assert lab.results[0].training.state == DONE


def test_a_bad_value_does_not_disturb_a_training(lab):
    put(lab, epochs=3000)
    lab.run.click()
    until(lambda: lab.results[0].training.epoch >= 1)
    put(lab, gain="zero")
    assert "Gain must be" in lab.message.value
    measured = lab.results[0].training.epoch
    until(lambda: lab.results[0].training.epoch > measured)
    lab.stop.click()
    assert lab.results[0].training.state == STOPPED


def test_a_set_that_cannot_be_loaded_is_a_sentence(lab, monkeypatch):
    def load(*_, **__):
        raise ValueError("mnist could not be downloaded; without a network, use digits")

    monkeypatch.setattr("companion.data.load", load)
    put(lab, dataset="mnist")
    run(lab)
    assert "mnist could not be downloaded; without a network, use digits." in lab.status.value
    put(lab, dataset="digits")
    assert "Not run yet" in lab.status.value


def test_a_damaged_local_set_is_a_sentence(lab, monkeypatch):
    def plan(*_):
        raise ValueError("faces/train.parquet is damaged; restore it")

    monkeypatch.setattr(view, "plan", plan)
    lab.refresh()
    assert "faces/train.parquet is damaged; restore it" in lab.message.value
    assert lab.fix.layout.display == "none"


def test_the_recorded_band_and_its_verdict(tmp_path):
    lab = rescaling_lab.rescaling(tmp_path)
    assert "recorded" in lab.figure.value
    assert "Behind, the recorded band of width 64, gain 2, never." in lab.figure.value
    put(lab, epochs=2, runs=2, device="cpu")
    run(lab)
    assert re.search(r"(Inside|Outside): after epoch 2 your 2 runs", lab.verdict.value)
    put(lab, learning_rate=0.03)
    assert "recorded" not in lab.figure.value
    assert "Inside" not in lab.verdict.value


def test_the_sliders_set_the_number_and_follow_it(lab):
    lab.controls.sliders["width"].value = 128
    assert lab.controls.choice["width"] == "128"
    put(lab, width="60")
    assert lab.controls.sliders["width"].value == 64
    assert lab.controls.choice["width"] == "60"
    put(lab, width="wide")
    assert lab.controls.sliders["width"].value == 64


def test_what_is_rare_is_folded_away(lab):
    controls = lab.controls
    assert controls.folded.layout.display == "none"
    controls.more.value = True
    assert controls.folded.layout.display == "grid"
    assert controls.rows["period"].layout.display == "none"
    put(lab, frequency=STEPS)
    assert controls.rows["period"].layout.display is None
    assert all(field.description for field in controls.fields.values())


def test_the_full_experiment_tells_its_cost_first(tmp_path, monkeypatch):
    grid = scale_grid.GRID
    name = scale_grid.arm_name(64, 1.0, None)
    small = replace(
        grid,
        arms={name: grid.arms[name]},
        scales={"full": replace(grid.scales["full"], runs=2, epochs=2)},
    )
    monkeypatch.setattr(rescaling_lab.scale_grid, "GRID", small)
    lab = rescaling_lab.rescaling(tmp_path)
    view = lab.full_view
    view.ask.click()
    view.cost.wait(PATIENCE)
    until(lambda: not view.confirm.disabled)
    assert "2 runs of 2 epochs" in view.offer.value
    assert "companion run scale-grid --data digits --scale full" in view.offer.value
    assert not list(tmp_path.iterdir())  # nothing has begun
    view.leave.click()
    assert view.layout.display == "none"
    view.ask.click()
    view.confirm.click()
    lab.full.wait(PATIENCE)
    until(lambda: lab.recorded.record is lab.full.record)
    assert "is recorded in" in lab.status.value
    assert records.verify(tmp_path / "scale-grid-digits-full") == []
    view.confirm.click()
    assert "is recorded in" in lab.status.value


def test_while_something_runs_nothing_else_begins(lab):
    put(lab, epochs=3000)
    lab.run.click()
    until(lambda: lab.results[0].training.epoch >= 1)
    assert lab.full_view.ask.disabled
    lab.full_view.ask.click()
    assert lab.full_view.cost.state != RUNNING
    put(lab, width=9)
    lab.run.click()
    assert len(lab.results) == 1
    lab.stop.click()


def test_the_page_has_the_recorded_results_and_a_link_instead_of_run(lab, monkeypatch):
    bundle = lab._repr_mimebundle_()
    page = bundle["text/html"]
    assert '<weights-explorable id="rescaling-lab"' in page
    assert records.recorded("scale-grid-digits-book").label() in page
    link = "https://colab.research.google.com/github/weights-in-scale/weights-in-scale/blob/colab/"
    assert f'href="{link}notebooks/03-decay-and-rescaling.ipynb"' in page
    assert ">Run<" not in page
    start = lab.about.page().start
    controls = lab.about.page().controls
    first = [control.values[index] for control, index in zip(controls, start, strict=True)]
    assert first == [64, 2.0, "never"]
    assert "model_id" in bundle["application/vnd.jupyter.widget-view+json"]
    monkeypatch.setitem(sys.modules, "google.colab", sys)
    assert "text/html" not in lab._repr_mimebundle_()


def test_without_an_installed_package_the_link_goes_to_colab(monkeypatch):
    def missing(_):
        raise colab.PackageNotFoundError

    monkeypatch.setattr(colab, "metadata", missing)
    assert colab.address("x.ipynb") == "https://colab.research.google.com"


def test_no_drawing_has_a_number_that_is_none(lab):
    """Diverging runs draw what is finite; every coordinate is a number."""
    put(lab, gain=1000, learning_rate=100, depth=12, epochs=3)
    run(lab)
    assert lab.results[0].training.state == DONE
    assert "nan" not in lab.figure.value
    assert "no number in" in lab.table.value or "inf" not in lab.table.value


def test_a_long_curve_is_thinned():
    import numpy as np

    line = drawing.Line("A", np.linspace(1, 99, 10_000))
    drawn = drawing.panel(drawing.Axes("T", "n", 9_999, (0, 100)), [line])
    assert len(drawn) < 20_000
    assert drawn.count("<text") > 10


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (5900, "98 minutes"),
        (5999, "1.7 hours"),
        (0, "1 second"),
        (99.4, "99 seconds"),
        (172_000, "2.0 days"),
    ],
)
def test_durations(seconds, said):
    assert full.duration(seconds) == said


# --- random hands on the controls --------------------------------------------------------------

TYPED = st.one_of(
    st.integers(-3, 5000).map(str), st.floats().map(str), st.text(max_size=8),
    st.sampled_from(["", "64", "1e3", "<script>", "-0", "1,000"]),
)  # fmt: skip


@pytest.fixture(scope="module")
def tried(tmp_path_factory):
    made = rescaling_lab.rescaling(tmp_path_factory.mktemp("tried"))
    put(made, width=8, depth=1, runs=1, epochs=1, device="cpu")
    return made


@settings(max_examples=250)
@given(st.sampled_from(RANGES), TYPED, st.sampled_from([NEVER, STEPS, EPOCH]))
def test_random_hands_on_the_controls_never_leave_a_lab_dead(tried, field, typed, frequency):
    """After whatever was typed there is a sentence or a plan, and Use leads back to a plan."""
    put(tried, frequency=frequency, **{field: typed})
    for _ in range(20):
        if not tried.message.value:
            break
        assert 'role="alert"' in tried.message.value
        tried.fix.click()
    assert tried.message.value == ""
    assert not tried.run.disabled or tried.find(plan(dict(tried.controls.choice)))
    put(tried, **{field: CONTROLS[field].start if field != "runs" else 1})
