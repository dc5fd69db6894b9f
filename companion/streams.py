"""Random numbers that a run carries with it.

Every random number of a run is a pure function of ``(seed, purpose, step, position)``: the seed
names the run, the purpose says what the number is for (``"weights:layer1"``, ``"order"``), the
step says when. No hidden state is advanced, so a run draws the same numbers alone and inside a
stack of a thousand, on a CPU and on a GPU, before and after an interruption.

The generator is SplitMix64 used as a counter: one 64-bit key per (seed, purpose, step), and
position ``i`` gives ``mix(key + (i + 1) * golden)``.

Source: G. L. Steele, D. Lea, C. H. Flood, *Fast Splittable Pseudorandom Number Generators*,
OOPSLA 2014 (the finalizer is D. Stafford's variant 13). Counter-based streams: J. K. Salmon et
al., *Parallel Random Numbers: As Easy as 1, 2, 3*, SC 2011.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence

import torch
from torch import Tensor

from companion import kinds

Seeds = int | Sequence[int] | Tensor
Step = int | Tensor
"""A tensor where the step is counted on the device, as a captured training step needs."""

_GOLDEN = 0x9E3779B97F4A7C15 - (1 << 64)  # 2^64 / golden ratio, written as a signed 64-bit integer
_MIX_1 = 0xBF58476D1CE4E5B9 - (1 << 64)
_MIX_2 = 0x94D049BB133111EB - (1 << 64)

_PART = 2**16
"""So many normal numbers a CPU draws at a time: the int64 on the way to them stay in its cache."""


def _shift_right(x: Tensor, bits: int) -> Tensor:
    """Logical shift: torch's own ``>>`` copies the sign bit of an int64."""
    return (x >> bits) & ((1 << (64 - bits)) - 1)


def _mix(x: Tensor) -> Tensor:
    """SplitMix64's finalizer, a bijection of the 64-bit integers."""
    x = (x ^ _shift_right(x, 30)) * _MIX_1
    x = (x ^ _shift_right(x, 27)) * _MIX_2
    return x ^ _shift_right(x, 31)


def _alone(seeds: Seeds) -> bool:
    return not isinstance(seeds, (Sequence, Tensor)) or isinstance(seeds, str)


def _whole(name: str, value: int | Tensor) -> int | Tensor:
    if not isinstance(value, Tensor):
        return kinds.whole(name, value)
    if value.is_floating_point() or value.dtype == torch.bool:
        raise ValueError(
            f"{name} must be a whole number, got {value.dtype}; convert it with long()"
        )
    return value


def _keys(seeds: Seeds, purpose: str, step: Step, device: torch.device | str) -> Tensor:
    """One 64-bit key per seed, shape [runs, 1]."""
    step = _whole("step", step)
    if isinstance(step, int) and step < 0:
        raise ValueError(f"step must be >= 0, got {step}; count steps and epochs from 0")
    if _alone(seeds) or isinstance(seeds, Tensor):
        seeds = _whole("a seed", seeds)
    else:
        seeds = [kinds.whole("a seed", seed) for seed in seeds]
    name = int.from_bytes(hashlib.blake2b(purpose.encode(), digest_size=8).digest(), signed=True)
    seed = torch.as_tensor(seeds, dtype=torch.int64, device=device).reshape(-1, 1)
    when = torch.as_tensor(step, dtype=torch.int64, device=device) * _GOLDEN
    return _mix(_mix(_mix(seed + _GOLDEN) ^ name) + when)


def bits(
    seeds: Seeds,
    purpose: str,
    step: Step,
    n: int,
    device: torch.device | str = "cpu",
    first: int = 0,
) -> Tensor:
    """64 uniformly random bits at each of ``n`` positions from ``first`` on, as int64.

    Returns shape [n] for one seed and [runs, n] for several; row r depends on ``seeds[r]`` alone.

    >>> alone, stacked = bits(7, "order", 0, 4), bits([3, 7], "order", 0, 4)
    >>> bool((alone == stacked[1]).all())
    True
    """
    n = kinds.whole("n", n)
    if n < 0:
        raise ValueError(f"n must be >= 0, got {n}; ask for a count of numbers")
    position = torch.arange(first + 1, first + n + 1, dtype=torch.int64, device=device)
    words = _mix(_keys(seeds, purpose, step, device) + position * _GOLDEN)
    return words[0] if _alone(seeds) else words


def uniform(
    seeds: Seeds,
    purpose: str,
    step: Step,
    n: int,
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float32,
    first: int = 0,
) -> Tensor:
    """Uniform numbers in the open interval (0, 1): the top 23 bits (float32) or 52 (float64).

    Equal bit for bit on every device. Shape as in `bits`.

    >>> u = uniform(0, "example", 0, 1000)
    >>> bool(((u > 0) & (u < 1)).all())
    True
    """
    if dtype not in (torch.float32, torch.float64):
        raise ValueError(f"dtype must be float32 or float64, got {dtype}; convert the result")
    digits = 52 if dtype == torch.float64 else 23
    words = _shift_right(bits(seeds, purpose, step, n, device, first), 64 - digits)
    return (words.to(torch.float64) + 0.5).mul_(2.0**-digits).to(dtype)


def normal(
    seeds: Seeds,
    purpose: str,
    step: Step,
    n: int,
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float32,
) -> Tensor:
    """Standard normal numbers: ``sqrt(2) erfinv(2 u - 1)`` of a float64 uniform u.

    Equal on every device to the last bits of its ``erfinv``. Shape as in `bits`.

    >>> normal([1, 2], "weights", 0, 5).shape
    torch.Size([2, 5])
    """

    def part(first: int, count: int) -> Tensor:
        u = uniform(seeds, purpose, step, count, device, torch.float64, first)
        return u.mul_(2).sub_(1).erfinv_().mul_(math.sqrt(2)).to(dtype)

    n = kinds.whole("n", n)
    if n <= _PART or not _alone(seeds) or torch.device(device).type != "cpu":
        return part(0, n)
    numbers = torch.empty(n, dtype=dtype, device=device)
    for first in range(0, n, _PART):
        numbers[first : first + _PART] = part(first, min(_PART, n - first))
    return numbers


def permutation(
    seeds: Seeds, purpose: str, step: Step, n: int, device: torch.device | str = "cpu"
) -> Tensor:
    """A random order of 0 .. n - 1: the positions sorted by their 64 random bits.

    Shape as in `bits`, int64. Two of n keys collide with probability below n^2 / 2^65; a stable
    sort makes even that case the same everywhere.

    >>> sorted(permutation(5, "order", 0, 6).tolist())
    [0, 1, 2, 3, 4, 5]
    """
    return bits(seeds, purpose, step, n, device).argsort(dim=-1, stable=True)
