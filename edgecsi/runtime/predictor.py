"""The base station's view of a bundle: a task's inputs in, its predictions out, and every input checked."""

from __future__ import annotations

import os
import threading
import warnings
from enum import IntEnum

import numpy as np
from numpy.typing import ArrayLike, NDArray

from edgecsi.bundle import Bundle, Manifest, open_bundle
from edgecsi.errors import DataError, EdgeCsiError, UnavailableError
from edgecsi.radio import RadioSetting, require_same_radio
from edgecsi.runtime.engine import Engine, run_in_pieces, start_engine, why_not_run
from edgecsi.tasks import Task

Prediction = NDArray[np.complex64 | np.float32]  # which of the two, the task says
WAYS = "use a bundle for that setting"


class Status(IntEnum):
    """What became of one user's prediction."""

    OK = 0
    ZERO_POWER = 1  # the input is all zero, so the prediction is too
    OUT_OF_RANGE = 2  # predicted, but the user is slower or faster than the network was made for


class Predictor:
    """A started bundle. One call computes at a time; threads may share a Predictor."""

    def __init__(
        self, engine: Engine, manifest: Manifest, digest: str, accept_radio_mismatch: bool = False
    ) -> None:
        self.manifest = manifest
        self.digest = digest
        self._engine = engine
        self._accepts = accept_radio_mismatch
        self._busy = threading.Lock()

    @property
    def task(self) -> Task:
        """What it predicts, and the tensors of that."""
        return self.manifest.the_task

    @property
    def radio(self) -> RadioSetting:
        """The radio setting that it was made for."""
        return self.manifest.radio

    @property
    def warnings(self) -> tuple[str, ...]:
        """What whoever uses it should know, in words."""
        return self.manifest.warnings

    @property
    def threads(self) -> int | None:
        """CPU threads that compute; None on a GPU."""
        return self._engine.threads

    def predict(self, inputs: ArrayLike, *, radio: RadioSetting | None = None) -> Prediction:
        """Predict for every user: [user, *input axes of the task] -> [user, *target axes].

        CSI: complex [user, antenna, T, K] -> complex64 [user, antenna, P, K]. Any memory layout, precision,
        scale and number of users, 0 included. A user without power gets zeros.

        Args:
            inputs: what the task's network sees.
            radio: how you sampled it, if you want that compared with the bundle.

        Raises:
            DataError: a wrong shape or dtype, a masked array, NaN or infinity.
            RadioMismatch: `radio` is not the setting that the bundle was made for.
        """
        return self._predict(inputs, None, radio)[0]

    def predict_with_status(
        self, inputs: ArrayLike, *, speed_kmh: ArrayLike | None = None, radio: RadioSetting | None = None
    ) -> tuple[Prediction, NDArray[np.uint8]]:
        """:meth:`predict`, and a :class:`Status` per user as uint8 [user].

        speed_kmh: of every user [user] or of all, where it is known; NaN: it is not.
        """
        return self._predict(inputs, speed_kmh, radio)

    def _predict(
        self, inputs: ArrayLike, speed_kmh: ArrayLike | None, radio: RadioSetting | None
    ) -> tuple[Prediction, NDArray[np.uint8]]:
        _check_radio(self.manifest, radio, self._accepts)
        values = self._checked(inputs)
        status = self._status(values, speed_kmh)
        silent = status == Status.ZERO_POWER
        shape = (len(values), *self.manifest.output.user_dims)
        if silent.all():
            return self.task.target.from_engine(np.zeros(shape, np.float32)), status
        with self._busy:
            output = run_in_pieces(self._engine, values)
        output[silent] = 0
        if not np.isfinite(output).all():
            raise EdgeCsiError(
                f"{self.manifest.name} predicts NaN or infinity for {_users(~_finite(output))}; "
                "check the scale of the input, and the bundle with: edgecsi verify"
            )
        return self.task.target.from_engine(output), status

    def _status(self, values: NDArray[np.float32], speed_kmh: ArrayLike | None) -> NDArray[np.uint8]:
        status = np.full(len(values), Status.OK, np.uint8)
        trained = self.manifest.network.trained
        if speed_kmh is not None:
            speeds = np.asarray(speed_kmh)
            if speeds.dtype.kind not in "iuf" or speeds.shape not in ((), (len(values),)):
                raise DataError(
                    f"speed_kmh is {speeds.dtype} {list(speeds.shape)}, not one number or {len(values)}"
                )
            if trained is not None:
                status[np.broadcast_to(trained.beyond(speeds.astype(np.float64)), status.shape)] = (
                    Status.OUT_OF_RANGE
                )
        if self.task.scales:  # elsewhere, as in dB, an input of zeros is an input like any other
            status[~values.any(axis=tuple(range(1, values.ndim)))] = Status.ZERO_POWER
        return status

    def _checked(self, inputs: ArrayLike) -> NDArray[np.float32]:
        """C-order float32 [user, *input dims]."""
        if isinstance(inputs, np.ma.MaskedArray):
            raise DataError("the input is a masked array; fill or leave out what is masked")
        values = np.asarray(inputs)
        tensor, dims = self.task.input, self.task.input.dims(self.radio)
        wanted = tensor.words(self.radio)
        if values.ndim != len(dims) + 1 or values.shape[1:] != dims:
            hint = "; add the user axis with x[None]" if values.shape == dims else ""
            raise DataError(f"the input has shape {list(values.shape)}, the engine takes {wanted}{hint}")
        if values.dtype.kind not in ("c" if tensor.is_complex else "fiu"):
            raise DataError(f"the input is {values.dtype}, the engine takes {wanted}")
        with np.errstate(over="ignore"):  # beyond float32's range: said below
            ready = tensor.to_engine(values)
        if not np.isfinite(ready).all():
            precision = np.dtype(tensor.dtype)
            raise DataError(f"the input holds NaN or infinity, as {precision}, for {_users(~_finite(ready))}")
        return ready


def load(
    path: str | os.PathLike[str],
    *,
    threads: int | None = None,
    digest: str | None = None,
    radio: RadioSetting | None = None,
    accept_radio_mismatch: bool = False,
) -> Predictor:
    """Open a bundle, check every byte of it and start its engine.

    Args:
        path: the bundle's folder.
        threads: CPU threads, by default all that this process may use.
        digest: SHA-256 of the manifest that you trust; another bundle is refused.
        radio: the setting that you believe your channels have.
        accept_radio_mismatch: warn, instead of refusing, where a setting differs in more than shapes.

    Raises:
        BundleError: the bundle is not whole, or not the pinned one.
        RadioMismatch: `radio` is not the bundle's.
        UnavailableError: this machine can't run it.
    """
    return start_bundle(open_bundle(path, digest), threads, radio, accept_radio_mismatch)


def start_bundle(
    bundle: Bundle,
    threads: int | None = None,
    radio: RadioSetting | None = None,
    accept_radio_mismatch: bool = False,
) -> Predictor:
    """:func:`load` for an open bundle."""
    manifest = bundle.manifest
    facts = manifest.engine
    _check_radio(manifest, radio, accept_radio_mismatch)
    if reason := why_not_run(facts.name, facts.precision, manifest):
        raise UnavailableError(f"{bundle.path} can't run here: {reason}")
    engine = start_engine(facts.name, bundle.engine_files(), manifest.signature, threads, facts.precision)
    return Predictor(engine, manifest, bundle.digest, accept_radio_mismatch)


def _check_radio(manifest: Manifest, radio: RadioSetting | None, accept: bool) -> None:
    """Raises RadioMismatch where a host's setting is not the bundle's; warns where that was accepted."""
    if radio is None:
        return
    name = f"the bundle {manifest.name}"
    flag = "accept_radio_mismatch=True"
    found = require_same_radio(manifest.radio, name, radio, "this host", WAYS, accept, flag)
    if found:
        warnings.warn(f"{'; '.join(found)}: predictions may be worthless", stacklevel=4)  # the caller's line


def _finite(rows: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Which rows hold nothing but numbers: bool [row]."""
    return np.asarray(np.isfinite(rows).all(axis=tuple(range(1, rows.ndim))))


def _users(bad: NDArray[np.bool_]) -> str:
    """The first users of a mask, in words."""
    indices = np.flatnonzero(bad)
    more = f" and {len(indices) - 5} more" if len(indices) > 5 else ""
    return f"user{'s' if len(indices) > 1 else ''} {', '.join(map(str, indices[:5]))}{more}"
