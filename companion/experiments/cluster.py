"""Join a Ray cluster, or start one here, to train on it; see `driver` for how stacks are sent.

Ray is imported inside the functions: only who uses a cluster needs it.
"""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from companion.experiments.driver import Engine


@contextmanager
def connect(
    address: str, device: str = "auto", gpus_per_stack: float | None = None
) -> Iterator[Engine]:
    """Join the Ray cluster at an address, or start one here, and leave it at the end.

    address: ``local`` starts Ray on this machine, ``auto`` finds the cluster this machine is part
    of, ``host:port`` names its head. device: ``auto`` trains on GPUs where the cluster has some.
    gpus_per_stack: the share of a GPU that a stack takes, in (0, 1]; None: by its size.

    Raises ValueError without Ray, without a cluster there, and for what that cluster lacks.
    """
    ray = _ray()
    if device not in ("auto", "cpu", "cuda"):
        raise ValueError(
            f"--device with --cluster must be auto, cpu or cuda, got {device!r}; Ray picks the GPU"
        )
    if gpus_per_stack is not None and not 0 < gpus_per_stack <= 1:
        raise ValueError(
            f"--gpus-per-stack must be in (0, 1], got {gpus_per_stack:g}; 0.5 lets two stacks "
            "share a GPU"
        )
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is reported to anybody
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # else Ray warns about it
    rule = f"--cluster must be local, auto or the host:port of a running Ray head, got {address!r}"
    options: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    if address == "local":
        options["include_dashboard"] = False
    elif address != "auto":
        _knock(address, rule)
    try:
        ray.init(address=address, **options)
    except Exception as error:  # a start that takes too long is a bare Exception of Ray's
        raise ValueError(
            f"{rule} ({type(error).__name__}); start one there with `ray start --head`"
        ) from error
    try:
        yield Engine(ray, device, gpus_per_stack)
    finally:
        ray.shutdown()


def _ray() -> Any:
    try:
        import ray
    except ImportError:
        raise ValueError(
            "--cluster needs Ray, which is not installed; pip install 'weights-in-scale[cluster]'"
        ) from None
    return ray


def _knock(address: str, rule: str) -> None:
    """Ask at once whether anything listens there: Ray itself waits for minutes."""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=10).close()
    except ValueError:
        raise ValueError(f"{rule}; give both, as in 192.168.0.10:6379") from None
    except OSError as error:
        raise ValueError(
            f"{rule} ({error.strerror or type(error).__name__}); start one there with "
            "`ray start --head`"
        ) from None
