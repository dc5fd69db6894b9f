"""Experiments: the plan they declare, their names, and the provenance of a record."""

import itertools
import json
import math
import shutil
import subprocess
from collections import Counter
from dataclasses import replace

import pytest

from companion import __version__, chapters
from companion.chapters.rescaling.experiments import scale_grid
from companion.chapters.rescaling.experiments.mlp import MLP
from companion.experiments import sources
from companion.experiments.plan import SEEDS_PER_ARM, Experiment, Scale
from companion.models.mlp import N_WIDTHS
from companion.training.settings import Settings

TOY = Experiment(
    name="toy",
    title="a toy",
    source="this test",
    arms={
        "a": Settings(widths=(1, 6, 5, 1)),
        "b": Settings(widths=(1, 4, 1), rescale="wr"),
        "c": Settings(widths=(1, 4, 1), weight_decay=0.1),
    },
    scales={
        "quick": Scale("quick", 2, 3, ("digits",), "a test"),
        "part": Scale("part", 1, 1, ("digits",), "two of three arms", arms=("a", "c")),
    },
)


# --- the plan --------------------------------------------------------------------------------


def test_a_plan_has_every_arm_with_its_runs_numbered():
    plan = TOY.runs("quick", shape=(1, 8, 8), classes=10)
    assert [run.number for run in plan] == list(range(6))
    assert [run.arm for run in plan] == ["a", "a", "b", "b", "c", "c"]
    assert [run.seed for run in plan] == [0, 1, 1000, 1001, 2000, 2001]


def test_a_paired_plan_gives_every_arm_the_same_seeds():
    plan = replace(TOY, paired=True).runs("quick", shape=(1, 8, 8), classes=10)
    assert [run.number for run in plan] == list(range(6))
    assert [run.seed for run in plan] == [0, 1, 0, 1, 0, 1]


def test_widths_and_epochs_are_fitted_and_nothing_else():
    for run in TOY.runs("quick", shape=(1, 8, 8), classes=10):
        declared = TOY.arms[run.arm].settings
        widths = (64, *declared.widths[1:-1], 10)
        assert run.settings == replace(declared, widths=widths, epochs=3)


def test_runs_and_epochs_override_the_scale():
    plan = TOY.runs("quick", (1, 8, 8), 10, runs=4, epochs=7)
    assert Counter(run.arm for run in plan) == {"a": 4, "b": 4, "c": 4}
    assert {run.settings.epochs for run in plan} == {7}


@pytest.mark.parametrize(
    ("scale", "arms", "chosen"),
    [
        ("quick", ("c", "b"), ["b", "b", "c", "c"]),
        ("part", None, ["a", "c"]),
        ("part", ["b"], ["b"]),
    ],
)
def test_leaving_arms_out_changes_no_other_run(scale, arms, chosen):
    plan = TOY.runs(scale, (1, 8, 8), 10, arms=arms)
    assert [run.arm for run in plan] == chosen
    assert [run.number for run in plan] == list(range(len(chosen)))
    whole = {(run.arm, run.seed): run.settings for run in TOY.runs("quick", (1, 8, 8), 10)}
    for run in plan:
        assert replace(run.settings, epochs=3) == whole[run.arm, run.seed]


@pytest.mark.parametrize("count", [0, -1])
def test_no_runs_are_refused(count):
    with pytest.raises(ValueError, match=rf"runs must be from 1 to 1000, got {count}; toy uses 2"):
        TOY.runs("quick", (1, 8, 8), 10, runs=count)


def test_no_epochs_are_refused():
    with pytest.raises(ValueError, match=r"epochs must be from 1 to 32767, got 0; toy uses 3"):
        TOY.runs("quick", (1, 8, 8), 10, epochs=0)


def test_an_unknown_arm_is_refused():
    with pytest.raises(ValueError, match=r"arm must be one of a; b; c for toy, got 'd'; pick from"):
        TOY.runs("quick", (1, 8, 8), 10, arms=["a", "d"])


def test_an_unknown_scale_is_refused():
    for ask in (TOY.scale, lambda name: TOY.runs(name, (1, 8, 8), 10)):
        with pytest.raises(ValueError, match=r"one of quick, part for toy, got 'huge'; pick one"):
            ask("huge")


def test_two_runs_never_share_a_seed():
    """Runs of two arms with one seed start alike: they are no independent samples."""
    with pytest.raises(ValueError, match=f"{SEEDS_PER_ARM}"):
        TOY.runs("quick", (1, 8, 8), 10, runs=SEEDS_PER_ARM + 1)


# --- the experiments -------------------------------------------------------------------------


def test_an_experiment_is_found_by_its_name():
    for name, experiment in chapters.experiments().items():
        assert chapters.find(name) is experiment
        assert experiment.name == name
        assert name == name.lower().replace(" ", "-")


def test_an_unknown_experiment_is_refused():
    with pytest.raises(ValueError, match=r"one of .*weight-rescaling-mlp, .* got 'mlp'"):
        chapters.find("mlp")


@pytest.mark.parametrize("experiment", chapters.experiments().values(), ids=lambda e: e.name)
def test_every_experiment_can_plan_every_scale(experiment):
    assert {"quick", "book", "full"} <= set(experiment.scales)
    for name, scale in experiment.scales.items():
        assert scale.name == name
        plan = experiment.runs(name, (1, 8, 8), 10)
        assert len(plan) == scale.runs * len(scale.arms or experiment.arms)
        assert len({run.number for run in plan}) == len(plan)
        seeds = {run.seed for run in plan}
        assert len(seeds) == (scale.runs if experiment.paired else len(plan))
        assert max(run.seed for run in plan) < 2**31
        json.dumps([run.settings.as_dict() for run in plan[:: scale.runs]], allow_nan=False)


def test_the_papers_mlp_has_its_five_arms_and_setting():
    assert list(MLP.arms) == ["none", "wr", "wd-1e-2", "wd-1e-3", "wd-1e-4"]
    for name, declared in MLP.arms.items():
        arm = declared.settings
        assert arm.widths == N_WIDTHS
        assert (arm.scheme, arm.gain) == ("kaiming", math.sqrt(2))
        assert (arm.learning_rate, arm.momentum, arm.batch_size) == (1e-3, 0.9, 32)
        assert arm.weight_decay == (float(name[3:]) if name.startswith("wd") else 0)
        assert (arm.rescale, arm.tau) == ("wr" if name == "wr" else "none", 0)
    assert MLP.scales["full"].runs == MLP.scales["full"].epochs == 100
    assert MLP.scales["book"].runs >= 6
    plan = MLP.runs("book", shape=(3, 32, 32), classes=10)
    assert {run.settings.widths for run in plan} == {N_WIDTHS}


def test_every_cell_of_the_grid_has_a_name_of_its_own_that_says_what_it_is():
    cells = list(itertools.product(scale_grid.WIDTHS, scale_grid.GAINS, scale_grid.PERIODS))
    assert list(scale_grid.GRID.arms) == [scale_grid.arm_name(*cell) for cell in cells]
    assert len(set(scale_grid.GRID.arms)) == len(cells)
    for width, gain, period in cells:
        arm = scale_grid.GRID.arms[scale_grid.arm_name(width, gain, period)].settings
        assert set(arm.widths[1:-1]) == {width}
        assert arm.gain == pytest.approx(gain * math.sqrt(2))
        assert arm.rescaling.when == {None: "never", 0: "every epoch", 1: "every step"}.get(
            period, f"every {period} steps"
        )


# --- provenance ------------------------------------------------------------------------------


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A copy of the package's source, in a folder of its own."""
    copy = tmp_path / "checkout" / "companion"
    shutil.copytree(
        sources.PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__", "recorded", "static")
    )
    monkeypatch.setattr(sources, "PACKAGE", copy)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"):
        monkeypatch.delenv(name, raising=False)
    return copy


def git(folder, *arguments):
    author = ("-c", "user.name=A Reader", "-c", "user.email=reader@example.org")
    command = ["git", "-C", str(folder), *author, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def test_a_copy_of_the_source_has_the_same_digest(package):
    ours = sources.source_digest()
    assert len(ours) == 64
    (package / "methods" / "notes.txt").write_text("no code")
    assert sources.source_digest() == ours


@pytest.mark.parametrize(
    "file",
    ["theory/scale.py", "streams.py", "methods/rescaling.py", "models/mlp.py",
     "training/many_runs.py", "measure/weights.py", "data/image_sets.py"],
)  # fmt: skip
def test_a_change_of_what_trains_changes_the_digest(package, file):
    before = sources.source_digest()
    with (package / file).open("a") as source:
        source.write("# one more line\n")
    assert sources.source_digest() != before


def test_a_renamed_file_changes_the_digest(package):
    before = sources.source_digest()
    (package / "methods" / "rescaling.py").rename(package / "methods" / "scaling.py")
    assert sources.source_digest() != before


def test_a_change_of_what_only_shows_does_not(package):
    before = sources.source_digest()
    with (package / "experiments" / "runner.py").open("a") as source:
        source.write("# one more line\n")
    assert sources.source_digest() == before


def test_the_code_says_its_version_commit_and_digest():
    code = sources.code()
    assert set(code) == {"version", "commit", "source"}
    assert code["version"] == __version__
    assert code["source"] == sources.source_digest()
    json.dumps(code)


def test_outside_a_checkout_the_commit_is_unknown(package):
    assert sources.code()["commit"] == "unknown"


def test_in_a_checkout_the_commit_is_its_own(package):
    root = package.parent
    git(root, "init", "-q")
    assert sources.code()["commit"] == "unknown"  # nothing is committed yet
    git(root, "add", ".")
    git(root, "commit", "-q", "-m", "all")
    head = git(root, "rev-parse", "HEAD")
    assert sources.code()["commit"] == head
    (root / "README.md").write_text("outside the package")
    git(root, "add", ".")
    assert sources.code()["commit"] == head


def test_the_commit_of_an_unclean_checkout_says_so(package):
    root = package.parent
    git(root, "init", "-q")
    git(root, "add", ".")
    git(root, "commit", "-q", "-m", "all")
    with (package / "streams.py").open("a") as source:
        source.write("# one more line\n")
    assert sources.code()["commit"] == f"{git(root, 'rev-parse', 'HEAD')}+changes"


def test_in_somebody_elses_checkout_the_commit_is_unknown(package):
    """An installed package inside another project's repository must not name that one's commit."""
    outer = package.parent.parent
    git(outer, "init", "-q")
    git(outer, "add", ".")
    git(outer, "commit", "-q", "-m", "all")
    assert sources.code()["commit"] == "unknown"


def test_without_git_the_commit_is_unknown(monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert sources.code()["commit"] == "unknown"
