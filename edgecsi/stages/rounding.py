"""How far rounding alone takes a network from itself, per user: nothing nearer can be told apart."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import numpy as np

from edgecsi.metrics import Energies
from edgecsi.runtime.limits import ROUNDINGS, last_bits
from edgecsi.tasks import Task
from edgecsi.users import Users

if TYPE_CHECKING:
    from torch import nn


def fp64_distance_db(network: nn.Module, users: Users, task: Task) -> list[float]:
    """Per user, how far the network in FP32 is from itself in FP64, in dB.

    The largest of several roundings, since one is a draw of chance (see `edgecsi/runtime/limits.py`).
    """
    import torch

    exact = copy.deepcopy(network).double()
    found = []
    for piece in users.pieces(1):
        given = task.input.to_engine(piece.inputs)
        others = last_bits(given, ROUNDINGS - 1).reshape(-1, *given.shape[1:])
        with torch.inference_mode():
            wanted = exact(torch.from_numpy(given).double()).numpy()
            rounded = network(torch.from_numpy(others)).numpy()
        if piece.student is not None:
            rounded = np.concatenate([task.target.to_engine(piece.student), rounded])
        errors = Energies.of(rounded, np.repeat(wanted, len(rounded), axis=0)).users_db()
        found.append(float(errors.max()))
    return found
