"""The teacher's queries, keys and values, computed once and kept on disk.

A frozen teacher in evaluation mode says the same about the same input, so it runs once per (user, draw)
instead of once per epoch. q, k, v of the last block in FP16 are smaller than the relation matrices.
"""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import torch
from torch import Tensor, nn

from edgecsi.files import atomic_file
from edgecsi.models.prediction import Relations
from edgecsi.progress import track
from edgecsi.training.batches import Batch, BatchSource
from edgecsi.training.loop import autocast

PARTS = ("query", "key", "value")


def write_targets(path: Path, teacher: nn.Module, source: BatchSource) -> None:
    """Run the teacher over every training row and draw, and write its relations' tensors atomically.

    Layout: per part float16 [position in source.train, draw, antenna group, row, token, width].
    """
    device = next(teacher.parameters()).device
    draws, groups = source.augmentation.draws, source.group_count
    units = [(p, d, g) for p in range(len(source.train)) for d in range(draws) for g in range(groups)]
    with atomic_file(path) as temporary, h5py.File(temporary, "w") as file, torch.inference_mode():
        file.attrs["users"] = source.train
        for position, draw, group in track(units, "teacher targets", len(units)):
            batch = source.batch(source.train[[position]], np.array([group]), draw).to(device)
            with autocast(device, "auto"):
                relations = teacher.predict(batch.history, relations=True).relations
            file.attrs["prompts"] = relations.prompts
            for part in PARTS:
                values = getattr(relations, part).to(torch.float16).cpu().numpy()
                if part not in file:
                    size = (len(source.train), draws, groups, *values.shape)
                    file.create_dataset(part, size, np.float16, chunks=(1, 1, 1, *values.shape))
                file[part][position, draw, group] = values


class Targets:
    """Reader of a target file; picklable by path, so that every process opens its own."""

    def __init__(self, path: Path) -> None:
        self._file = h5py.File(path, "r")
        self._position = {int(user): p for p, user in enumerate(self._file.attrs["users"])}
        self._prompts = int(self._file.attrs["prompts"])

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
