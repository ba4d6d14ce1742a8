"""The manifest's own digest, and reading JSON so that one text means one thing.

Hashes in the manifest cover every other file. `self_sha256` covers the manifest: it is the SHA-256 of its
JSON without that field, keys sorted and no spaces, so that a changed bit is noticed where nobody pins a
digest. It shows damage; whoever changes a manifest on purpose can seal it again.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

SEAL = "self_sha256"


def sealed(value: dict[str, Any]) -> dict[str, Any]:
    """The JSON object with its digest, as the last field."""
    rest = {name: field for name, field in value.items() if name != SEAL}
    return {**rest, SEAL: digest(rest)}


def digest(value: dict[str, Any]) -> str:
    """Of a JSON object without the field. ValueError for what is no JSON."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def opened(value: dict[str, Any]) -> dict[str, Any]:
    """The object without its digest. ValueError where that is lacking or another one."""
    rest = dict(value)
    if SEAL not in rest:
        raise ValueError(f"it has no {SEAL}; build the bundle again")
    if rest.pop(SEAL) != digest(rest):
        raise ValueError(f"it is not what its {SEAL} was made of; get the bundle again")
    return rest


def parsed(text: bytes) -> Any:
    """UTF-8 JSON. ValueError for a key given twice and for numbers that are none."""
    return json.loads(text.decode("utf-8"), parse_constant=_refuse_constant, object_pairs_hook=_once)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{twice[:100]!r} is given twice")
    return found


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON number")
