"""What dataset and calibration set share: an HDF5 file of users of one task in one radio setting.

Attributes: `format`, `format_version`, `task` (its name), `radio` (:class:`~edgecsi.radio.RadioSetting` as
JSON), and one per fact. Arrays: `history` and `future`, [user, *axes] in the dtype of the task's input and
target, one chunk per user with a checksum; and columns [user].
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, TypeVar

import h5py
import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ValidationError

from edgecsi.channel.content_digest import CHECKSUM, attributes_digest
from edgecsi.channel.hdf5 import stored_dataset
from edgecsi.errors import DataError, EdgeCsiError
from edgecsi.radio import RadioSetting
from edgecsi.tasks import TASKS, Task, Tensor

Facts = TypeVar("Facts", bound=BaseModel)
COLUMN_BYTES = 128  # per user, for columns and HDF5's index of chunks
_COLUMN_USERS = 1 << 15  # in a chunk of a column


@dataclass(frozen=True)
class FileKind:
    """One kind of file. title: in messages. source: how to make one. renewal: how to make an old one anew."""

    format: str
    version: int
    title: str
    source: str
    renewal: str


def tensors(task: Task) -> dict[str, Tensor]:
    """Name in the file -> the task's tensor."""
    return {"history": task.input, "future": task.target}


def data_bytes(task: Task, radio: RadioSetting, users: int) -> int:
    """Room that so many users take in a file."""
    one = sum(math.prod(t.dims(radio)) * np.dtype(t.dtype).itemsize for t in tensors(task).values())
    return users * (one + COLUMN_BYTES)


def write_header(file: h5py.File, kind: FileKind, task: Task, radio: RadioSetting, facts: BaseModel) -> None:
    """Set the attributes of a new file."""
    header = {"format": kind.format, "format_version": kind.version, "task": task.name}
    file.attrs.update({**header, "radio": radio.model_dump_json(), **facts.model_dump(exclude_none=True)})
    file.attrs[CHECKSUM] = attributes_digest(file)


def read_header(file: h5py.File, kind: FileKind, facts: type[Facts]) -> tuple[Task, RadioSetting, Facts]:
    """What :func:`write_header` wrote; :class:`DataError` for another kind of file or anything wrong."""
    attributes = {
        name: value.tolist() if isinstance(value, np.generic | np.ndarray) else value
        for name, value in file.attrs.items()
    }
    checksum = attributes.pop(CHECKSUM, None)
    found, version = attributes.pop("format", None), attributes.pop("format_version", None)
    if found != kind.format:
        raise DataError(f"{file.filename}: no {kind.title}; make one with {kind.source}")
    if version != kind.version:
        raise DataError(
            f"{file.filename}: {kind.title} format {version}, this edgecsi reads {kind.version}; "
            f"{kind.renewal}"
        )
    task, radio = (_text(file, attributes, name) for name in ("task", "radio"))
    try:
        header = TASKS.get(task), _parse_radio(file, radio), facts(**attributes)
    except ValidationError as error:
        raise DataError(f"{file.filename}: attribute {_first(error)}") from error
    except DataError:
        raise
    except EdgeCsiError as error:
        raise DataError(f"{file.filename}: {error}") from error
    if checksum not in (None, attributes_digest(file)):  # None: by an older edgecsi
        raise DataError(
            f"{file.filename}: damaged, its attributes are not as they were written; {kind.renewal}"
        )
    return header


def create_tensors(file: h5py.File, task: Task, radio: RadioSetting, users: int) -> dict[str, h5py.Dataset]:
    """Make `history` and `future` for so many users: random access reads no neighbour, damage is found."""
    return {
        name: file.create_dataset(
            name, (users, *tensor.dims(radio)), tensor.dtype, chunks=(1, *tensor.dims(radio)), fletcher32=True
        )
        for name, tensor in tensors(task).items()
    }


def create_column(file: h5py.File, name: str, dtype: type[np.generic], users: int) -> h5py.Dataset:
    """Make one column [user], with checksums too."""
    return file.create_dataset(name, (users,), dtype, chunks=(min(users, _COLUMN_USERS),), fletcher32=True)


def check_tensors(file: h5py.File, task: Task, radio: RadioSetting) -> int:
    """How many users `history` and `future` hold; :class:`DataError` unless both are the task's."""
    counts = []
    for name, tensor in tensors(task).items():
        data, dims = stored_dataset(file, name), tensor.dims(radio)
        if data.dtype != tensor.dtype or data.shape[1:] != dims or data.ndim != 1 + len(dims):
            axes = ", ".join(("user", *tensor.axes))
            raise DataError(
                f"{file.filename}: '{name}' must be {np.dtype(tensor.dtype)} [{axes}] with {dims} per user, "
                f"as its radio setting says, is {data.dtype} {data.shape}"
            )
        counts.append(data.shape[0])
    if counts[0] != counts[1]:
        raise DataError(f"{file.filename}: history of {counts[0]} users and future of {counts[1]} don't fit")
    if counts[0] == 0:
        raise DataError(f"{file.filename}: empty, it holds no user")
    return int(counts[0])


def read_column(file: h5py.File, name: str, dtype: type[np.generic], users: int) -> NDArray[Any]:
    """One column [user]; :class:`DataError` unless it has that dtype and length."""
    data = stored_dataset(file, name)
    if data.dtype != dtype or data.shape != (users,):
        raise DataError(
            f"{file.filename}: '{name}' must be {np.dtype(dtype)} [{users}], is {data.dtype} {data.shape}"
        )
    values: NDArray[Any] = data[...]
    return values


def _text(file: h5py.File, attributes: dict[str, Any], name: str) -> str:
    value = attributes.pop(name, None)
    if not isinstance(value, str):
        raise DataError(f"{file.filename}: attribute '{name}' is wrong: it is {value!r}, no text")
    return value


def _parse_radio(file: h5py.File, text: str) -> RadioSetting:
    try:
        return RadioSetting.model_validate_json(text)
    except ValidationError as error:
        raise DataError(f"{file.filename}: attribute 'radio' is wrong: {_first(error)}") from error


def _first(error: ValidationError) -> str:
    """The first thing that pydantic found, in one line."""
    first = error.errors(include_url=False)[0]
    place = ".".join(str(part) for part in first["loc"])
    said = first["msg"].removeprefix("Value error, ")
    return f"'{place}' is wrong: {said}" if place else said
