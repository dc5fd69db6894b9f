"""The command line in processes of its own: exit codes, both streams, a stop and the way on."""

import functools
import io
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import pytest

import companion
from companion import chapters, cli
from companion.chapters.rescaling.experiments import scale_grid
from companion.cli import texts
from companion.cli.progress import Progress
from companion.evidence import records, selection

MLP = "weight-rescaling-mlp"
RUN = ["run", MLP, "--scale", "quick"]
SHORT = [*RUN, "--runs", "2", "--epochs", "2"]
SOURCES = Path(companion.__file__).parents[1]
HEAVY = ("torch", "numpy", "pandas", "scipy", "pyarrow", "matplotlib", "tqdm")


class Done(NamedTuple):
    code: int
    out: str
    err: str


def environment(**more):
    kept = {key: value for key, value in os.environ.items() if not key.startswith("COMPANION_")}
    path = os.pathsep.join(filter(None, [str(SOURCES), kept.get("PYTHONPATH")]))
    # one thread: two of them would wait for each other on a busy machine
    return kept | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1", "PYTHONUTF8": "1"} | more


def start(*arguments, here, **more):
    command = [sys.executable, "-m", "companion.cli", *arguments]
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    # a shell that runs the tests in the background has them ignore Ctrl-C, and children inherit it
    heed = functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    return subprocess.Popen(command, cwd=here, env=environment(**more), preexec_fn=heed, **streams)


def fresh(*arguments, here, **more):
    """A new Python, as a shell would start it."""
    process = start(*arguments, here=here, **more)
    out, err = process.communicate(timeout=300)
    return Done(process.returncode, out, err)


FORK = """
import json, os, sys
import companion.cli, companion.evidence.comparison, companion.experiments.runner
import sklearn.datasets, tqdm
for line in sys.stdin:
    job = json.loads(line)
    child = os.fork()
    if not child:
        for number, file in enumerate(job["streams"], start=1):
            os.dup2(os.open(file, os.O_WRONLY | os.O_CREAT), number)
        os.chdir(job["here"])
        os.environ.update(job["more"])
        try:
            companion.cli.main(job["arguments"])
        except SystemExit as end:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(end.code)  # an orderly end of torch takes a second
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


@pytest.fixture(scope="module")
def forked(tmp_path_factory):
    """As `fresh`, but forked from one process that has imported torch: seconds less a call."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "-c", FORK], env=environment(), **pipes) as server:

        def call(*arguments, here, **more):
            streams = [str(tmp_path_factory.mktemp("streams") / name) for name in ("out", "err")]
            job = {"arguments": arguments, "here": str(here), "more": more, "streams": streams}
            print(json.dumps(job), file=server.stdin, flush=True)
            code = int(server.stdout.readline())
            return Done(code, *(Path(file).read_text("utf-8") for file in streams))

        yield call
        server.stdin.close()


@pytest.fixture(scope="module")
def quick(tmp_path_factory):
    """A finished short run of the first experiment: its folder and what the process said."""
    here = tmp_path_factory.mktemp("quick")
    done = fresh(*SHORT, here=here)
    return here / "records" / f"{MLP}-digits-quick", done


def rows(record, table):
    return pd.read_parquet(Path(record) / f"{table}.parquet")


def snapshot(folder):
    return {path: path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


# --- what works ---------------------------------------------------------------------------------


def test_help_needs_no_heavy_import():
    code = f"import companion.cli, sys; print([m for m in {HEAVY} if m in sys.modules])"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, env=environment(), check=True)
    assert done.stdout.strip() == "[]"


def test_version_and_help(capsys):
    for arguments, expected in (["--version"], companion.__version__), (["--help"], "verify"):
        with pytest.raises(SystemExit) as exit_:
            cli.main(arguments)
        assert exit_.value.code == 0
        assert expected in capsys.readouterr().out


def test_quick_run(quick):
    path, (code, out, err) = quick
    assert code == 0, err
    label = records.load(path).label()
    relative = path.relative_to(path.parents[1])
    assert out == f"{relative}: {label}\n`companion report {relative}` shows the results.\n"
    first, *progress = err.splitlines()
    assert first == f"{MLP}, quick scale, digits: 5 arms, 2 runs an arm, 2 epochs a run"
    assert re.fullmatch(r"0 % 0 of 20 epochs, \S+ so far, \? to go", progress[0])
    assert re.fullmatch(r"100 % 20 of 20 epochs, \S+ so far, 00:00 to go", progress[-1])
    assert [file.name for file in path.parent.iterdir()] == [path.name]
    assert records.verify(path) == []


def test_the_same_command_on_a_finished_record_changes_nothing(quick, forked):
    path, first = quick
    before = snapshot(path.parents[1])
    again = forked(*SHORT, here=path.parents[1])
    assert again.code == 0, again.err
    assert again.out == first.out
    assert "20 of 20 epochs are stored" in again.err
    assert snapshot(path.parents[1]) == before


def test_a_command_that_is_shown_can_be_copied(quick, forked, tmp_path):
    """Names of folders have spaces, accents and more."""
    shutil.copytree(quick[0].parent, tmp_path / "mes données 🎓")
    out = forked(*SHORT, "--out", "mes données 🎓", here=tmp_path).out
    shown = re.search("`(companion report .*)` shows", out)[1]
    assert shlex.split(shown)[2] == f"mes données 🎓/{quick[0].name}"


def test_options_override_the_scale(forked, tmp_path):
    arguments = ["--runs", "3", "--epochs", "1", "--arm", "wr", "--arm", "none", "--out", "x/y"]
    done = forked(*RUN, "--data", "digits", *arguments, here=tmp_path)
    assert done.code == 0, done.err
    epochs = rows(tmp_path / "x/y" / f"{MLP}-digits-quick", "epochs")
    assert epochs.groupby("arm")["run"].nunique().to_dict() == {"none": 3, "wr": 3}
    assert sorted(epochs["epoch"].unique()) == [0, 1]


def test_an_interrupted_run_goes_on(forked, tmp_path):
    """Ctrl-C after the first stack of two; with the same command the rows are those of a run
    that nobody interrupted."""
    arms = {arm.settings.widths: name for name, arm in reversed(scale_grid.GRID.arms.items())}
    chosen = [part for _, arm in sorted(arms.items())[-2:] for part in ("--arm", arm)]
    # long enough that the second stack cannot end between two looks at the folder
    command = ["run", "scale-grid", "--scale", "quick", "--epochs", "60", *chosen]
    process = start(*command, here=tmp_path)
    record = tmp_path / "records/scale-grid-digits-quick"
    parts = record.with_name(f"{record.name}.partial") / "parts"
    while not list(parts.glob("[!.]*")):
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=300)
    assert (process.returncode, out) == (130, "")
    assert err.splitlines()[-1] == "interrupted; give the same command again to go on."
    assert "Traceback" not in err
    assert not record.exists()
    assert len(list(parts.iterdir())) == 1

    again = forked(*command, here=tmp_path)
    assert again.code == 0, again.err
    assert "; 60 of 120 epochs are stored\n" in again.err
    whole = forked(*command, "--out", "whole", here=tmp_path)
    assert whole.code == 0, whole.err
    for table in ("epochs", "layers"):
        pd.testing.assert_frame_equal(
            rows(record, table), rows(f"{tmp_path}/whole/{record.name}", table)
        )


@pytest.mark.parametrize(
    ("command", "again"),
    [
        (["bench"], "the same command begins anew"),
        (["doctor"], "the same command begins anew"),
        (["classroom", "build"], "the same command begins anew"),
        (["import", "a.zip"], "give the same command again to go on"),
        (["run", MLP, "--scale", "quick"], "give the same command again to go on"),
    ],
)
def test_ctrl_c_promises_what_the_command_keeps(capsys, monkeypatch, command, again):
    from companion import machine
    from companion.classroom import build
    from companion.experiments import carry, runner

    def stop(*_, **__):
        raise KeyboardInterrupt

    for module, name in ((machine, "pick_device"), (build, "make"), (carry, "bring_in"),
                         (runner, "run")):  # fmt: skip
        monkeypatch.setattr(module, name, stop)
    with pytest.raises(SystemExit) as left:
        cli.main(command)
    assert left.value.code == 130
    assert capsys.readouterr().err.splitlines()[-1] == f"interrupted; {again}."


def test_list(capsys, monkeypatch, tmp_path):
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "train.parquet").touch()
    monkeypatch.setenv("COMPANION_DATA", str(tmp_path))
    with pytest.raises(SystemExit) as exit_:
        cli.main(["list"])
    assert exit_.value.code == 0
    text = capsys.readouterr().out
    for experiment in chapters.experiments().values():
        assert experiment.name in text
        for scale in experiment.scales.values():
            assert scale.note in text
    assert "none; wr; wd-1e-2; wd-1e-3; wd-1e-4" in text
    assert re.search(r"built in +digits\n", text)
    assert re.search(r"COMPANION_DATA +own\n", text)
    for name in records.recorded_names() or ["none yet"]:
        assert name in text
    assert max(map(len, text.splitlines())) < 140


# --- reports and checks -------------------------------------------------------------------------


@pytest.fixture
def copy(quick, tmp_path):
    """A copy of the quick record to change."""
    return Path(shutil.copytree(quick[0], tmp_path / "copy"))


def report(capsys, *arguments):
    with pytest.raises(SystemExit) as exit_:
        cli.main(["report", *map(str, arguments)])
    assert exit_.value.code == 0
    return capsys.readouterr().out


def test_report(quick, capsys):

    text = report(capsys, quick[0])
    record = records.load(quick[0])
    assert text.splitlines()[:2] == [record.name, record.label()]
    ours = selection.by_arm(selection.best_epoch(record.epochs))
    for arm, summary in ours.items():
        mean, sd, low, high = (
            f"{100 * value:.2f}" for value in (summary.mean, summary.sd, summary.low, summary.high)
        )
        assert re.search(
            rf"^{arm} +{mean} ± {sd} +{low} to {high} +[\d.]+ ± [\d.]+ +2$", text, re.M
        )
    assert "values are for cifar10 or cifar10-jpeg and are not set beside them." in text
    assert all(sentence in text for sentence in record.provenance["deviations"])
    for fact in ("dataset_digest", "created"):
        assert record.provenance[fact][:12] in text
    assert record.provenance["code"]["commit"][:20] in text


def test_report_sets_the_paper_beside_its_own_images(capsys):
    text = report(capsys, "weight-rescaling-mlp-cifar10-jpeg-full")
    assert re.search(
        r"^WR +50\.08 ± 0\.50 +76\.0 +\d.* to .* 100 +\S+ (direction|undecided|not reproduced)$",
        text,
        re.M,
    )
    assert "values are those of its Table I;" in text


def test_report_without_validation_reads_the_last_epoch(capsys):
    name = "batchnorm-span-digits-book"
    text, rows = report(capsys, name), records.recorded(name).epochs
    for arm, of_arm in rows[rows["epoch"] == rows["epoch"].max()].groupby("arm"):
        mean = 100 * of_arm["test_accuracy"].mean()
        assert re.search(rf"^{arm} +{mean:.2f} ± .* 20\.0 ± 0\.0 +6$", text, re.M), arm
    assert "last epoch ± sd" in text


def test_every_shipped_record_has_its_report():
    for name in records.recorded_names():
        record = records.recorded(name)
        assert texts.report(record).startswith(f"{name}\n{record.label()}\n"), name


def test_report_of_single_runs_has_no_interval(capsys, forked, tmp_path):
    done = forked(*RUN, "--runs", "1", "--epochs", "1", here=tmp_path)
    assert done.code == 0, done.err
    text = report(capsys, tmp_path / "records" / f"{MLP}-digits-quick")
    assert re.search(r"^none +\d+\.\d\d +– +1\.0 +1$", text, re.M)


def test_verify(quick, copy, forked):
    sound = f"{quick[0].name}: sound ({records.load(quick[0]).label()})\n"
    assert forked("verify", str(quick[0]), here=copy) == (0, sound, "")
    (copy / "layers.parquet").unlink()
    code, out, err = forked("verify", str(quick[0]), str(copy), here=copy)
    assert code == 2
    assert out.startswith(f"{sound}copy: 1 problem\n  - ")
    assert "layers.parquet is missing" in out
    assert err == "1 of 2 records failed the check; restore what is damaged or run it again.\n"


def test_a_folder_of_records_is_as_good_as_its_records(quick, forked, tmp_path):
    folder = quick[0].parent
    verified = forked("verify", str(folder), here=tmp_path)
    assert verified == forked("verify", str(quick[0]), here=tmp_path)
    assert forked("report", str(folder), here=tmp_path).out.startswith(quick[0].name)
    assert forked("export", str(folder), "--out", "x.wis", here=tmp_path).code == 0
    assert (tmp_path / "x.wis").is_file()


def test_verify_of_what_ships(forked, tmp_path):
    done = forked("verify", here=tmp_path)
    if records.recorded_names():
        assert (done.code, done.err) == (0, "")
        *each, remark = done.out.splitlines()
        assert len(each) == len(records.recorded_names())
        assert f"of {len(each)} records: of an older version, whose record.json has no d" in remark
    else:
        assert (done.code, done.out) == (2, "")


# --- bad input ----------------------------------------------------------------------------------


def images(folder, **parts):
    """<folder>/own/<part>.parquet of `n` tiny images, or of the bytes that are given."""
    import pyarrow as pa
    import pyarrow.parquet as pq
    from PIL import Image

    (folder / "own").mkdir()
    for part, content in parts.items():
        if isinstance(content, bytes):
            (folder / "own" / f"{part}.parquet").write_bytes(content)
            continue
        buffer = io.BytesIO()
        Image.new("L", (4, 4)).save(buffer, "PNG")
        cells = [{"bytes": buffer.getvalue()} for _ in range(8)]
        if content == "damaged":
            cells[5] = {"bytes": buffer.getvalue()[:40]}
        table = pa.table({"img": cells, "label": [0, 1] * 4})
        pq.write_table(table, folder / "own" / f"{part}.parquet")


def refused(done, message):
    """One sentence, exit code 2."""
    assert done.code == 2, done
    assert done.out == ""
    assert re.search(message, done.err), done.err
    assert done.err.count("\n") == 1
    assert done.err.endswith(".\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "mlp"], r"experiment must be one of .*, got 'mlp'"),
        (["run", MLP, "--scale", "huge"], r"scale must be one of quick, book, full .* 'huge'"),
        ([*RUN, "--arm", "wr", "--arm", "wd"], r"arm must be one of none; wr; .* got 'wd'"),
        ([*RUN, "--data", "imagenet"], r"image set must be one of digits, .* got 'imagenet'"),
        ([*RUN, "--runs", "0"], r"runs must be from 1 to 1000, got 0"),
        ([*RUN, "--runs", "-3"], r"runs must be from 1 to 1000, got -3"),
        ([*RUN, "--epochs", "0"], r"epochs must be from 1 to 32767, got 0"),
        ([*RUN, "--device", "tpu"], r"device must be auto, cpu, cuda .* got 'tpu'"),
        ([*RUN, "--device", "cuda:99"], r"cuda:99 needs a CUDA GPU .* torch sees \d+"),
        ([*RUN, "--out", "file"], r"--out must be a folder that can be written, got file \("),
        ([*RUN, "--out", "file/deep"], r"--out must be .* got file/deep \(Not a directory\)"),
        ([*RUN, "--out", "taken"], r"exists and is no record; choose another --out"),
        ([*RUN, "--data", "cifar10-jpeg"], r"cifar10-jpeg is read from files, and there are none"),
        (["report", "nothing"], r"record must be a folder .*, got 'nothing'"),
        (["report", "taken"], r"^taken must hold record.json"),
        (["report", "begun"], r"^begun is not finished; run the same command again"),
        (["verify", "nothing"], r"record must be a folder .*, got 'nothing'"),
        (["report", "/"], r"^/ must hold record.json and does not"),
        (["report", "."], r"^\. must hold record.json and does not"),
        (["report", ""], r"^\. must hold record.json and does not"),
        (["export", ".", "--out", "a.zip"], r"^\. must hold record.json and does not"),
        (
            ["import", "a.zip"],
            r"a.zip is no whole export of a record \(No such file or directory\);",
        ),
        ([*RUN, "--data", ""], r"image set must be one of digits, .* got ''"),
        (["verify", "--rerun", "--epochs", "0"], r"--epochs must be >= 1, got 0; one epoch is"),
    ],
)
def test_bad_input(forked, tmp_path, arguments, message):
    (tmp_path / "file").touch()
    (tmp_path / "taken" / f"{MLP}-digits-quick").mkdir(parents=True)
    (tmp_path / "begun.partial").mkdir()
    before = snapshot(tmp_path)
    refused(forked(*arguments, here=tmp_path), message)
    assert snapshot(tmp_path) == before


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"train": "whole"}, r"test\.parquet is missing"),
        ({"train": b"PAR1 and no more", "test": "whole"}, r"train\.parquet is no readable parquet"),
        ({"train": "damaged", "test": "whole"}, r"train\.parquet, row 5: no readable JPEG or PNG"),
    ],
)
def test_bad_image_files(forked, tmp_path, parts, message):
    here = tmp_path / "here"
    here.mkdir()
    images(tmp_path, **parts)
    folders = {"COMPANION_DATA": str(tmp_path), "COMPANION_CACHE": str(tmp_path / "cache")}
    refused(forked(*RUN, "--data", "own", here=here, **folders), message)
    assert snapshot(here) == {}


def test_a_refusal_in_a_fresh_process(tmp_path):
    refused(fresh("verify", "nothing", here=tmp_path), "got 'nothing'")
    assert snapshot(tmp_path) == {}


def test_another_setting_never_touches_a_record(quick, forked, tmp_path):
    shutil.copytree(quick[0].parent, tmp_path / "records")
    before = snapshot(tmp_path)
    refused(forked(*SHORT, "--epochs", "3", here=tmp_path), r"another header: .*epochs is 2 there")
    assert snapshot(tmp_path) == before


def test_a_damaged_record_is_not_reported(copy, forked):
    file = copy / "epochs.parquet"
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    refused(forked("report", str(copy), here=copy), r"fails its check: .*differs from its digest")


def test_a_number_that_would_be_ignored_is_refused(capsys):
    with pytest.raises(SystemExit) as exit_:
        cli.main(["verify", "--epochs", "-3"])
    assert exit_.value.code == 2
    assert "say how to retrain; add --rerun, or leave them out" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("walk", "'walk'; `companion --help` shows what there is."),
        ("classroom walk", "'walk'; `companion classroom --help` shows what there is."),
        ("--decay", "--decay; `companion --help` shows what there is."),
        ("run --decay", "--decay.*; `companion run --help` shows what there is."),
        ("run --out", "'--out' requires an argument; `companion.* --help` shows what there is."),
        ("export", "(?i:'record'); `companion export --help` shows what there is."),
        ("report a b", r"argument.*\(b\); `companion report --help` shows what there is."),
        ("run --runs x", "'x' is no whole number; write it in digits alone, as in 1000."),
        ("run --runs 1_000", "'1_000' is no whole number; write it in digits alone, as in 1000."),
        ("grade x --assignment two", "'two' is no whole number; write it in digits alone, .*"),
        ("classroom build --assignment 2 --assignment two", "'two' is no whole number; .*"),
        ("run --gpus-per-stack half", "'half' is no number; write it as in 0.5."),
        ("run --gpus-per-stack nan", "'nan' is no number; write it as in 0.5."),
        ("run --gpus-per-stack 1_0", "'1_0' is no number; write it as in 0.5."),
    ],
)
def test_a_word_that_a_command_does_not_take_is_refused_in_one_sentence(capsys, arguments, said):
    with pytest.raises(SystemExit) as exit_:
        cli.main(arguments.split())
    assert exit_.value.code == 2
    streams = capsys.readouterr()
    assert streams.out == ""
    assert re.fullmatch(rf".*{said}\n", streams.err)


@pytest.mark.parametrize("arguments", [[], ["classroom"]])
def test_a_group_alone_shows_its_help(capsys, arguments):
    with pytest.raises(SystemExit) as exit_:
        cli.main(arguments)
    streams = capsys.readouterr()
    assert (exit_.value.code, streams.err) == (0, "")
    assert f"Usage: {' '.join(['companion', *arguments])} [OPTIONS] COMMAND" in streams.out


def test_a_fault_of_ours_keeps_its_traceback(monkeypatch):
    def broken(name):
        return float(name)

    monkeypatch.setattr("companion.chapters.find", broken)
    with pytest.raises(ValueError, match="could not convert"):
        cli.main(["run", MLP])


# --- progress -----------------------------------------------------------------------------------


def test_progress_in_a_log_is_a_line_a_minute(capsys):
    with Progress("title") as progress:
        advance = progress.begin(4000, 1000)
        for epochs in [100, *[10] * 290]:
            advance(epochs)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "title; 1000 of 4000 epochs are stored"
    assert len(lines) <= 4
    assert lines[1].startswith("28 % 1100 of 4000 epochs")
    assert lines[-1].startswith("100 % 4000 of 4000 epochs")


def test_remaining_time_leaves_out_what_was_stored(capsys):
    with Progress("title") as progress:
        advance = progress.begin(400, 100)
        advance(100)
        assert (progress.bar.n, progress.bar.initial) == (200, 200)
        advance(10)
        assert (progress.bar.n, progress.bar.initial) == (210, 200)


def test_progress_in_a_terminal_is_one_line(monkeypatch):
    class Terminal(io.StringIO):
        encoding = "utf-8"

        def isatty(self):
            return True

    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with Progress("title") as progress:
        advance = progress.begin(20, 0)
        for epochs in (0, 10, 10):
            advance(epochs)
    title, bar = terminal.getvalue().split("\n", 1)
    assert title == "title"
    assert bar.count("\n") == 1
    assert re.search(r"100 % .*20 of 20 epochs, \S+ so far, 00:00 to go *\n$", bar)


# --- places and words from elsewhere ------------------------------------------------------------

TOO_LONG = "x" * 300
"""What no system takes as a name."""


@pytest.mark.parametrize(
    "arguments",
    [
        ["verify", TOO_LONG],
        ["report", TOO_LONG],
        ["export", TOO_LONG, "--out", "a.zip"],
        ["status", "--out", TOO_LONG],
        ["doctor", "--out", TOO_LONG],
    ],
)
def test_a_place_that_the_system_refuses_is_one_sentence(capsys, monkeypatch, tmp_path, arguments):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as exit_:
        cli.main(arguments)
    assert exit_.value.code == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert "must be usable and is not (File name too long); correct its rights, make room" in err


def test_a_record_that_cannot_be_read_hides_no_other(copy, monkeypatch, capsys):
    shutil.copytree(copy, copy.parent / "closed")
    is_file = Path.is_file

    def refuse(path):
        if path.parent.name == "closed":
            raise PermissionError(13, "Permission denied", str(path))
        return is_file(path)

    monkeypatch.setattr(Path, "is_file", refuse)
    refusal = "record.json must be usable and is not (Permission denied); correct its rights"
    with pytest.raises(SystemExit):
        cli.main(["status", "--out", str(copy.parent)])
    out = capsys.readouterr().out
    assert f"{MLP}-digits-quick: finished in " in out
    assert refusal in out
    [fault] = records.verify(copy.parent / "closed")
    assert fault.replace("header", "record").endswith(
        f"{refusal}, make room there or choose another."
    )


def test_a_data_folder_that_is_not_there_ends_list_and_doctor(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("COMPANION_DATA", str(tmp_path / "none"))
    for command in ("list", "doctor"):
        with pytest.raises(SystemExit) as exit_:
            cli.main([command])
        assert exit_.value.code == 2
        out, err = capsys.readouterr()
        assert out == ""
        assert "COMPANION_DATA must name a folder that is there, got" in err


def said_into(stream, monkeypatch, folder):
    """The exit code of a command that speaks into this stream."""
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", stream)
        with pytest.raises(SystemExit) as exit_:
            cli.main(["status", "--out", str(folder)])
    return exit_.value.code


class Broken(io.StringIO):
    def write(self, text):
        raise BrokenPipeError(32, "Broken pipe")


def test_a_reader_that_leaves_early_and_a_closed_stream(tmp_path, monkeypatch, capsys):
    assert said_into(Broken(), monkeypatch, tmp_path) == 1  # as after `companion list | head -1`
    assert said_into(None, monkeypatch, tmp_path) == 0  # as after `companion list >&-`
    assert capsys.readouterr().err == ""


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="a disk that is always full")
def test_no_room_for_the_words(tmp_path, monkeypatch, capsys):
    stream = open("/dev/full", "w")  # noqa: SIM115 (closing it fails too)
    assert said_into(stream, monkeypatch, tmp_path) == 2
    err = capsys.readouterr().err
    assert err.startswith("what a command reads and writes must be usable and is not (No space le")
    assert err.count("\n") == 1
    with pytest.raises(OSError, match="No space left"):
        stream.close()


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="a disk that is always full")
def test_no_room_for_the_version_either():
    command = [sys.executable, "-m", "companion.cli", "--version"]
    with open("/dev/full", "w") as stream:
        done = subprocess.run(command, stdout=stream, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "No space left" in done.stderr


def test_a_name_is_shown_and_never_obeyed(capsys, tmp_path):
    (tmp_path / "a\x1b[31mred").mkdir()
    (tmp_path / "a\x1b[31mred" / "record.json").write_text("{")
    with pytest.raises(SystemExit):
        cli.main(["status", "--out", str(tmp_path)])
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert r"a\x1b[31mred/record.json must hold JSON" in out


def test_a_stream_without_umlauts_and_a_name_that_is_no_text(tmp_path, monkeypatch):
    for name in ("dätä", os.fsdecode(b"b\xff")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "record.json").write_text("{")
    stream = io.TextIOWrapper(io.BytesIO(), "ascii", errors="strict")
    assert said_into(stream, monkeypatch, tmp_path) == 0
    shown = stream.buffer.getvalue().decode("ascii")
    assert r"/d\xe4t\xe4/record.json must hold JSON" in shown
    assert r"/b\udcff/record.json must hold JSON" in shown


def test_whole_numbers_are_written_in_digits(capsys):
    for arguments in (["bench", "--rounds", "1_0"], ["verify", "--rerun", "--seed", "1_0"]):
        with pytest.raises(SystemExit) as exit_:
            cli.main(arguments)
        assert exit_.value.code == 2
        assert "'1_0' is no whole number" in capsys.readouterr().err
