"""Submissions that attack: none does harm, none earns a mark that it did not work for, and each
ends within its time limit and five seconds."""

import dataclasses
import platform
import socket
import sys
import threading
import time
from pathlib import Path

import pytest

import companion
from companion.classroom import grading, running, sandbox, seccomp, secret
from companion.classroom.sandbox import HIDDEN, Limits

GOOD = ["def double(x):\n    return 2 * x", "third = 4", "def ones(n):\n    return [1.0] * n"]
WRONG = ["def double(x):\n    return 3 * x", "third = 5", "def ones(n):\n    return n"]
FULL = {"double": 1, "ones": 1, "third": 1}
NONE = dict.fromkeys(FULL, 0)
SPARE = 20  # seconds past the limit, on a machine that is busy


def shares(graded):
    return {name: mark.share for name, mark in graded.marks.items()}


def test_an_honest_submission_earns_all_and_a_wrong_one_nothing(tried):
    good = tried(*GOOD)
    assert shares(good) == FULL
    assert good.note == ""
    wrong = tried(*WRONG)
    assert shares(wrong) == NONE
    assert wrong.marks["double"].why == "4 of 4 wrong; the first: it is not the number asked for"


def test_a_notebook_as_students_write_them_runs_as_in_jupyter(tried):
    cells = [
        "%matplotlib inline\n%pip install nothing\n!ls /",
        "%%time\ndef double(x):\n    return 2 * x",
        "%%bash\nexit 1",
        "import asyncio\nawait asyncio.sleep(0)\ndisplay('shown')\nthird = 4\nthird",
        "input('name?')",
        "import numpy as np\ndef ones(n):\n    helper = np.ones(n)\n    return helper",
    ]
    graded = tried(*cells)
    assert shares(graded) == FULL
    assert graded.cells[3][0].split() == ["'shown'", "4"]
    assert {i: error.split(":")[0] for i, (_, error) in graded.cells.items() if error} == {
        4: "EOFError"
    }


def test_a_function_may_lean_on_what_a_later_cell_defines(tried):
    assert shares(tried("def double(x):\n    return factor * x", "factor = 2"))["double"] == 1


def test_a_loop_without_end_costs_its_cell_alone(tried):
    graded = tried(GOOD[0], "while True:\n    pass", GOOD[1])
    assert shares(graded) == {"double": 1, "ones": 0, "third": 1}
    assert graded.note == "code cell 2 fails (the cell took more than 2 seconds)"


def test_a_loop_that_swallows_interrupts_ends_with_the_time_and_keeps_what_was_before(tried):
    swallow = "while True:\n    try:\n        while True:\n            pass\n"
    swallow += "    except BaseException:\n        pass"
    began = time.monotonic()
    graded = tried(GOOD[0], swallow, GOOD[1], seconds=8)
    assert time.monotonic() - began < 8 + SPARE
    assert shares(graded) == {"double": 1, "ones": 0, "third": 0}
    assert graded.note == "it took more than 8 seconds"
    assert graded.marks["third"].why == "no answer came: it took more than 8 seconds"


def test_a_function_that_hangs_or_ends_the_process_loses_that_input_and_no_more(tried):
    hangs = "calls = []\ndef double(x):\n    calls.append(x)\n"
    hangs += "    while len(calls) > 3:\n        pass\n    return 2 * x"
    ends = "def ones(n):\n    import os\n    os._exit(0)"
    graded = tried(hangs, ends, GOOD[1])
    assert shares(graded) == {"double": 0.75, "ones": 0, "third": 1}
    assert "it takes more than 2 seconds" in graded.marks["double"].why
    assert "it ends the process" in graded.marks["ones"].why


@pytest.mark.parametrize(
    "crash",
    [
        "import os; os._exit(0)",
        "import os; os.kill(os.getpid(), 9)",
        "import os; os.kill(-1, 9)",
        "import ctypes; ctypes.string_at(0)",
        "raise SystemExit",
        "import os; os.abort()",
    ],
)
def test_a_crash_halfway_keeps_what_was_before(tried, crash):
    graded = tried(*GOOD[:2], crash)
    assert shares(graded) == {"double": 1, "ones": 0, "third": 1}
    assert graded.note


def marked(box, token):
    """The sandbox, its command line ending in a word that all its processes share."""

    def start(limits):
        started = box(limits)
        return dataclasses.replace(started, command=[*started.command, token])

    return start


def alive(token):
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found += [path] if token.encode() in path.read_bytes() else []
        except OSError:
            continue
    return found


@pytest.mark.parametrize(
    "bomb",
    [
        "import os\nwhile True:\n    try:\n        os.fork()\n    except OSError:\n        pass",
        "import os, time\nif os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n"
        "        time.sleep(60)\n    os._exit(0)",
    ],
    ids=["fork bomb", "a process left behind"],
)
def test_no_process_outlives_its_submission(tried, box, bomb, request):
    token = f"token-{abs(hash(bomb))}"
    began = time.monotonic()
    graded = tried(GOOD[0], bomb, seconds=8, sandbox_=marked(box, token))
    assert time.monotonic() - began < 8 + SPARE
    assert shares(graded)["ones"] == 0
    until = time.monotonic() + 5
    while alive(token) and time.monotonic() < until:
        time.sleep(0.1)
    assert not alive(token)


def test_a_fork_bomb_stays_below_the_limit_on_processes(tried):
    count = "import os, time\nn = 0\ntry:\n    while n < 200:\n        if os.fork() == 0:\n"
    count += "            time.sleep(30)\n        n += 1\nexcept OSError:\n    pass\nprint(n)"
    graded = tried(count, processes=20)
    assert 0 < int(graded.cells[0][0]) < 20


def test_where_the_system_does_not_count_processes_grading_does(tried, box):
    def uncounted(limits):
        started = box(limits)
        own = {name: value for name, value in started.limits.items() if name != "NPROC"}
        return dataclasses.replace(started, limits=own)

    forks = "import os, time\nfor _ in range(40):\n    if os.fork() == 0:\n"
    forks += "        time.sleep(30)\ntime.sleep(30)"
    graded = tried(GOOD[0], forks, processes=20, cell_seconds=10, sandbox_=uncounted)
    assert graded.note == "it started more than 20 processes"
    assert shares(graded) == {"double": 1, "ones": 0, "third": 0}


def test_memory_is_bounded_in_a_process_and_in_all_together(tried):
    alone = tried(GOOD[0], "x = bytearray(3 << 30)", GOOD[1], memory=512 << 20)
    assert shares(alone) == {"double": 1, "ones": 0, "third": 1}
    assert alone.note == "code cell 2 fails (MemoryError: )"
    shared = "import mmap\nx = mmap.mmap(-1, 2 << 30)\n"
    shared += "while True:\n    x.write(b'x' * (1 << 20))"
    together = tried(GOOD[0], shared, memory=512 << 20, cell_seconds=20)
    assert together.note == "it took more than 512 MB of memory"
    assert shares(together) == {"double": 1, "ones": 0, "third": 0}


def test_output_without_end_is_cut(tried):
    printing = "while True:\n    print('x' * 10**6)"
    graded = tried(GOOD[0], printing, GOOD[1])
    assert shares(graded) == {"double": 1, "ones": 0, "third": 1}
    assert len(graded.cells[1][0]) == 20_000
    disk = "with open('/tmp/large', 'wb') as f:\n    while True:\n        f.write(b'x' * 10**7)"
    graded = tried(disk, file=16 << 20)
    assert graded.note.startswith("code cell 1 fails (OSError: [Errno 2")  # 27 or 28: too large
    flood = "import os\nfor fd in range(3, 60):\n    try:\n        while True:\n"
    flood += "            os.write(fd, b'x' * 10**6)\n    except OSError:\n        pass"
    graded = tried(GOOD[0], flood, output=4 << 20)
    assert graded.note == "it wrote more than 4 MB"
    assert shares(graded) == {"double": 1, "ones": 0, "third": 0}


def test_nothing_of_the_host_can_be_read(tried, tmp_path):
    key, other = tmp_path / "secret", tmp_path / "other.ipynb"
    secret.make(key)
    other.write_text("{}")
    root = Path(companion.__file__).parents[1]
    paths = [
        key,
        other,
        tmp_path,
        HIDDEN / "a3_decay_and_rescaling.py",
        root / "notebooks",
        root / "tests",
        root / ".git",
        Path("/etc/passwd"),
        Path("/etc/shadow"),
        Path("/var"),
        Path("/home"),
        Path("/run"),
    ]
    look = f"import os\nprint([p for p in {list(map(str, paths))} if os.path.exists(p)])\n"
    look += f"print(os.listdir({str(HIDDEN)!r}))\n"
    look += "print(sum(p.isdigit() for p in os.listdir('/proc')))\n"
    take = "import companion.classroom.scoring.a3_decay_and_rescaling"
    graded = tried(look, take)
    held, hidden, processes = graded.cells[0][0].splitlines()
    assert (held, hidden) == ("[]", "[]")
    assert int(processes) <= 4  # its own alone
    assert graded.cells[1][1].startswith("ModuleNotFoundError: No module named")


def test_nothing_outside_its_own_tmp_can_be_written(tried):
    name = "written-by-a-submission"
    places = ["/", "/usr", "/dev", sys.prefix, str(HIDDEN), str(HIDDEN.parents[1]), "/tmp"]
    write = f"for place in {places}:\n    try:\n        open(place + '/{name}', 'w').close()\n"
    write += "        print(place)\n    except OSError:\n        pass"
    graded = tried(write)
    assert graded.cells[0][0].split() == ["/tmp"]
    assert not [place for place in places if (Path(place) / name).exists()]


def test_no_disk_but_two_small_ones_in_memory_can_be_written(tried):
    graded = tried("print(open('/proc/mounts').read())")
    mounts = [line.split() for line in graded.cells[0][0].splitlines() if line]
    disks = {fields[1]: fields for fields in mounts if fields[2] not in ("proc", "devpts")}
    writable = {
        place
        for place, fields in disks.items()
        if fields[3].startswith("rw") and not (fields[2] == "devtmpfs" and place > "/dev/")
    }
    assert writable == {"/tmp", "/dev/shm"}
    assert all("size=65536k" in disks[place][3] for place in writable)


def test_there_is_no_network(tried):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port), timeout=2):
            pass  # so it can be reached from here
        call = f"import socket\nsocket.create_connection(('127.0.0.1', {port}), timeout=2)"
        graded = tried(call, "import os; os.setuid(0)")
    assert graded.cells[0][1].startswith(("ConnectionRefusedError", "OSError"))


def test_the_right_to_be_root_is_gone(tried):
    rights = "lines = open('/proc/self/status').read().splitlines()\n"
    rights += "print([l.split()[1] for l in lines if l.startswith(('CapEff', 'CapPrm', 'NoNew'))])"
    raised = "import resource\nresource.setrlimit(resource.RLIMIT_NPROC, (10**6, 10**6))"
    graded = tried(rights, raised)
    assert graded.cells[0][0].split() == ["['0000000000000000',", "'0000000000000000',", "'1']"]
    assert graded.cells[1][1].startswith("ValueError: not allowed")


PATCH = """
import json, sys
from companion.classroom import exercise, marking, plain, runner, checks
from companion.display import exercises
exercise.Exercise.mark = lambda *_: exercise.Mark(1)
exercise.Mark.share = 1
marking.difference = lambda *_, **__: ""
exercises.Reply.right = True
plain.answered = lambda *_, **__: 1e9
main = sys.modules["__main__"]
for module in (runner, sys.modules.get("companion.classroom.runner")):
    module._answers = lambda bound, exercise: iter([{"answer": True}] * 4)
"""
ALWAYS = """
class Yes(float):
    __eq__ = __lt__ = __gt__ = __le__ = __ge__ = lambda *_: True
    __hash__ = None
    __sub__ = __rsub__ = __abs__ = lambda *_: 0.0
    __float__ = lambda self: 0.0
    __array__ = lambda *_, **__: None
    def __instancecheck__(self, other): return True
class Any: __eq__ = lambda *_: True
third = Yes(5)
def double(x): return Yes(1)
def ones(n): return Any()
"""
FORGE = """
import json, os
lines = [{"exercise": name, "answers": [{"answer": 1, "share": 1, "mark": 1}] * 4, "points": 99}
         for name in ("double", "ones", "third")]
lines += [{"mark": {"double": 1}}, {"end": True}, [], 3, {"cell": -1}, {"exercise": ["double"]},
          {"exercise": "double", "answers": 3}, {"cell": 1e400, "text": "", "error": ""}]
def forge():
    for fd in range(3, 30):
        try:
            for line in lines:
                os.write(fd, b"\\n" + json.dumps(line).encode() + b"\\n")
            os.write(fd, b"[" * 100000 + b"\\n" + b"9" * 5000 + b"\\n\\xff\\xfe\\n")
        except OSError:
            pass
forge()
import atexit; atexit.register(forge)
"""
EDGES = """
def double(x): return [float("nan"), float("inf"), 10**400, -float("inf")][int(x) % 4]
def ones(n): return [float("nan")] * n
third = float("nan")
"""
DEEP = """
third = []
for _ in range(100000): third = [third]
def double(x): return 10**10000
def ones(n): return [0] * 3000000
"""
HOSTILE = """
class Odd(Exception):
    def __str__(self): raise Odd
class Loop(list):
    def __iter__(self):
        while True: yield 0
third = Loop([1])
def double(x): raise Odd
def ones(n):
    print("\\ud800 <script>alert(1)</script>")
    raise ValueError("\\ud800")
"""


TRICKS = {
    "patch after": [*WRONG, PATCH],
    "patch before": [PATCH, *WRONG],
    "always equal": [ALWAYS],
    "forge before": [FORGE, *WRONG],
    "forge after": [*WRONG, FORGE],
    "NaN and inf": [EDGES],
    "deep and large": [DEEP],
    "hostile objects": [HOSTILE],
}


@pytest.mark.parametrize("cells", TRICKS.values(), ids=TRICKS)
def test_no_trick_earns_a_mark(tried, cells):
    graded = tried(*cells)
    assert shares(graded) == NONE
    assert all(mark.why for mark in graded.marks.values())


def test_what_the_grader_has_in_its_environment_stays_there(tried, monkeypatch):
    monkeypatch.setenv("A_TOKEN", "of-the-teacher")
    look = "import os, glob\nfor path in glob.glob('/proc/[0-9]*/environ'):\n    try:\n"
    look += "        print('of-the-teacher' in open(path).read(), end=' ')\n"
    look += "    except PermissionError:\n        print('closed', end=' ')"
    graded = tried(look, "print(sorted(os.environ))")
    assert set(graded.cells[0][0].split()) <= {"False", "closed"}
    assert "A_TOKEN" not in graded.cells[1][0]


@pytest.mark.skipif(not seccomp.program(), reason="no filter for this machine")
def test_calls_that_no_notebook_needs_are_refused_and_threads_still_start(tried):
    setup = "import ctypes, os, threading\nlibc = ctypes.CDLL(None, use_errno=True)\n"
    setup += "def call(name, *given):\n    ctypes.set_errno(0)\n"
    setup += "    print(name, getattr(libc, name)(*given), ctypes.get_errno())"
    new_user = 0x10000000
    calls = f"call('unshare', {new_user})\ncall('shmget', 0, 4096, 0o1600)\n"
    calls += "call('memfd_create', b'a', 0)\ncall('ptrace', 0, 0, 0, 0)\n"
    calls += f"call('syscall', {seccomp._CLONE[platform.machine() != 'x86_64']}, {new_user | 17})"
    thread = "one = threading.Thread(target=print, args=('thread',))\none.start()\none.join()"
    shell = (
        "import subprocess\nprint(subprocess.run(['echo', 'child'], capture_output=True).stdout)"
    )
    graded = tried(setup, calls, thread, shell)
    assert [line.split()[1:] for line in graded.cells[1][0].splitlines()] == [["-1", "1"]] * 5
    assert graded.cells[2][0] == "thread\n"
    assert graded.cells[3][0] == "b'child\\n'\n"


def test_two_submissions_do_not_meet(tried):
    leave = "open('/tmp/answers', 'w').write('4'); open('/dev/shm/answers', 'w').write('4')"
    assert shares(tried(leave, "third = 4"))["third"] == 1
    find = "third = int(open('/tmp/answers').read())"
    graded = tried(find, "third = int(open('/dev/shm/answers').read())")
    assert shares(graded) == NONE


def test_a_stop_ends_what_runs(assignment, box):
    stop = threading.Event()
    threading.Timer(1, stop.set).start()
    began = time.monotonic()
    with pytest.raises(running.Stopped):
        grading.grade(
            "s", ["import time; time.sleep(60)"], assignment, b"k" * 32, box, Limits(), stop.is_set
        )
    assert time.monotonic() - began < 1 + SPARE


def test_without_a_sandbox_nothing_is_graded(monkeypatch):
    monkeypatch.setattr(sandbox.shutil, "which", lambda name: None)
    with pytest.raises(ValueError, match=r"neither bubblewrap .* nor Docker works here; install"):
        sandbox.find()
    monkeypatch.setattr(sandbox.shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(sandbox, "_starts", lambda *_: False)
    with pytest.raises(ValueError, match="submissions must run in a sandbox"):
        sandbox.find()
    monkeypatch.setattr(sandbox, "_starts", lambda box, code: code == "")
    with pytest.raises(ValueError, match="a sandbox must see IPython and this package in"):
        sandbox.find()


def test_a_limit_is_one_or_more():
    with pytest.raises(ValueError, match=r"a limit must be 1 or more, got 0 for seconds; raise it"):
        Limits(seconds=0)
