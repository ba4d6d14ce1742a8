"""The base station's view of a bundle: a task's inputs in, its predictions out, and every input checked."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from edgecsi.bundle import Bundle, Manifest, open_bundle
from edgecsi.errors import DataError, DeadlineMissed, EdgeCsiError, UnavailableError
from edgecsi.radio import RadioSetting, require_same_radio
from edgecsi.runtime.engine import Engine, run_in_pieces, start_engine, why_not_run
from edgecsi.runtime.inputs import Status, checked, finite, prepared, times_power, users_words
from edgecsi.runtime.life import Life
from edgecsi.tasks import Task

Prediction = NDArray[np.complex64 | np.float32]  # which of the two, the task says
WAYS = "use a bundle for that setting"


@dataclass(frozen=True)
class Source:
    """How a predictor was loaded, so that a copy or another process can do it again."""

    path: str
    threads: int | None


class Predictor:
    """A started bundle. One call computes at a time; threads may share a Predictor.

    `with edgecsi.load(...) as predictor` or :meth:`close` frees the engine. A process forked after loading
    can't use it and is told so; a pickled or copied one is loaded again from its folder, by its digest.
    """

    def __init__(
        self,
        engine: Engine,
        manifest: Manifest,
        digest: str,
        accept_radio_mismatch: bool = False,
        source: Source | None = None,
    ) -> None:
        self.manifest = manifest
        self.digest = digest
        self._accepts = accept_radio_mismatch
        self._threads = engine.threads
        self._source = source
        self._life = Life(engine, f"the bundle {manifest.name}")

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
        return self._threads

    def predict(
        self, inputs: ArrayLike, *, radio: RadioSetting | None = None, timeout_s: float | None = None
    ) -> Prediction:
        """Predict for every user: [user, *input axes of the task] -> [user, *target axes].

        CSI: complex [user, antenna, T, K] -> complex64 [user, antenna, P, K]. Any memory layout, precision,
        scale and number of users, 0 included. A user without power gets zeros.

        Args:
            inputs: what the task's network sees.
            radio: how you sampled it, if you want that compared with the bundle.
            timeout_s: when to give up, whether another call is under way or this one takes too long. It
                takes a thread of its own, some 50 us; leave the input alone when it was missed.

        Raises:
            DataError: a wrong shape or dtype, a masked array, NaN or infinity.
            RadioMismatch: `radio` is not the setting that the bundle was made for.
            DeadlineMissed: the time is over. The engine is free again when the late call has ended.
        """
        return self._predict(inputs, None, radio, timeout_s, strict=True)[0]

    def predict_with_status(
        self,
        inputs: ArrayLike,
        *,
        speed_kmh: ArrayLike | None = None,
        radio: RadioSetting | None = None,
        timeout_s: float | None = None,
    ) -> tuple[Prediction, NDArray[np.uint8]]:
        """:meth:`predict`, and a :class:`Status` per user as uint8 [user].

        A user with NaN or infinity gets zeros and a status, and the others their predictions.
        speed_kmh: of every user [user] or of all, where it is known; NaN: it is not.
        """
        return self._predict(inputs, speed_kmh, radio, timeout_s, strict=False)

    def close(self, timeout_s: float | None = None) -> None:
        """Free the engine, after the call that is under way; later calls are refused.

        Raises DeadlineMissed where that call doesn't end within `timeout_s`.
        """
        if not self._life.close(timeout_s):
            raise DeadlineMissed(f"the bundle {self.manifest.name} is still computing after {timeout_s:g} s")

    def __enter__(self) -> Predictor:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __reduce__(self) -> tuple[Callable[..., Predictor], tuple[Any, ...]]:
        name = f"the bundle {self.manifest.name}"
        if self._source is None:
            raise EdgeCsiError(f"{name} was not loaded from a folder; load it in each process")
        if self._life.closed:
            raise EdgeCsiError(f"{name} is closed; load it again")
        return _load_again, (self._source.path, self._source.threads, self.digest, self._accepts)

    def _predict(
        self,
        inputs: ArrayLike,
        speed_kmh: ArrayLike | None,
        radio: RadioSetting | None,
        timeout_s: float | None,
        strict: bool,
    ) -> tuple[Prediction, NDArray[np.uint8]]:
        _check_radio(self.manifest, radio, self._accepts)
        return self._life.call(lambda engine: self._compute(engine, inputs, speed_kmh, strict), timeout_s)

    def _compute(
        self, engine: Engine, inputs: ArrayLike, speed_kmh: ArrayLike | None, strict: bool
    ) -> tuple[Prediction, NDArray[np.uint8]]:
        task = self.task
        values = checked(inputs, task, self.radio)
        ready = prepared(values, task, self._speed_status(len(values), speed_kmh))
        status = ready.status
        if strict and ready.unknown is not None:
            kind = np.dtype(task.input.dtype)
            raise DataError(f"the input holds NaN or infinity, as {kind}, for {users_words(ready.unknown)}")
        empty = ready.empty
        if not len(values) or (empty is not None and empty.all()):
            return task.target.from_engine(np.zeros((len(values), *self._output_dims), np.float32)), status
        output = run_in_pieces(engine, ready.values)
        if ready.exponents is not None:
            output = times_power(output, -ready.exponents)
        if empty is not None:
            output[empty] = 0
        if not np.isfinite(output).all():
            bad = ~finite(output)
            if strict:
                raise EdgeCsiError(
                    f"{self.manifest.name} predicts NaN or infinity for {users_words(bad)}; "
                    "check the scale of the input, and the bundle with: edgecsi verify"
                )
            output[bad], status[bad] = 0, Status.FAILED
        return task.target.from_engine(output), status

    @property
    def _output_dims(self) -> tuple[int, ...]:
        return self.manifest.output.user_dims

    def _speed_status(self, users: int, speed_kmh: ArrayLike | None) -> NDArray[np.uint8]:
        """OK, or OUT_OF_RANGE where a speed is."""
        status = np.zeros(users, np.uint8)
        trained = self.manifest.network.trained
        if speed_kmh is None:
            return status
        speeds = np.asarray(speed_kmh)
        if speeds.dtype.kind not in "iuf" or speeds.shape not in ((), (users,)):
            raise DataError(f"speed_kmh is {speeds.dtype} {list(speeds.shape)}, not one number or {users}")
        if trained is not None:
            beyond = np.broadcast_to(trained.beyond(speeds.astype(np.float64)), status.shape)
            status[beyond] = Status.OUT_OF_RANGE
        return status


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
    source = Source(os.path.abspath(bundle.path), threads)
    return Predictor(engine, manifest, bundle.digest, accept_radio_mismatch, source)


def _load_again(path: str, threads: int | None, digest: str, accept_radio_mismatch: bool) -> Predictor:
    """What a pickled predictor becomes."""
    return load(path, threads=threads, digest=digest, accept_radio_mismatch=accept_radio_mismatch)


def _check_radio(manifest: Manifest, radio: RadioSetting | None, accept: bool) -> None:
    """Raises RadioMismatch where a host's setting is not the bundle's; warns where that was accepted."""
    if radio is None:
        return
    name = f"the bundle {manifest.name}"
    flag = "accept_radio_mismatch=True"
    found = require_same_radio(manifest.radio, name, radio, "this host", WAYS, accept, flag)
    if found:
        warnings.warn(f"{'; '.join(found)}: predictions may be worthless", stacklevel=4)  # the caller's line
