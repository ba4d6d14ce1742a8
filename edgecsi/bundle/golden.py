"""The golden set: a few users by which any machine can tell that an engine still predicts as it did."""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgecsi.csi import CsiShape
from edgecsi.errors import BundleError


@dataclass(frozen=True)
class GoldenSet:
    """Inputs, the student's outputs and the truth of n users."""

    history: NDArray[np.complex64]  # [n, antenna, T, K]
    student: NDArray[np.complex64]  # [n, antenna, P, K], by the FP32 student
    truth: NDArray[np.complex64]  # [n, antenna, P, K], clean
    speed_kmh: NDArray[np.float32]  # [n]

    def to_bytes(self) -> bytes:
        """The set as an uncompressed .npz file."""
        buffer = io.BytesIO()
        np.savez(
            buffer, history=self.history, student=self.student, truth=self.truth, speed_kmh=self.speed_kmh
        )
        return buffer.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes, shape: CsiShape) -> GoldenSet:
        """Read :meth:`to_bytes` back. Raises BundleError when the arrays are not finite ones of `shape`."""
        try:
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                golden = cls(
                    history=_array(archive, "history", np.complex64, shape.history_shape),
                    student=_array(archive, "student", np.complex64, shape.future_shape),
                    truth=_array(archive, "truth", np.complex64, shape.future_shape),
                    speed_kmh=_array(archive, "speed_kmh", np.float32, ()),
                )
        except (ValueError, KeyError, OSError, RuntimeError, zipfile.BadZipFile) as error:
            raise BundleError(f"golden.npz can't be used: {error}") from error
        users = {len(array) for array in vars(golden).values()}
        if len(users) != 1 or users == {0}:
            raise BundleError(f"golden.npz can't be used: its arrays hold {sorted(users)} users")
        if not golden.truth.any(axis=(1, 2, 3)).all() or not golden.student.any(axis=(1, 2, 3)).all():
            raise BundleError("golden.npz can't be used: it holds users without power")
        return golden


def _array(archive: zipfile.ZipFile, name: str, dtype: type, user_shape: tuple[int, ...]) -> NDArray:
    """One array [n, *user_shape], without a copy; only what :meth:`GoldenSet.to_bytes` writes is read."""
    entry = archive.getinfo(f"{name}.npy")
    if entry.compress_type != zipfile.ZIP_STORED:
        raise ValueError(f"{name} is compressed")  # so that a small file can't unpack to a huge one
    data = archive.read(entry)
    stream = io.BytesIO(data)
    np.lib.format.read_magic(stream)
    shape, fortran_order, found = np.lib.format.read_array_header_1_0(stream)
    if found != dtype or shape[1:] != user_shape or fortran_order:
        raise ValueError(f"{name} is {found} {shape}, not {np.dtype(dtype)} (users, *{user_shape})")
    array = np.frombuffer(data, dtype, offset=stream.tell()).reshape(shape)
    if not np.isfinite(array).all():
        raise ValueError(f"{name} holds NaN or infinity")
    return array
