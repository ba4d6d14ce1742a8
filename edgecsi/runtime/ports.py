"""What an engine library says of an engine's tensors, held against the signature that the manifest gives.

Engines are built elsewhere and hashes only show damage, so an engine may be whole and still be another one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgecsi.bundle import Signature, TensorSpec
from edgecsi.errors import BundleError, EdgeCsiError


@dataclass(frozen=True)
class Port:
    """A tensor as a library reports it. dims: None where free or not known. dtype: in the library's word."""

    name: str
    dims: tuple[int | None, ...]
    dtype: str
    is_float32: bool

    def fits(self, wanted: TensorSpec) -> bool:
        """Whether it may be the tensor: same name, float32, a free user axis, no other size."""
        sizes = zip(self.dims, wanted.dims, strict=False)
        same = len(self.dims) == len(wanted.dims) and all(a in (None, b) for a, b in sizes)
        return self.name == wanted.name and self.is_float32 and same

    @property
    def words(self) -> str:
        """As people write it."""
        return _words(self.name, self.dtype, self.dims)


def check_ports(file: str, inputs: Sequence[Port], outputs: Sequence[Port], signature: Signature) -> None:
    """Compare the tensors of an engine with the signature. Raises BundleError where they differ."""
    for kind, found, wanted in (("input", inputs, signature.input), ("output", outputs, signature.output)):
        if len(found) != 1 or not found[0].fits(wanted):
            told = ", ".join(port.words for port in found) or "none"
            raise BundleError(
                f"{file} has the {kind} {told}, not {_words(wanted.name, wanted.dtype, wanted.dims)}"
            )


def check_output(
    library: str, output: NDArray[np.float32], signature: Signature, users: int
) -> NDArray[np.float32]:
    """The output of one call. Raises EdgeCsiError where it has not the type and sizes of the signature."""
    wanted = (users, *signature.output.user_dims)
    if output.shape != wanted or output.dtype != np.float32:
        raise EdgeCsiError(
            f"{library} returns {output.dtype} {list(output.shape)} instead of float32 {list(wanted)}; "
            "the engine is another one than its manifest says"
        )
    return output


def _words(name: str, dtype: str, dims: Sequence[int | None]) -> str:
    return f"{name} {dtype} [{', '.join('any' if dim is None else str(dim) for dim in dims)}]"
