"""What a caller hands in: its shape and type checked as a whole, its numbers user by user."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import ArrayLike, NDArray

from edgecsi.errors import DataError
from edgecsi.radio import RadioSetting
from edgecsi.tasks import Task

TINY = np.finfo(np.float32).tiny
# Engines see what lies outside at another scale: squares of it leave float32's range.
LOWEST, HIGHEST = 2.0**-100, 2.0**100


class Status(IntEnum):
    """What became of one user's prediction."""

    OK = 0
    ZERO_POWER = 1  # the input, as float32, is all zero, so the prediction is too
    OUT_OF_RANGE = 2  # predicted, but the user is slower or faster than the network was made for
    NOT_FINITE = 3  # the input holds NaN or infinity; the prediction is zeros
    DENORMAL = 4  # predicted, but no number of the input reaches 1.2e-38: float32 keeps few of its digits
    FAILED = 5  # the engine gave NaN or infinity; the prediction is zeros


@dataclass(frozen=True)
class Ready:
    """Users as the engine takes them.

    values: float32 [user, *input dims]. status: uint8 [user]. unknown: who has NaN or infinity, bool [user];
    silent: who has no power; None: nobody. exponents: by which powers of two users were multiplied, int32
    [user]; None: by none.
    """

    values: NDArray[np.float32]
    status: NDArray[np.uint8]
    unknown: NDArray[np.bool_] | None = None
    silent: NDArray[np.bool_] | None = None
    exponents: NDArray[np.int32] | None = None

    @property
    def empty(self) -> NDArray[np.bool_] | None:
        """Whose prediction is zeros, whatever the engine says; None: nobody's."""
        if self.unknown is None or self.silent is None:
            return self.unknown if self.silent is None else self.silent
        return self.unknown | self.silent


def checked(inputs: ArrayLike, task: Task, radio: RadioSetting) -> NDArray[np.float32]:
    """C-order float32 [user, *input dims]; NaN and infinity may still be in it."""
    if isinstance(inputs, np.ma.MaskedArray):
        raise DataError("the input is a masked array; fill or leave out what is masked")
    values = np.asarray(inputs)
    tensor, dims = task.input, task.input.dims(radio)
    if values.ndim != len(dims) + 1 or values.shape[1:] != dims:
        hint = "; add the user axis with x[None]" if values.shape == dims else ""
        wanted = tensor.words(radio)
        raise DataError(f"the input has shape {list(values.shape)}, the engine takes {wanted}{hint}")
    if values.dtype.kind not in ("c" if tensor.is_complex else "fiu"):
        raise DataError(f"the input is {values.dtype}, the engine takes {tensor.words(radio)}")
    with np.errstate(over="ignore"):  # beyond float32's range: said per user
        return tensor.to_engine(values)


def prepared(values: NDArray[np.float32], task: Task, status: NDArray[np.uint8]) -> Ready:
    """Tell users without usable numbers, and bring very small and very large ones to a scale engines take.

    Where a task scales, a power of two goes in and comes out without changing a digit.
    """
    rows = values.reshape(len(values), math.prod(values.shape[1:]))
    if len(rows) == 1:  # what follows, faster
        peak = max(float(rows.max()), -float(rows.min()))  # NaN where there is one
        if LOWEST < peak < HIGHEST:
            return Ready(values, status)
    largest = np.maximum(rows.max(axis=1), -rows.min(axis=1))
    if ((largest > LOWEST) & (largest < HIGHEST)).all():
        return Ready(values, status)
    unknown, bad = None, ~np.isfinite(largest)
    if bad.any():
        unknown = bad
        values = values.copy()  # it may be the caller's
        values[unknown] = 0
        status[unknown] = Status.NOT_FINITE
        largest[unknown] = 1
    if not task.scales:  # elsewhere, as in dB, an input of zeros is an input like any other
        return Ready(values, status, unknown)
    silent = largest == 0
    status[silent] = Status.ZERO_POWER
    status[(largest > 0) & (largest < TINY)] = Status.DENORMAL
    extreme = ~silent & ((largest <= LOWEST) | (largest >= HIGHEST))
    if not extreme.any():
        return Ready(values, status, unknown, silent)
    exponents = np.where(extreme, -np.frexp(largest)[1], 0).astype(np.int32)
    return Ready(times_power(values, exponents), status, unknown, silent, exponents)


def times_power(values: NDArray[np.float32], exponents: NDArray[np.int32]) -> NDArray[np.float32]:
    """values [user, ...] times 2^exponents [user], as far as float32 reaches."""
    with np.errstate(all="ignore"):
        return np.ldexp(values, exponents.reshape(-1, *[1] * (values.ndim - 1)))


def finite(rows: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Which rows hold nothing but numbers: bool [row]."""
    return np.asarray(np.isfinite(rows).all(axis=tuple(range(1, rows.ndim))))


def users_words(bad: NDArray[np.bool_]) -> str:
    """The first users of a mask, in words."""
    indices = np.flatnonzero(bad)
    more = f" and {len(indices) - 5} more" if len(indices) > 5 else ""
    return f"user{'s' if len(indices) > 1 else ''} {', '.join(map(str, indices[:5]))}{more}"
