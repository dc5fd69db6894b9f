"""SplitMix64 in Python integers, and the streams built on it.

Steele, Lea, Flood, *Fast Splittable Pseudorandom Number Generators*, OOPSLA 2014; the constants
are those of S. Vigna's public-domain splitmix64.c.
"""

import hashlib

WORD = 2**64
GOLDEN = 0x9E3779B97F4A7C15


def mix(x: int) -> int:
    """The finalizer: a word to a word."""
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9 % WORD
    x = (x ^ (x >> 27)) * 0x94D049BB133111EB % WORD
    return x ^ (x >> 31)


def sequence(seed: int, n: int) -> list[int]:
    """The first n outputs of the generator as it is published: a counter that is mixed.

    >>> sequence(1234567, 2)
    [6457827717110365317, 3203168211198807973]
    """
    return [mix((seed + (i + 1) * GOLDEN) % WORD) for i in range(n)]


def words(seed: int, purpose: str, step: int, n: int) -> list[int]:
    """The words of the stream (seed, purpose, step): the sequence from its key."""
    name = int.from_bytes(hashlib.blake2b(purpose.encode(), digest_size=8).digest(), "big")
    key = mix((mix(mix((seed + GOLDEN) % WORD) ^ name) + step * GOLDEN) % WORD)
    return sequence(key, n)


def signed(word: int) -> int:
    """The int64 with the same 64 bits."""
    return word - WORD if word >= WORD // 2 else word
