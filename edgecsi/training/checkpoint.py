"""Checkpoints in safetensors: enough to continue to the same curve after kill -9.

Randomness needs no saving: every epoch draws from (seed, epoch).
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from safetensors.torch import load_file
from safetensors.torch import save as to_bytes
from torch import Tensor, nn, optim

from edgecsi.errors import ModelError
from edgecsi.files import atomic_folder, recover_folder, sha256_file
from edgecsi.models.folder import load_trained_state, trained_state

FILES = ("last.safetensors", "best.safetensors", "optimizer.safetensors")


@dataclass
class Progress:
    """Where a training stands after `epoch` epochs.

    key: of the options and data it belongs to. processes: how many trained together; another number would
    cut the epochs into other batches.
    """

    key: str
    processes: int = 1
    epoch: int = 0
    best_epoch: int = 0
    best_db: float = float("inf")
    log: list[dict[str, Any]] = field(default_factory=list)


def save_checkpoint(
    folder: Path, progress: Progress, network: nn.Module, optimizer: optim.Optimizer, best: dict[str, Tensor]
) -> None:
    """Write weights, Adam's moments, the best weights and the progress, all or nothing."""
    with atomic_folder(folder) as temporary:
        states = trained_state(network), best, _moments(network, optimizer)
        for name, state in zip(FILES, states, strict=True):
            (temporary / name).write_bytes(to_bytes(state))
        files = {name: sha256_file(temporary / name) for name in FILES}
        (temporary / "progress.json").write_text(json.dumps({"progress": asdict(progress), "files": files}))


def load_checkpoint(
    folder: Path, key: str, processes: int, network: nn.Module, optimizer: optim.Optimizer
) -> tuple[Progress, dict[str, Tensor]] | None:
    """Restore network and optimizer in place; None without a whole checkpoint of this key.

    ModelError where another number of processes made it.
    """
    recover_folder(folder)
    try:
        record = json.loads((folder / "progress.json").read_text())
        progress = Progress(**record["progress"])
        if progress.key != key or record["files"] != {name: sha256_file(folder / name) for name in FILES}:
            return None
    except (OSError, ValueError, TypeError, KeyError):
        return None
    if progress.processes != processes:
        raise ModelError(
            f"the training to resume ran in {progress.processes} processes, and {processes} would go on "
            f"differently: start {progress.processes} again, or remove {folder.parent} to begin anew"
        )
    last, best, moments = (load_file(folder / name) for name in FILES)
    load_trained_state(network, last)
    for name, parameter in network.named_parameters():
        if parameter.requires_grad:
            optimizer.state[parameter] = {
                key: moments[f"{key}/{name}"].to(parameter.device if key != "step" else "cpu")
                for key in ("step", "exp_avg", "exp_avg_sq")
            }
    return progress, best


def _moments(network: nn.Module, optimizer: optim.Optimizer) -> dict[str, Tensor]:
    return {
        f"{key}/{name}": value.detach().cpu().contiguous()
        for name, parameter in network.named_parameters()
        if parameter.requires_grad
        for key, value in optimizer.state[parameter].items()
    }
