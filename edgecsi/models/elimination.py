"""Symmetric positive definite systems from operators that every engine has: no Cholesky, no triangular solve.

Gauss without pivoting, A = L D L^T, one column after the other inside a panel of columns, and a product for
all columns behind it. Right-hand sides ride along as further rows, so that substitution is the elimination
itself: nothing is multiplied by the inverse of a block, which costs digits where A is badly conditioned.

To an exporter this is one operator, `edgecsi::Eliminate`, since it takes minutes to trace what a thousand
operators do; edgecsi.export.unrolled_elimination writes them into the graph.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

PANEL = 16  # columns between two products
OPERATOR = "edgecsi::Eliminate"
LEAST = 1e-3  # of a pivot, which is at least the load on the diagonal but for rounding


@dataclass(frozen=True)
class Solved:
    """What elimination of A = L D L^T leaves: N unknowns, M right-hand sides.

    turned: L^-T, [system, N, N]. right: (L^-1 b)^T, [system, M, N]. inverse_pivots: the diagonal of D^-1,
    [system, 1, N].
    """

    turned: Tensor
    right: Tensor
    inverse_pivots: Tensor

    def solution(self) -> Tensor:
        """(A^-1 b)^T: [system, M, N]."""
        return torch.matmul(self.right * self.inverse_pivots, self.turned.transpose(1, 2))

    def inverse(self) -> Tensor:
        """A^-1: [system, N, N]."""
        return torch.matmul(self.turned * self.inverse_pivots, self.turned.transpose(1, 2))


def eliminate(matrix: Tensor, right: Tensor) -> Solved:
    """Eliminate A [system, N, N] with right-hand sides as rows b^T [system, M, N]."""
    size = matrix.shape[-1]
    identity = torch.eye(size, dtype=matrix.dtype, device=matrix.device).expand(matrix.shape[0], -1, -1)
    if torch.compiler.is_exporting():
        return Solved(*_operator(matrix, right, identity))
    return Solved(*eliminate_columns(matrix, right, identity))


def _operator(matrix: Tensor, right: Tensor, identity: Tensor) -> list[Tensor]:
    """The same as one node of an exported graph."""
    values = (matrix, right, identity)
    outputs = (matrix.shape, right.shape, (right.shape[0], 1, right.shape[2]))
    sizes = {"sides": right.shape[1], "size": right.shape[2]}
    found = torch.onnx.ops.symbolic_multi_out(
        OPERATOR, values, sizes, dtypes=[matrix.dtype] * 3, shapes=outputs, version=1
    )
    return list(found)


def eliminate_columns(matrix: Tensor, right: Tensor, identity: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The fields of :class:`Solved`. identity: [system, N, N]."""
    size, sides = matrix.shape[-1], right.shape[-2]
    rows = torch.cat([matrix, right], dim=1)
    turned, solved, inverse_pivots = [], [], []
    for start in range(0, size, PANEL):
        width, left = min(PANEL, size - start), size - start
        # Rows of the identity have zeros until their own column comes: they join with it.
        rows = torch.cat([rows, identity[:, start : start + width, start:]], dim=1)
        panel, inverse = eliminate_panel(rows[:, :, :width])
        solved.append(panel[:, left : left + sides])
        turned.append(F.pad(panel[:, left + sides :], (0, 0, 0, left - width)))
        inverse_pivots.append(inverse)
        if width < left:
            below = panel[:, width:]
            known = torch.matmul(below * inverse, panel[:, width:left].transpose(1, 2))
            rows = rows[:, width:, width:] - known
    return torch.cat(turned, dim=2), torch.cat(solved, dim=2), torch.cat(inverse_pivots, dim=2)


def eliminate_panel(rows: Tensor) -> tuple[Tensor, Tensor]:
    """Columns of L D and of what rides along, and inverse pivots [system, 1, column].

    rows: [system, row, column], of which the first rows are the diagonal block.
    """
    columns, inverses = [], []
    for j in range(rows.shape[2]):
        column, others = rows[:, :, :1], rows[:, :, 1:]
        pivot = rows[:, j : j + 1]
        inverse = 1 / pivot[:, :, :1].clamp(min=LEAST)
        columns.append(column)
        inverses.append(inverse)
        if others.shape[2]:
            rows = others - column * (pivot[:, :, 1:] * inverse)
    return torch.cat(columns, dim=2), torch.cat(inverses, dim=2)
