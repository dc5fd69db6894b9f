"""Where a record comes from: the keys of record.json and their types."""

import json
import math
import re
import reprlib
from collections.abc import Iterator, Mapping
from typing import Any

from companion.evidence import files, tables

SCHEMA = 1
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
MOST_SECONDS = 1e10
"""Of work, some three hundred years."""
ORIGIN = {"machine": dict, "code": dict, "seconds": float}
"""What a part says of itself: who trained it, with which version and commit, in what time."""


def declared(content: dict) -> dict:
    """Return the header in a record.json: what was declared, without what the writer added."""
    return {k: v for k, v in content.items() if k not in RESULT and k not in ADDED}


def check_origin(origin: dict) -> dict:
    """Return a part's origin as plain JSON; `ValueError` when it is not one."""
    try:
        plain = json.loads(json.dumps(origin, allow_nan=False))
        seconds = float(plain["seconds"])
        good = plain.keys() == ORIGIN.keys() and 0 <= seconds <= MOST_SECONDS
        good = good and all(isinstance(plain[key], dict) for key in ("machine", "code"))
        _check_texts(plain, "a part's origin")
        _check_within(plain)
    except (TypeError, ValueError, LookupError, AttributeError, RecursionError):
        good = False
    if not good:
        raise ValueError(
            f"a part's origin has machine and code as dict and seconds >= 0, got {origin!r:.200}; "
            "leave it out where it is not known."
        )
    return {**plain, "seconds": seconds}


def trained(origins: Mapping[str, dict | None]) -> list[dict]:
    """Return the machines of a record's parts, in the order of their first part, each with its
    code, its parts (key -> seconds) and the sum of their seconds.

    origins: key of a part -> its origin; parts without one are left out.
    """
    found: dict[str, dict] = {}
    for key, origin in origins.items():
        if origin is None:
            continue
        who = {"machine": origin["machine"], "code": origin["code"]}
        entry = found.setdefault(json.dumps(who, sort_keys=True), {**who, "parts": {}})
        entry["parts"][key] = origin["seconds"]
    for entry in found.values():
        entry["seconds"] = round(math.fsum(entry["parts"].values()), 3)
    return list(found.values())


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
    _check_within(plain)
    reserved = sorted(set(plain) & {*RESULT, *ADDED})
    if reserved:
        raise ValueError(f"the header key {reserved[0]} is set by the writer; leave it out.")
    _check_texts(plain, "a record's header")
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


def _check_within(said: Mapping) -> None:
    for key, kinds in WITHIN.items():
        for inner, kind in kinds.items():
            value = said[key].get(inner)
            if value is not None:
                _check_kind(f"{key}.{inner}", value, kind)


def _check_texts(value: Any, what: str) -> None:
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


def sealed(content: dict) -> dict:
    """Return the content of record.json with the digest of all of it.

    >>> sealed({"name": "toy"})["sha256"] == sealed(sealed({"name": "toy"}))["sha256"]
    True
    """
    rest = {key: value for key, value in content.items() if key != "sha256"}
    return {**rest, "sha256": files.digest(files.canonical(rest))}


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


def problems(provenance: dict) -> list[str]:
    """Return one sentence for each key of record.json that is missing or of a wrong type."""
    if provenance.get("schema") != SCHEMA:
        return [
            f"record.json must have schema {SCHEMA}, got {provenance.get('schema')!r}; "
            "use the version of the package that wrote it."
        ]
    faults = [
        f"record.json needs {key} as {kind.__name__}; run the record again."
        for key, kind in RESULT.items()
        if not isinstance(provenance.get(key), kind)
    ]
    try:
        _check_texts(provenance, "record.json")
        check_header(declared(provenance))
    except ValueError as error:
        return [*faults, str(error)]
    entries = provenance.get("tables")
    for name in tables.of(provenance):
        entry = entries.get(name) if isinstance(entries, dict) else None
        entry = entry if isinstance(entry, dict) else {}
        if {key: type(value) for key, value in entry.items()} != {"rows": int, "sha256": str}:
            faults.append(
                f"record.json needs tables with rows and sha256 of {name}; run the record again."
            )
            break
    if not faults and not all(isinstance(key, str) for key in provenance["stacks"]):
        faults.append("record.json needs stacks as text; run the record again.")
    if not faults and not 0 <= provenance["wall_seconds"] <= MOST_SECONDS:
        faults.append(
            f"wall_seconds must be from 0 to {MOST_SECONDS:g}, got "
            f"{provenance['wall_seconds']:g}; run the record again."
        )
    if "trained" in provenance and not _sound(provenance):
        faults.append(
            "record.json's trained must say machine, code, seconds and parts of this record; "
            "run the record again."
        )
    return faults


def false(provenance: dict) -> list[str]:
    """Return one sentence for each word of a sound record.json that something else in it belies."""
    faults = []
    # what declares its columns was written with a digest
    if ("sha256" in provenance or "columns" in provenance) and sealed(provenance) != provenance:
        faults.append(
            "record.json differs from its own digest; restore it or run the record again."
        )
    try:
        name = folder_name(provenance)
    except ValueError as error:
        return [*faults, str(error)]
    if provenance["name"] != name:
        faults.append(
            "a record is named by its experiment, image set and scale, and "
            f"{provenance['name']!r} is not {name!r}; restore record.json."
        )
    return faults


def _sound(provenance: dict) -> bool:
    """Whether `trained` is what the function of that name returns for parts of the record."""
    try:
        origins = {
            key: check_origin(
                {"machine": entry["machine"], "code": entry["code"], "seconds": seconds}
            )
            for entry in provenance["trained"]
            for key, seconds in entry["parts"].items()
        }
        return trained(origins) == provenance["trained"] and set(origins) <= set(
            provenance["stacks"]
        )
    except (TypeError, ValueError, LookupError, AttributeError):
        return False
