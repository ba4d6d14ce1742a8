"""The teacher's queries, keys and values, computed once and kept on disk.

A frozen teacher in evaluation mode says the same about the same input, so it runs once per (user, draw)
instead of once per epoch. q, k, v of the last block in FP16 are smaller than the relation matrices.
"""

from __future__ import annotations

import itertools
from pathlib import Path

import h5py
import numpy as np
import torch
from torch import Tensor, nn

from edgecsi.errors import ModelError
from edgecsi.files import atomic_file
from edgecsi.models.prediction import Relations
from edgecsi.progress import track
from edgecsi.training.batches import Batch, BatchSource
from edgecsi.training.loop import autocast

PARTS = ("query", "key", "value")


def write_targets(path: Path, teacher: nn.Module, source: BatchSource, key: str) -> None:
    """Run the teacher over every training row and draw, and write its relations' tensors atomically.

    key: names the teacher and the data, to recognise the file by. ModelError where FP16 can't hold a value.

    Layout: `users` (source.train), and per part float16 [position in users, draw, antenna group, row, token,
    width].
    """
    device = next(teacher.parameters()).device
    users, draws, groups = len(source.train), source.augmentation.draws, source.group_count
    with atomic_file(path) as temporary, h5py.File(temporary, "w") as file, torch.inference_mode():
        file.attrs["key"] = key
        file["users"] = source.train
        units = itertools.product(range(users), range(draws))
        for position, draw in track(units, "teacher targets", users * draws):
            batch = source.batch(source.train[[position] * groups], np.arange(groups), draw).to(device)
            with autocast(teacher, "auto"):
                relations = teacher.predict(batch.history, relations=True).relations
            file.attrs["prompts"] = relations.prompts
            for part in PARTS:
                values = _half(getattr(relations, part), f"{part} of user {source.train[position]}")
                values = values.unflatten(0, (groups, -1)).cpu().numpy()  # [group, row, token, width]
                if part not in file:
                    chunk = (1, 1, 1, *values.shape[1:])
                    file.create_dataset(part, (users, draws, *values.shape), np.float16, chunks=chunk)
                file[part][position, draw] = values


def _half(values: Tensor, what: str) -> Tensor:
    half = values.to(torch.float16)
    if not half.isfinite().all():
        raise ModelError(f"the teacher's {what} has values that FP16 can't hold; train another teacher")
    return half


class Targets:
    """Reader of a target file; a context manager. Every process opens its own."""

    def __init__(self, path: Path) -> None:
        self._file = h5py.File(path, "r")
        self._position = {int(user): p for p, user in enumerate(self._file["users"][:])}
        self._prompts = int(self._file.attrs["prompts"])

    def __enter__(self) -> Targets:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    @property
    def key(self) -> str:
        """What the targets were made from."""
        return str(self._file.attrs["key"])

    @property
    def widths(self) -> dict[str, int]:
        """Width of query, key and value."""
        return {part: self._file[part].shape[-1] for part in PARTS}

    def relations(self, batch: Batch) -> Relations:
        """The teacher's relations for the rows of a batch, on the batch's device."""
        return Relations(*(self._read(part, batch) for part in PARTS), prompts=self._prompts)

    def _read(self, part: str, batch: Batch) -> Tensor:
        dataset = self._file[part]
        blocks = [
            dataset[self._position[int(user)], batch.draw, int(group)]
            for user, group in zip(batch.users, batch.groups, strict=True)
        ]
        return torch.from_numpy(np.concatenate(blocks)).to(batch.history.device)
