"""The teacher's queries, keys and values, computed once and kept on disk.

A frozen teacher in evaluation mode says the same about the same input, so it runs once per (user, draw)
instead of once per epoch; in FP32, since the rounding of BF16 changes SmolLM2's relations by a divergence of
0.007 (0.05 with the prompts). q, k, v of the last block in FP16 are smaller than the relation matrices.
"""

from __future__ import annotations

import itertools
from pathlib import Path

import h5py
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from edgecsi.channel.hdf5 import open_hdf5
from edgecsi.distill.options import PARTS
from edgecsi.errors import DataError, ModelError
from edgecsi.files import atomic_file, reserve, sha256_file
from edgecsi.logs import LOGGER
from edgecsi.models.folder import CONFIG_FILE, WEIGHTS_FILE, load, load_config
from edgecsi.models.network import NETWORKS, no_relations
from edgecsi.models.prediction import Relations
from edgecsi.progress import track
from edgecsi.radio import require_same_radio
from edgecsi.training.batches import Batch, BatchSource, open_source
from edgecsi.training.options import ExampleOptions
from edgecsi.training.processes import process_group


def make_targets(
    teacher: Path, data: Path, options: ExampleOptions, path: Path, accept_radio_mismatch: bool = False
) -> None:
    """Write the teacher's targets for these data, unless `path` already holds them.

    options: those of the student's training. RadioMismatch where the teacher is for other channels.
    """
    config = load_config(teacher)
    if not NETWORKS.get(config.name).relations:
        raise no_relations(f"the teacher {teacher} ({config.name})")
    with open_source(data, options, batch_users=1) as source:
        _check_fit(teacher, source, accept_radio_mismatch)
        files = [sha256_file(teacher / name) for name in (CONFIG_FILE, WEIGHTS_FILE)]
        key = repr((files, options.model_dump_json(), source.dataset.digest))
        if _key_of(path) != key:
            network = load(teacher).to(process_group().device)
            write_targets(path, network, source, key)


def write_targets(path: Path, teacher: nn.Module, source: BatchSource, key: str) -> None:
    """Run the teacher over every training row and draw, and write its relations' tensors atomically.

    key: names the teacher and the data, to recognise the file by. ModelError where FP16 can't hold a value.

    Layout: `users` (source.train), and per part float16 [position in users, draw, row group, row, token,
    width].
    """
    users, draws = len(source.train), source.augmentation.draws
    prompts, values = _relations(teacher, source, 0, 0)
    size = users * draws * sum(value.nbytes for value in values.values())
    with atomic_file(path) as temporary:
        # HDF5 can't close a file on a full disk: ask for the room before, and again since opening empties it.
        with temporary.open("wb") as file:
            reserve(file.fileno(), size, path)
        with h5py.File(temporary, "w") as file:
            reserve(file.id.get_vfd_handle(), size, path)
            file.attrs.update({"key": key, "prompts": prompts, "noise": repr(source.augmentation)})
            file["users"] = source.train
            for part, value in values.items():
                chunk = (1, 1, 1, *value.shape[1:])
                file.create_dataset(part, (users, draws, *value.shape), np.float16, chunks=chunk)
            units = itertools.product(range(users), range(draws))
            for position, draw in track(units, "teacher targets", users * draws):
                _, values = _relations(teacher, source, position, draw)
                for part, value in values.items():
                    file[part][position, draw] = value


def _relations(
    teacher: nn.Module, source: BatchSource, position: int, draw: int
) -> tuple[int, dict[str, NDArray[np.float16]]]:
    """Prompt tokens, and per part float16 [row group, row, token, width], of one training user."""
    user, groups = source.train[position], source.group_count
    batch = source.batch(np.full(groups, user), np.arange(groups), draw)
    with torch.inference_mode():
        relations = teacher.predict(
            batch.to(next(teacher.parameters()).device).inputs, relations=True
        ).relations
    halves = {part: _half(getattr(relations, part), f"{part} of user {user}") for part in PARTS}
    return relations.prompts, {
        part: half.unflatten(0, (groups, -1)).cpu().numpy() for part, half in halves.items()
    }


def _half(values: Tensor, what: str) -> Tensor:
    half = values.to(torch.float16)
    if not half.isfinite().all():
        raise ModelError(f"the teacher's {what} has values that FP16 can't hold; train another teacher")
    return half


class Targets:
    """Reader of a target file; a context manager. Every process opens its own."""

    def __init__(self, path: Path) -> None:
        self._file = open_hdf5(path)
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

    def check(self, source: BatchSource) -> None:
        """ModelError unless these are targets for the users, row groups and noise of `source`."""
        shape, noise = self._file[PARTS[0]].shape, self._file.attrs["noise"]
        if (list(self._position), shape[2], noise) != (
            source.train.tolist(),
            source.group_count,
            repr(source.augmentation),
        ):
            raise ModelError(
                f"{self._file.filename} holds targets for {shape[0]} users in {shape[2]} row groups "
                f"with {noise}, not for {len(source.train)} in {source.group_count} with "
                f"{source.augmentation}: make them again"
            )

    def relations(self, batch: Batch) -> Relations:
        """The teacher's relations for the rows of a batch, on the batch's device."""
        query, key, value = (self._read(part, batch) for part in PARTS)
        return Relations(query, key, value, prompts=self._prompts)

    def _read(self, part: str, batch: Batch) -> Tensor:
        dataset = self._file[part]
        blocks = [
            dataset[self._position[int(user)], batch.draw, int(group)]
            for user, group in zip(batch.users, batch.groups, strict=True)
        ]
        return torch.from_numpy(np.concatenate(blocks)).to(batch.inputs.device)


def _check_fit(teacher: Path, source: BatchSource, accept: bool) -> None:
    config, dataset = load_config(teacher), source.dataset
    if config.task != dataset.task:
        raise ModelError(
            f"the teacher {teacher} is for task {config.task.name}, "
            f"but {dataset.path} holds task {dataset.task.name}"
        )
    for line in require_same_radio(
        config.radio,
        f"the teacher {teacher}",
        dataset.radio,
        str(dataset.path),
        ways="train a teacher on such channels",
        accept=accept,
    ):
        LOGGER.warning(f"accepted: {line}")


def _key_of(path: Path) -> str | None:
    try:
        with open_hdf5(path) as file:
            return str(file.attrs["key"])
    except (DataError, OSError, KeyError, RuntimeError):
        return None
