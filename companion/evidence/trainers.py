"""Who trained the parts of a record: on which machine, with which code, in what time."""

import json
import math
from collections.abc import Mapping

from companion.evidence import headers

MOST_SECONDS = 1e10
"""Of work, some three hundred years."""
ORIGIN = {"machine": dict, "code": dict, "seconds": float}
"""What a part says of itself: who trained it, with which version and commit, in what time."""


def check_origin(origin: dict) -> dict:
    """Return a part's origin as plain JSON; `ValueError` when it is not one."""
    try:
        plain = json.loads(json.dumps(origin, allow_nan=False))
        seconds = float(plain["seconds"])
        good = plain.keys() == ORIGIN.keys() and 0 <= seconds <= MOST_SECONDS
        good = good and all(isinstance(plain[key], dict) for key in ("machine", "code"))
        headers.check_texts(plain, "a part's origin")
        headers.check_within(plain)
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


def agree(provenance: dict) -> bool:
    """Whether a record's `trained` is what `trained` returns for parts of it."""
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
