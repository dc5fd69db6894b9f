"""Where a submission runs: bubblewrap, or Docker; with neither, nothing is graded.

A sandbox has no network and sees, read-only, Python with its packages and this package without the
folder ``scoring``. It can write to a small /tmp of its own, and what leaves is one stream.
"""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from companion.classroom import seccomp

PACKAGE = Path(__file__).resolve().parents[1]
HIDDEN = PACKAGE / "classroom" / "scoring"
IMAGE = "weights-in-scale-sandbox"


@dataclass(frozen=True)
class Limits:
    """What a submission may take: seconds on the clock, of a cell, and of the calls that answer
    an exercise; bytes of memory together, of a file, and of what leaves; processes and threads."""

    seconds: int = 120
    cell_seconds: int = 60
    call_seconds: int = 10
    memory: int = 2 << 30
    file: int = 64 << 20
    output: int = 8 << 20
    processes: int = 64

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not value >= 1:
                raise ValueError(f"a limit must be 1 or more, got {value} for {name}; raise it")

    def own(self) -> dict[str, int]:
        """Those that a process sets for itself, by the names of `resource`."""
        return {
            "CPU": self.seconds,
            "DATA": self.memory,
            "FSIZE": self.file,
            "NPROC": self.processes,
            "NOFILE": 256,
            "CORE": 0,
        }


@dataclass(frozen=True)
class Started:
    """A command that runs the runner, the limits that the runner sets for itself, the open files
    and the environment that the command is given, and how to end what it leaves running."""

    command: list[str]
    limits: dict[str, int]
    files: tuple[int, ...] = ()
    environment: dict[str, str] | None = None
    end: Callable[[], None] = lambda: None


Sandbox = Callable[[Limits], Started]


def find() -> Sandbox:
    """The sandbox that works here; ValueError where none does, or where Python and what a notebook
    needs cannot be seen from inside."""
    for name, sandbox in (("bwrap", bubblewrap), ("docker", docker)):
        if shutil.which(name) and _starts(sandbox, ""):
            if not _starts(sandbox, "import IPython, numpy, companion.classroom.runner"):
                raise ValueError(
                    f"a sandbox must see IPython and this package in {sys.prefix}, and does not; "
                    'install "weights-in-scale[notebook]" into a virtual environment and grade '
                    "from there"
                )
            return sandbox
    raise ValueError(
        "submissions must run in a sandbox, and neither bubblewrap (bwrap) nor Docker works here; "
        "install one of them, on Debian or Ubuntu with apt-get install bubblewrap, and where it "
        "is there and fails, let users make namespaces or grade as root"
    )


def bubblewrap(limits: Limits) -> Started:
    """In namespaces of its own. Started by root it goes on as a user that nobody is, because
    root is exempt from limits on processes."""
    own = limits.own()
    if _is_root():
        own["user"] = 1_000_000_000 + secrets.randbelow(1_000_000_000)
    filtered, files = [], ()
    if program := seccomp.program():
        reading, writing = os.pipe()
        with os.fdopen(writing, "wb") as pipe:
            pipe.write(program)  # far less than a pipe holds
        filtered, files = ["--seccomp", str(reading)], (reading,)
    # the first process inside keeps the environment that bwrap was given: there is none to read
    nothing = {"PATH": os.environ.get("PATH", os.defpath)}
    return Started([*_bubble(limits), *filtered, *_python()], own, files, nothing)


def docker(limits: Limits) -> Started:
    """In a container of an empty image, which sees this machine's Python."""
    name = f"{IMAGE}-{secrets.token_hex(8)}"
    size = limits.file
    command = ["docker", "run", "--rm", "--interactive", "--name", name, "--network", "none"]
    command += ["--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"]
    command += ["--user", "65534:65534", "--cpus", "1", "--pids-limit", str(limits.processes)]
    command += ["--memory", str(limits.memory), "--memory-swap", str(limits.memory)]
    command += ["--tmpfs", f"/tmp:rw,mode=1777,size={size}", "--shm-size", str(size)]
    command += ["--log-driver", "none", "--workdir", "/tmp"]
    for path in _shown():
        command += ["--mount", f"type=bind,source={path},target={path},readonly"]
    for link, _ in _links():  # an image without a file has no links: the folders themselves
        command += ["--mount", f"type=bind,source={os.path.realpath(link)},target={link},readonly"]
    command += ["--mount", f"type=tmpfs,target={HIDDEN},tmpfs-mode=0555"]
    for variable, value in _environment().items():
        command += ["--env", f"{variable}={value}"]
    own = {name: value for name, value in limits.own().items() if name != "NPROC"}

    def end() -> None:
        subprocess.run(["docker", "kill", name], capture_output=True)

    return Started([*command, IMAGE, *_python()], own, end=end)


def bare(limits: Limits) -> Started:
    """No walls at all: for the book's own notebooks alone, when a build tries them."""
    variables = [f"{name}={value}" for name, value in _environment().items() if name != "HOME"]
    return Started(["env", *variables, *_python()], {"CORE": 0})


def _starts(sandbox: Sandbox, code: str) -> bool:
    """Whether a sandbox can put up its walls here and run a line of Python inside."""
    if sandbox is docker:
        _make_image()
    started = sandbox(Limits())
    command = [*started.command[: -len(_python())], sys.executable, "-c", code]
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            timeout=60,
            pass_fds=started.files,
            env=started.environment,
        )
        return done.returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False
    finally:
        for file in started.files:
            os.close(file)


def _bubble(limits: Limits) -> list[str]:
    """Bubblewrap and its walls. /tmp comes first: what is shown may lie below it."""
    command = ["bwrap", *_walls(), "--die-with-parent", "--new-session", "--clearenv"]
    command += ["--proc", "/proc", "--dev", "/dev"]
    for folder in ("/dev/shm", "/tmp"):
        command += ["--perms", "1777", "--size", str(limits.file), "--tmpfs", folder]
    for folder in sorted({up for path in _shown() for up in path.parents} - {Path("/")}):
        command += ["--perms", "0755", "--dir", str(folder)]
    for path in _shown():
        command += ["--ro-bind", str(path), str(path)]
    for link, target in _links():
        command += ["--symlink", target, link]
    command += ["--tmpfs", str(HIDDEN)]
    for folder in (str(HIDDEN), "/dev", "/"):
        command += ["--remount-ro", folder]
    command += ["--chdir", "/tmp"]
    for name, value in _environment().items():
        command += ["--setenv", name, value]
    return command


def _is_root() -> bool:
    """Whether this is the machine's root, who may become another user; that of a user namespace
    may not."""
    users = Path("/proc/self/uid_map").read_text("ascii").split()
    return os.geteuid() == 0 and users == ["0", "0", "4294967295"]


def _walls() -> list[str]:
    shared = ["ipc", "pid", "net", "uts", "cgroup-try"]
    if not _is_root():
        return [f"--unshare-{name}" for name in ("user", *shared)] + ["--cap-drop", "ALL"]
    kept = ["--cap-drop", "ALL", "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]
    return [f"--unshare-{name}" for name in shared] + kept


def _shown() -> list[Path]:
    """The folders that a sandbox sees, none of them inside another."""
    places = [Path("/usr"), Path(sys.base_prefix).resolve(), Path(sys.prefix).absolute(), PACKAGE]
    places += [path for path, target in _roots() if target is None]
    places += filter(Path.is_file, [Path("/etc/ld.so.cache"), Path("/etc/localtime")])
    return [one for one in dict.fromkeys(places) if not any(up in places for up in one.parents)]


def _roots() -> Iterator[tuple[Path, str | None]]:
    for path in map(Path, ("/bin", "/lib", "/lib32", "/lib64", "/sbin")):
        if path.is_symlink():
            yield path, os.readlink(path)
        elif path.is_dir():
            yield path, None


def _links() -> list[tuple[str, str]]:
    return [(str(path), target) for path, target in _roots() if target is not None]


def _environment() -> dict[str, str]:
    threads = ("OMP", "OPENBLAS", "MKL", "NUMEXPR")
    return {f"{name}_NUM_THREADS": "1" for name in threads} | {
        "HOME": "/tmp",
        "IPYTHONDIR": "/tmp/ipython",
        "LANG": "C.UTF-8",
        "MPLBACKEND": "agg",
        "MPLCONFIGDIR": "/tmp/matplotlib",
        "PATH": "/usr/bin:/bin",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONNOUSERSITE": "1",
        "PYTHONPATH": str(PACKAGE.parent),
        "USER": "student",
    }


def _python() -> list[str]:
    return [sys.executable, "-P", "-m", "companion.classroom.runner"]


def _make_image() -> None:
    """Make the image without a file in it, if Docker runs and does not have it."""
    known = subprocess.run(["docker", "image", "inspect", IMAGE], capture_output=True)
    if known.returncode != 0:
        empty = subprocess.run(["tar", "--create", "--files-from", os.devnull], capture_output=True)
        subprocess.run(["docker", "import", "-", IMAGE], input=empty.stdout, capture_output=True)
