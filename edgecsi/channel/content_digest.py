"""A content id of a dataset file, cheap enough to ask for at every start.

SHA-256 over the attributes, the per-user columns and the checksum that HDF5 keeps beside every user's
chunk (Fletcher-32, renewed on every write): all content is covered without reading it. A file
without checksums, which edgecsi did not write, is read through once instead.
"""

from __future__ import annotations

import hashlib
import json
import os

import h5py
import numpy as np

CHECKSUM = "checksum"  # the attribute that covers the others
_CHECKSUM_BYTES = 4
_BLOCK_USERS = 64


def content_digest(file: h5py.File) -> str:
    """SHA-256 as hex of an open, valid dataset file's content."""
    digest = _of_attributes(file)
    for name in ("speed_kmh", "drop"):
        digest.update(np.ascontiguousarray(file[name][...]).tobytes())
    for name in ("history", "future"):
        data = file[name]
        digest.update(str(data.shape).encode())
        digest.update(_chunk_checksums(data) if data.fletcher32 else _content_hash(data))
    return digest.hexdigest()


def attributes_digest(file: h5py.File) -> str:
    """SHA-256 as hex of the attributes, for :data:`CHECKSUM`: HDF5 keeps none of their texts."""
    return _of_attributes(file).hexdigest()


def _of_attributes(file: h5py.File) -> hashlib._Hash:
    attributes = {name: str(value) for name, value in file.attrs.items() if name != CHECKSUM}
    return hashlib.sha256(json.dumps(attributes, sort_keys=True).encode())


def _chunk_checksums(data: h5py.Dataset) -> bytes:
    """The checksum at the end of every stored chunk, in the order of the users."""
    chunks: list[h5py.h5d.StoreInfo] = []
    data.id.chunk_iter(chunks.append)
    chunks.sort(key=lambda chunk: chunk.chunk_offset)
    descriptor = data.file.id.get_vfd_handle()
    base = data.file.userblock_size
    ends = (base + chunk.byte_offset + chunk.size for chunk in chunks)
    return b"".join(os.pread(descriptor, _CHECKSUM_BYTES, end - _CHECKSUM_BYTES) for end in ends)


def _content_hash(data: h5py.Dataset) -> bytes:
    digest = hashlib.sha256()
    for start in range(0, len(data), _BLOCK_USERS):
        digest.update(np.ascontiguousarray(data[start : start + _BLOCK_USERS]).tobytes())
    return digest.digest()
