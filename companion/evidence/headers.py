"""What a record declares before it is run: the header's keys, their types, and what they may be."""

import json
import re
import reprlib
from collections.abc import Iterator, Mapping
from typing import Any

from companion.evidence import tables

HEADER = {
    "name": str,
    "experiment": str,
    "scale": str,
    "dataset": str,
    "dataset_digest": str,
    "arms": dict,
    "seeds": list,
    "runs_per_arm": int,
    "epochs": int,
    "code": dict,
    "machine": dict,
    "deviations": list,
}
"""What the one who runs declares: key and type. More keys may be added."""
OPTIONAL = {
    "title": str,
    "source": str,
    "split": dict,
    "detailed_seeds": list,
    "classes": int,
    "columns": dict,
    "reduced": bool,
}
"""What it may declare beside: key and type."""
WITHIN = {
    "machine": {"device": str, "hardware": str, "versions": dict},
    "code": {"version": str, "commit": str, "source": str},
}
"""What is inside, where it is there and not null."""
RESULT = {"schema": int, "tables": dict, "created": str, "wall_seconds": float, "stacks": list}
"""What `Writer.finish` adds."""
ADDED = {"trained": list, "sha256": str}
"""What `Writer.finish` adds too: which machine trained what, where the parts say it, and the digest
of all the rest of record.json. Older records do not have it."""
LONGEST = 32_767
"""Epochs, as many as their column holds."""
MOST_RUNS = 100_000
"""Runs of an arm, and of a part."""
MOST_CLASSES = 2**31


def declared(content: dict) -> dict:
    """Return the header in a record.json: what was declared, without what the writer added."""
    return {k: v for k, v in content.items() if k not in RESULT and k not in ADDED}


def identity(header: dict) -> dict:
    """Return the part of a header that two sessions of one record must share.

    Left out are the machine, the package version and the commit: a resume after a documentation
    commit goes on, while `code.source`, the digest of what trains, must be the same.
    """
    code = {k: v for k, v in header.get("code", {}).items() if k not in ("version", "commit")}
    return {**{k: v for k, v in header.items() if k != "machine"}, "code": code}


def check_header(header: dict) -> dict:
    """Return `header` as it reads back from JSON; `ValueError` when a key is missing or wrong."""
    try:
        plain = json.loads(json.dumps(header, allow_nan=False))
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"a record's header must be plain JSON ({error}); convert it.") from None
    for key, kind in {**HEADER, **OPTIONAL}.items():
        if key in HEADER or key in plain:
            _check_kind(key, plain.get(key, _NOTHING), kind)
    check_within(plain)
    reserved = sorted(set(plain) & {*RESULT, *ADDED})
    if reserved:
        raise ValueError(f"the header key {reserved[0]} is set by the writer; leave it out.")
    check_texts(plain, "a record's header")
    for key, most in (("runs_per_arm", MOST_RUNS), ("epochs", LONGEST), ("classes", MOST_CLASSES)):
        if not 1 <= plain.get(key, 1) <= most:
            raise ValueError(
                f"{key} must be >= 1 and at most {most}, got {plain[key]}; give a whole number."
            )
    if not plain["arms"]:
        raise ValueError("a record must have at least one arm, got none; declare its arms.")
    for arm, settings in plain["arms"].items():
        if not isinstance(settings, dict):
            raise ValueError(
                f"an arm must be a dict of settings, and {arm} is {settings!r}; declare them."
            )
        widths = settings.get("widths", [])
        if not isinstance(widths, list) or not all(type(n) is int and n > 0 for n in widths):
            raise ValueError(
                f"widths of an arm must be a list of whole numbers > 0, and those of {arm} are "
                f"{reprlib.repr(widths)}; declare them."
            )
    _check_seeds(plain)
    if not all(isinstance(text, str) for text in plain["deviations"]):
        raise ValueError("deviations must be sentences, got something else; write them out.")
    tables.of(plain)
    return plain


_NOTHING = object()


def _check_kind(key: str, value: Any, kind: type) -> None:
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        found = "nothing" if value is _NOTHING else reprlib.repr(value)
        raise ValueError(f"a record's header needs {key} as {kind.__name__}, got {found}; add it.")


def check_within(said: Mapping) -> None:
    """Refuse a machine or code whose parts are of a wrong kind (`WITHIN`)."""
    for key, kinds in WITHIN.items():
        for inner, kind in kinds.items():
            value = said[key].get(inner)
            if value is not None:
                _check_kind(f"{key}.{inner}", value, kind)


def check_texts(value: Any, what: str) -> None:
    """Refuse text that a terminal would obey."""
    for text in _texts(value):
        if not text.isprintable():
            raise ValueError(f"{what} must be of printable text, got {text[:80]!r}; rename it.")


def _texts(value: Any) -> Iterator[str]:
    """Return all the text in a JSON value, keys too."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)


def _check_seeds(header: dict) -> None:
    """Refuse seeds that are none, or are not as many as the runs."""
    wanted = {header["runs_per_arm"], header["runs_per_arm"] * len(header["arms"])}
    for key in ("seeds", "detailed_seeds"):
        seeds = header.get(key, [])
        good = isinstance(seeds, list) and all(type(seed) is int and seed >= 0 for seed in seeds)
        if not good or len(set(seeds)) != len(seeds):
            raise ValueError(f"{key} must be different whole numbers >= 0, got others; list them.")
    if len(header["seeds"]) not in wanted:
        raise ValueError(
            f"a header lists the seed of each run, {max(wanted)}, or those that all arms share, "
            f"{min(wanted)}, got {len(header['seeds'])}; list them."
        )
    if not set(header.get("detailed_seeds", [])) <= set(header["seeds"]):
        raise ValueError("detailed_seeds must be among the seeds, and some are not; correct them.")


def folder_name(header: Mapping) -> str:
    """Return the name that a record of this header has, which names its folder.

    `ValueError` when that is no name of a folder.
    """
    name = "-".join(header[key] for key in ("experiment", "dataset", "scale"))
    if not re.fullmatch(r"[^./\\:][^/\\:]{0,199}", name):
        raise ValueError(
            f"a record's experiment, image set and scale must make a folder's name, got {name!r}; "
            "rename them."
        )
    return name
