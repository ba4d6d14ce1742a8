"""The base station's view of a bundle: complex CSI in, complex CSI out, and every input checked."""

from __future__ import annotations

import os
import threading
from enum import IntEnum

import numpy as np
from numpy.typing import ArrayLike, NDArray

from edgecsi.bundle import Bundle, Manifest, open_bundle
from edgecsi.csi import CsiShape, to_complex, to_interleaved
from edgecsi.errors import DataError, EdgeCsiError, UnavailableError
from edgecsi.runtime.engine import Engine, run_in_pieces, start_engine, why_not_run


class Status(IntEnum):
    """What became of one user's prediction."""

    OK = 0
    ZERO_POWER = 1  # the history is all zero, so the prediction is too


class Predictor:
    """A started bundle. One call computes at a time; threads may share a Predictor."""

    def __init__(self, engine: Engine, manifest: Manifest, digest: str) -> None:
        self.manifest = manifest
        self.digest = digest
        self._engine = engine
        self._busy = threading.Lock()

    @property
    def shape(self) -> CsiShape:
        """Sizes of one user's history and future."""
        return self.manifest.shape

    @property
    def threads(self) -> int | None:
        """CPU threads that compute; None on a GPU."""
        return self._engine.threads

    def predict(self, csi: ArrayLike) -> NDArray[np.complex64]:
        """Predict the future of every user: complex [user, antenna, T, K] -> complex64 [user, antenna, P, K].

        Any memory layout, complex precision, scale and number of users, 0 included. A user without power gets
        zeros. Raises DataError for a wrong shape or dtype, NaN or infinity.
        """
        return self.predict_with_status(csi)[0]

    def predict_with_status(self, csi: ArrayLike) -> tuple[NDArray[np.complex64], NDArray[np.uint8]]:
        """:meth:`predict`, and a :class:`Status` per user as uint8 [user]."""
        history = self._checked(csi)
        status = np.where(history.any(axis=(1, 2, 3, 4)), Status.OK, Status.ZERO_POWER).astype(np.uint8)
        if not (status == Status.OK).any():
            return np.zeros((len(history), *self.shape.future_shape), np.complex64), status
        with self._busy:
            future = run_in_pieces(self._engine, history)
        future[status == Status.ZERO_POWER] = 0
        if not np.isfinite(future).all():
            raise EdgeCsiError(
                f"{self.manifest.name} predicts NaN or infinity for {_users(~_finite(future))}; "
                "check the scale of the input, and the bundle with: edgecsi verify"
            )
        return to_complex(future), status

    def _checked(self, csi: ArrayLike) -> NDArray[np.float32]:
        csi = np.asarray(csi)
        wanted = f"complex [user, antenna, T, K] = [any, {', '.join(map(str, self.shape.history_shape))}]"
        if csi.ndim != 4 or csi.shape[1:] != self.shape.history_shape:
            hint = "; add the user axis with csi[None]" if csi.shape == self.shape.history_shape else ""
            raise DataError(f"the CSI has shape {list(csi.shape)}, the engine takes {wanted}{hint}")
        if not np.iscomplexobj(csi):
            raise DataError(f"the CSI is {csi.dtype}, the engine takes {wanted}")
        with np.errstate(over="ignore"):  # beyond float32's range: said below
            history = to_interleaved(csi)
        if not np.isfinite(history).all():
            raise DataError(f"the CSI holds NaN or infinity, as complex64, for {_users(~_finite(history))}")
        return history


def load(path: str | os.PathLike[str], *, threads: int | None = None, digest: str | None = None) -> Predictor:
    """Open a bundle, check every byte of it and start its engine.

    `threads`: CPU threads, by default all that this process may use. `digest`: the SHA-256 of the manifest
    that you trust. Raises BundleError for a bundle that is not whole or not the pinned one, UnavailableError
    when this machine can't run it.
    """
    return start_bundle(open_bundle(path, digest), threads)


def start_bundle(bundle: Bundle, threads: int | None = None) -> Predictor:
    """Start the engine of an open bundle. Raises UnavailableError when this machine can't run it."""
    manifest = bundle.manifest
    if reason := why_not_run(manifest.engine, manifest):
        raise UnavailableError(f"{bundle.path} can't run here: {reason}")
    engine = start_engine(manifest.engine, bundle.engine_files(), threads, manifest.precision)
    return Predictor(engine, manifest, bundle.digest)


def _finite(rows: NDArray[np.float32]) -> NDArray[np.bool_]:
    return np.isfinite(rows).all(axis=tuple(range(1, rows.ndim)))


def _users(bad: NDArray[np.bool_]) -> str:
    """The first users of a mask, in words."""
    indices = np.flatnonzero(bad)
    more = f" and {len(indices) - 5} more" if len(indices) > 5 else ""
    return f"user{'s' if len(indices) > 1 else ''} {', '.join(map(str, indices[:5]))}{more}"
