"""Text of a command-line option, a `--set` or a recipe -> a value for pydantic to judge."""

from __future__ import annotations

import math
import types
from typing import Any, Union, get_args, get_origin


def parse(text: str, annotation: Any) -> Any:
    """Text of an option, a `--set` or a recipe -> what pydantic judges: null, ranges, lists, text."""
    kind = plain(annotation)
    if text.lower() in ("null", "none") and is_optional(annotation):
        return None
    if get_origin(kind) is tuple:
        parts = _numbers(text)
        return parts if len(parts) > 1 or is_list(annotation) else parts * 2
    number = _float(text) if kind in (int, float) else None
    if number is not None and not math.isfinite(number):
        raise ValueError("a number must be finite")
    return text


def _numbers(text: str) -> tuple[str, ...]:
    """`5`, `5-25`, `-5:25`, `5,10,50` -> its parts. ValueError for a range that descends."""
    if "," in text:
        return tuple(text.split(","))
    if ":" in text:
        parts = tuple(text.split(":"))
    elif "-" in text[1:] and not text.startswith("-"):
        parts = tuple(text.split("-", 1))
    else:
        return (text,)
    low, high = _float(parts[0]), _float(parts[-1])
    if low is not None and high is not None and low > high:
        raise ValueError("a range goes from low to high, as 10-100")
    return parts


def is_optional(annotation: Any) -> bool:
    """Whether an annotation allows None."""
    return get_origin(annotation) in (Union, types.UnionType) and type(None) in get_args(annotation)


def is_list(annotation: Any) -> bool:
    """Whether it is a tuple of any length."""
    kind = plain(annotation)
    return get_origin(kind) is tuple and Ellipsis in get_args(kind)


def plain(annotation: Any) -> Any:
    """An annotation without `| None` and without Annotated's extras."""
    if is_optional(annotation):
        return plain(next(part for part in get_args(annotation) if part is not type(None)))
    if hasattr(annotation, "__metadata__"):
        return plain(get_args(annotation)[0])
    return annotation


def _float(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
