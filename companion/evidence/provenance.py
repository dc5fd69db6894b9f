"""Where a record comes from: the keys of record.json and their types."""

import json
import math
from collections.abc import Mapping

from companion.evidence import tables

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
RESULT = {"schema": int, "tables": dict, "created": str, "wall_seconds": float, "stacks": list}
"""What `Writer.finish` adds."""
ADDED = {"trained": list}
"""What `Writer.finish` adds where the parts say it: which machine trained what."""
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
        good = plain.keys() == ORIGIN.keys() and math.isfinite(seconds) and seconds >= 0
        good = good and all(isinstance(plain[key], dict) for key in ("machine", "code"))
    except (TypeError, ValueError, LookupError, AttributeError):
        good = False
    if not good:
        raise ValueError(
            f"a part's origin has machine and code as dict and seconds >= 0, got {origin!r}; "
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
    except (TypeError, ValueError) as error:
        raise ValueError(f"a record's header must be plain JSON ({error}); convert it.") from None
    for key, kind in HEADER.items():
        if not isinstance(plain.get(key), kind) or isinstance(plain[key], bool):
            found = repr(plain[key]) if key in plain else "nothing"
            raise ValueError(
                f"a record's header needs {key} as {kind.__name__}, got {found}; add it."
            )
    reserved = sorted(set(plain) & {*RESULT, *ADDED})
    if reserved:
        raise ValueError(f"the header key {reserved[0]} is set by the writer; leave it out.")
    for key in ("runs_per_arm", "epochs"):
        if plain[key] < 1:
            raise ValueError(f"{key} must be >= 1, got {plain[key]}; give a whole number.")
    if not plain["arms"]:
        raise ValueError("a record must have at least one arm, got none; declare its arms.")
    return plain


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
    entries = provenance.get("tables")
    for name in tables.TABLES:
        entry = entries.get(name) if isinstance(entries, dict) else None
        if not isinstance(entry, dict) or set(entry) != {"rows", "sha256"}:
            faults.append(
                f"record.json needs tables with rows and sha256 of {name}; run the record again."
            )
            break
    if "trained" in provenance and not _sound(provenance):
        faults.append(
            "record.json's trained must say machine, code, seconds and parts of this record; "
            "run the record again."
        )
    try:
        check_header(declared(provenance))
    except ValueError as error:
        faults.append(str(error))
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
