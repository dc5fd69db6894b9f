"""Where a record comes from: the keys of record.json and their types."""

import json

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
    reserved = sorted(set(plain) & set(RESULT))
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
    try:
        check_header({k: v for k, v in provenance.items() if k not in RESULT})
    except ValueError as error:
        faults.append(str(error))
    return faults
