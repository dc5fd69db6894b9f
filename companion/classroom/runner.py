"""What runs inside the sandbox: the cells of a submission, then its functions on hidden inputs.

The request comes on stdin, as one JSON object; what happens leaves on stdout, a JSON object a line:
``{"cell": i, "text": ..., "error": ...}`` for a cell that prints or raises, and
``{"exercise": name, "answers": [{"answer": ...} or {"failed": ...}, ...]}``. An exercise is
answered as soon as a cell defines it and again at the end, so that a notebook that hangs halfway
has its first half; the last line counts. Functions are called in a forked copy, so that one that
hangs or crashes takes nothing with it.

Nothing here is trusted: a submission shares this process and may do to it what it likes. What it
can gain is to write the lines itself, and only right answers to inputs are worth anything.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import resource
import select
import signal
import sys
import time
import warnings
from collections.abc import Iterator
from types import ModuleType
from typing import Any

from companion.classroom import plain

ANSWERS = 2_000_000
"""Bytes that the answers to one exercise may have."""


def main() -> None:
    """Run the submission that stdin holds."""
    request = json.loads(sys.stdin.buffer.read())
    _confine(request["limits"])
    out = os.fdopen(os.dup(1), "wb", buffering=0)
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nothing, stream)
    shell = _shell()
    seen: dict[str, Any] = {}
    late: set[str] = set()

    def answer(exercise: dict[str, Any]) -> None:
        name = exercise["name"]
        answers, ended = _in_a_copy(shell.user_ns.get(name), exercise, request["call_seconds"])
        if not ended:
            late.add(name)
        _say(out, {"exercise": name, "answers": answers})

    for i, source in enumerate(request["cells"]):
        text, error = _run(shell, source, request["cell_seconds"])
        if text or error:
            _say(out, {"cell": i, "text": text, "error": error})
        for exercise in request["exercises"]:
            name = exercise["name"]
            if name in shell.user_ns and shell.user_ns[name] is not seen.get(name, _say):
                seen[name] = shell.user_ns[name]
                late.discard(name)
                answer(exercise)
    for exercise in request["exercises"]:
        if exercise["name"] not in late:
            answer(exercise)
    _say(out, {"end": True})
    os._exit(0)  # threads and handlers that a submission leaves behind are not waited for


def _confine(limits: dict[str, int]) -> None:
    """Give up what rights there are, and set the limits that a process sets for itself."""
    if "user" in limits:
        os.setgroups([])
        os.setgid(limits["user"])
        os.setuid(limits["user"])
    for name in ("CPU", "DATA", "FSIZE", "NPROC", "NOFILE", "CORE"):
        if name in limits:
            resource.setrlimit(getattr(resource, f"RLIMIT_{name}"), (limits[name],) * 2)


def _say(out: io.RawIOBase, what: dict[str, Any]) -> None:
    line = json.dumps(what).encode() + b"\n"
    while line:
        line = line[out.write(line) :]


def _shell() -> Any:
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    config = Config()
    config.HistoryManager.enabled = False
    shell = InteractiveShell.instance(config=config)
    shell.user_module = sys.modules["__main__"] = ModuleType("__main__")
    shell.user_ns = shell.user_module.__dict__
    shell.init_user_ns()
    shell.system = shell.getoutput = lambda *_: None  # no shell commands
    shell.run_line_magic = lambda *_, **__: None  # %pip, %matplotlib and the like
    shell.run_cell_magic = lambda name, line, cell: (
        shell.run_cell(cell).raise_error() if name in ("time", "timeit", "capture") else None
    )
    shell._showtraceback = lambda *_: None
    shell.displayhook.write_output_prompt = lambda: None
    shell._tee = lambda channel: contextlib.nullcontext()  # the history would keep all that prints
    warnings.filterwarnings("ignore", message=".*non-interactive.*")
    return shell


class _Text(io.StringIO):
    """What a cell prints, up to a bound."""

    def write(self, text: str) -> int:
        room = plain.TEXT - self.tell()
        super().write(text[: max(0, room)])
        return len(text)


class _TimeIsUp(BaseException):
    pass


def _ring(*_: Any) -> None:
    raise _TimeIsUp


def _run(shell: Any, source: str, seconds: float) -> tuple[str, str]:
    """Run a cell; what it printed, and what it raised in a line."""
    text, error = _Text(), None
    signal.signal(signal.SIGALRM, _ring)
    try:
        with contextlib.redirect_stdout(text), contextlib.redirect_stderr(text):
            signal.setitimer(signal.ITIMER_REAL, seconds)
            result = shell.run_cell(source, silent=False, store_history=False)
            signal.setitimer(signal.ITIMER_REAL, 0)
            error = result.error_before_exec or result.error_in_exec
    except BaseException as raised:  # SystemExit too: the other cells are still worth something
        error = raised
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
    if isinstance(error, _TimeIsUp):
        return text.getvalue(), f"the cell took more than {seconds} seconds"
    return text.getvalue(), "" if error is None else _told(error)


def _told(error: BaseException) -> str:
    try:
        return f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
    except BaseException:
        return type(error).__name__


def _in_a_copy(bound: Any, exercise: dict[str, Any], seconds: float) -> tuple[list[Any], bool]:
    """The answers of a forked copy of this process, and whether it came to its end in time."""
    reading, writing = os.pipe()
    try:
        child = os.fork()
    except OSError:
        why = "no process is left to call it in"
        return [{"failed": why} for _ in exercise["inputs"]], True
    if child == 0:
        try:
            os.close(reading)
            with open(writing, "wb", buffering=0) as out:
                for answer in _answers(bound, exercise):
                    _say(out, answer)
        finally:
            os._exit(0)
    os.close(writing)
    came, until, ended = b"", time.monotonic() + seconds, False
    with open(reading, "rb", buffering=0) as pipe:
        while len(came) <= ANSWERS and (left := until - time.monotonic()) > 0:
            if not select.select([pipe], [], [], left)[0]:
                break
            part = pipe.read(1 << 16)
            ended = not part
            if ended:
                break
            came += part
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    answers = [json.loads(line) for line in came.split(b"\n")[:-1]]
    if len(came) > ANSWERS:
        why = "it is too large"
    else:
        why = "it ends the process" if ended else f"it takes more than {seconds} seconds"
    missing = len(exercise["inputs"]) - len(answers)
    return answers + [{"failed": why}] * missing, ended


def _answers(bound: Any, exercise: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for packed in exercise["inputs"]:
        try:
            if bound is None:
                raise plain.Refused(f"{exercise['name']} is not defined")
            result = bound
            if exercise["kind"] == "function":
                if not callable(bound):
                    raise plain.Refused(f"{exercise['name']} is no function")
                result = bound(*plain.unpacked(packed, exercise["tensors"]).values())
            if result is None or result is ...:
                raise plain.Refused("it is still empty")
            answer = {"answer": plain.answered(result)}
        except plain.Refused as error:
            answer = {"failed": str(error)}
        except BaseException as error:
            answer = {"failed": f"it raises {_told(error)}"}
        yield answer


if __name__ == "__main__":
    main()
