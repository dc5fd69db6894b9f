"""``companion run A B --for 9m``: several experiments in order, a clean stop, and on from there."""

from dataclasses import replace

import pytest

from companion import chapters, cli
from companion.cli import texts
from companion.evidence import records
from companion.experiments import runner, stack_training
from tests.references.toy import EPOCHS, TOY, assert_same, small, train


@pytest.fixture(autouse=True)
def _two(monkeypatch):
    small(monkeypatch)
    monkeypatch.setattr(stack_training, "CHECKPOINT_SECONDS", 60)
    two = {"toy": TOY, "other": replace(TOY, name="other")}
    monkeypatch.setattr(chapters, "experiments", lambda: two)


def spoken(capsys, *arguments):
    with pytest.raises(SystemExit) as end:
        cli.main(["run", *arguments, "--scale", "quick", "--data", "made"])
    return end.value.code or 0, capsys.readouterr()


@pytest.mark.parametrize("names", [("toy", "other"), ("--all",)])
def test_several_are_trained_in_order(tmp_path, capsys, names):
    code, said = spoken(capsys, *names, "--out", str(tmp_path))
    assert code == 0
    finished = [line.split(":")[0] for line in said.out.splitlines() if line.startswith("/")]
    assert finished == [str(tmp_path / f"{name}-made-quick") for name in ("toy", "other")]


def test_a_record_cut_into_slices_of_time_is_the_record_of_one_go(tmp_path, monkeypatch):
    """The clock says that time is up after some steps; each call goes on where the last stopped."""
    whole = train(tmp_path / "whole")
    steps, calls = 0, 0

    class Clock:
        """Each look at the clock is a second."""

        def monotonic(self):
            nonlocal steps
            steps += 1
            return float(steps)

    clock = Clock()
    for module in (runner, stack_training):
        monkeypatch.setattr(module, "time", clock)
    record = None
    while record is None:
        calls += 1
        assert calls < 100
        try:
            record = train(tmp_path / "slices", until=steps + 20.0)
        except stack_training.TimeIsUp:
            assert not (tmp_path / "slices" / "toy-made-quick").exists()
    assert calls > EPOCHS
    assert_same(record, whole)


def test_time_that_is_up_is_said_and_nothing_is_lost(tmp_path, capsys, monkeypatch):
    real = runner.run

    def cut(*arguments, **overrides):
        return real(*arguments[:-1], 0.0, **overrides)

    monkeypatch.setattr(runner, "run", cut)
    code, said = spoken(capsys, "toy", "other", "--for", "9m", "--out", str(tmp_path))
    assert code == 0
    assert said.out == "9m are over; the same command goes on where toy stopped.\n"
    monkeypatch.setattr(runner, "run", real)
    code, _ = spoken(capsys, "toy", "--for", "9m", "--out", str(tmp_path))
    assert code == 0
    assert records.verify(tmp_path / "toy-made-quick") == []


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            ("toy", "--for", "9"),
            "a time must be more than 0, got '9'; write it as in 90s or 1h30m.",
        ),
        (("toy", "--for", "0m"), "a time must be more than 0, got '0m'; write it as in 90s"),
        (("toy", "--for", "9m", "--cluster", "local"), "--for is for this machine alone, got 9m"),
        ((), "run needs names or --all, and not both; `companion list` has the names."),
        (("toy", "--all"), "run needs names or --all, and not both"),
        (("toy", "nothing"), "experiment must be one of toy, other, got 'nothing'"),
    ],
)
def test_what_is_refused_writes_nothing(tmp_path, capsys, arguments, sentence):
    code, said = spoken(capsys, *arguments, "--out", str(tmp_path / "none"))
    assert code == 2
    assert said.err.startswith(sentence)
    assert not (tmp_path / "none").exists()


def test_times_as_people_type_them():
    assert [texts.seconds(text) for text in ("45s", "9m", "1h", "1h1m1s")] == [45, 540, 3600, 3661]
