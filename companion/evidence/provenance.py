"""record.json as a whole: what was declared, what the writer added, and the seal over both."""

from companion.evidence import files, headers, tables, trainers

SCHEMA = 1


def sealed(content: dict) -> dict:
    """Return the content of record.json with the digest of all of it.

    >>> sealed({"name": "toy"})["sha256"] == sealed(sealed({"name": "toy"}))["sha256"]
    True
    """
    rest = {key: value for key, value in content.items() if key != "sha256"}
    return {**rest, "sha256": files.digest(files.canonical(rest))}


def problems(provenance: dict) -> list[str]:
    """Return one sentence for each key of record.json that is missing or of a wrong type."""
    if provenance.get("schema") != SCHEMA:
        return [
            f"record.json must have schema {SCHEMA}, got {provenance.get('schema')!r}; "
            "use the version of the package that wrote it."
        ]
    faults = [
        f"record.json needs {key} as {kind.__name__}; run the record again."
        for key, kind in headers.RESULT.items()
        if not isinstance(provenance.get(key), kind)
    ]
    try:
        headers.check_texts(provenance, "record.json")
        headers.check_header(headers.declared(provenance))
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
    if not faults and not 0 <= provenance["wall_seconds"] <= trainers.MOST_SECONDS:
        faults.append(
            f"wall_seconds must be from 0 to {trainers.MOST_SECONDS:g}, got "
            f"{provenance['wall_seconds']:g}; run the record again."
        )
    if "trained" in provenance and not trainers.agree(provenance):
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
        name = headers.folder_name(provenance)
    except ValueError as error:
        return [*faults, str(error)]
    if provenance["name"] != name:
        faults.append(
            "a record is named by its experiment, image set and scale, and "
            f"{provenance['name']!r} is not {name!r}; restore record.json."
        )
    return faults
