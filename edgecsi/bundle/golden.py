"""The golden set: users of every group, clean and noisy, by which any machine can judge an engine again.

`golden.npz` holds :class:`~edgecsi.users.Users`: `inputs`, `targets` (the clean truth) and `student`
(what the FP32 student predicts), and a column per grouping of the task and `snr_db` as `column.<name>`.
"""

from __future__ import annotations

import io
import zipfile
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgecsi.errors import BundleError
from edgecsi.radio import RadioSetting
from edgecsi.tasks import Task
from edgecsi.users import Users

SNR_COLUMN = "snr_db"
PREFIX = "column."


def golden_to_bytes(users: Users) -> bytes:
    """The set as an uncompressed .npz file."""
    if users.student is None:
        raise ValueError("golden users carry the student's predictions")
    buffer = io.BytesIO()
    arrays: dict[str, Any] = {"inputs": users.inputs, "targets": users.targets, "student": users.student}
    for name, column in users.columns.items():
        arrays[f"{PREFIX}{name}"] = np.asarray(column, np.float32)
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def golden_from_bytes(data: bytes, task: Task, radio: RadioSetting) -> Users:
    """Read :func:`golden_to_bytes` back. BundleError unless the arrays are finite ones of the task."""
    columns = dict.fromkeys([*(grouping.column for grouping in task.groupings), SNR_COLUMN])
    inputs, target = task.shapes(radio)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            users = Users(
                inputs=_array(archive, "inputs", task.input.dtype, inputs),
                targets=_array(archive, "targets", task.target.dtype, target),
                student=_array(archive, "student", task.target.dtype, target),
                columns={name: _array(archive, f"{PREFIX}{name}", np.float32, ()) for name in columns},
            )
    except (ValueError, KeyError, OSError, RuntimeError, zipfile.BadZipFile) as error:
        raise BundleError(f"golden.npz can't be used: {error}") from error
    arrays = (users.inputs, users.targets, users.student, *users.columns.values())
    counts = {len(array) for array in arrays if array is not None}
    if len(counts) != 1 or counts == {0}:
        raise BundleError(f"golden.npz can't be used: its arrays hold {sorted(counts)} users")
    if not (_alive(users.targets) and _alive(users.student)):
        raise BundleError("golden.npz can't be used: it holds users without power")
    return users


def _alive(values: NDArray[np.generic] | None) -> bool:
    """Whether every user has power."""
    return values is not None and bool(values.reshape(len(values), -1).any(axis=1).all())


def _array(
    archive: zipfile.ZipFile, name: str, dtype: type[np.generic], user_shape: tuple[int, ...]
) -> NDArray[np.generic]:
    """One array [n, *user_shape], without a copy; only what :func:`golden_to_bytes` writes is read."""
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
    # A clean history has an SNR of infinity; nothing else may be infinite.
    if not np.isfinite(array).all() and not (name == f"{PREFIX}{SNR_COLUMN}" and not np.isnan(array).any()):
        raise ValueError(f"{name} holds NaN or infinity")
    return array
