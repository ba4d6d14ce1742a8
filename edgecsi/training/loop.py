"""One training loop for every network."""

from __future__ import annotations

import hashlib
import math
import time
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from accelerate import Accelerator
from torch import Tensor, nn

from edgecsi.errors import ModelError
from edgecsi.files import write_json
from edgecsi.models.folder import trained_state
from edgecsi.models.losses import user_nmse
from edgecsi.progress import say, track
from edgecsi.training.batches import BatchSource
from edgecsi.training.checkpoint import Progress, load_checkpoint, save_checkpoint
from edgecsi.training.options import TrainOptions
from edgecsi.training.processes import make_accelerator

WARMUP_STEPS = 30
GRADIENT_NORM = 1.0
LARGE = 10_000_000  # parameters
DIVERGED = 1e4  # a loss that no training comes back from: predicting nothing at all has an NMSE of 1


def fit(
    name: str,
    loss: nn.Module,
    network: nn.Module,
    source: BatchSource,
    options: TrainOptions,
    folder: Path,
    data_key: str,
) -> tuple[dict[str, Tensor], list[dict[str, Any]]]:
    """Train `network` through `loss` and return its best weights by validation, and the log.

    loss: nn.Module whose forward(batch) gives {"loss": scalar, ...parts}; it holds `network`. options: with a
    learning rate. folder: where the checkpoint and log.json live while training. data_key: names the data and
    everything else that the result depends on; a checkpoint of another key or other options is not continued.

    Raises ModelError where the training diverges, or would be resumed by another number of processes.
    """
    accelerator = make_accelerator()
    torch.manual_seed(options.seed)
    key = hashlib.sha256(repr((name, options.model_dump_json(), data_key)).encode()).hexdigest()
    optimizer = torch.optim.AdamW(
        (p for p in network.parameters() if p.requires_grad),
        lr=options.learning_rate,
        weight_decay=options.weight_decay,
    )
    runner = accelerator.prepare_model(loss)
    optimizer = accelerator.prepare_optimizer(optimizer)
    with accelerator.main_process_first():
        restored = load_checkpoint(
            folder / "checkpoint", key, accelerator.num_processes, network, optimizer.optimizer
        )
    progress, best = restored or (Progress(key, accelerator.num_processes), trained_state(network))
    if restored and accelerator.is_main_process:
        say(f"{name}: resuming after epoch {progress.epoch} of {options.epochs}")

    steps = source.steps(accelerator.num_processes)
    while progress.epoch < options.epochs and progress.epoch - progress.best_epoch < options.patience:
        started = time.monotonic()
        means = _train_epoch(name, accelerator, runner, network, optimizer, source, options, progress.epoch)
        validation = _validate(name, accelerator, network, source, options)
        progress.epoch += 1
        if validation < progress.best_db:
            progress.best_db, progress.best_epoch, best = validation, progress.epoch, _copy(network)
        progress.log.append(
            {
                "epoch": progress.epoch,
                **means,
                "validation_nmse_mean_db": validation,
                "steps": steps,
                "seconds": round(time.monotonic() - started, 2),
            }
        )
        if accelerator.is_main_process:
            save_checkpoint(folder / "checkpoint", progress, network, optimizer.optimizer, best)
            write_json(folder / "log.json", progress.log)
            mark = " (best)" if progress.best_epoch == progress.epoch else ""
            say(
                f"{name}: epoch {progress.epoch}/{options.epochs} "
                f"loss {means['loss']:.4f} validation {validation:.2f} dB{mark}"
            )
        accelerator.wait_for_everyone()
    return best, progress.log


def _train_epoch(
    name: str,
    accelerator: Accelerator,
    runner: nn.Module,
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    source: BatchSource,
    options: TrainOptions,
    epoch: int,
) -> dict[str, float]:
    rank, processes = accelerator.process_index, accelerator.num_processes
    dropout = np.random.SeedSequence((options.seed, epoch, rank))
    torch.manual_seed(int(dropout.generate_state(1)[0]))
    runner.train()
    steps, rate = source.steps(processes), cast(float, options.learning_rate)
    sums: dict[str, float] = {}
    batches = source.training_batches(epoch, rank, processes)
    if accelerator.is_main_process:
        batches = track(batches, f"{name} epoch {epoch + 1}", steps)
    for step, batch in enumerate(batches):
        for group in optimizer.param_groups:
            group["lr"] = rate * _schedule(epoch * steps + step, options.epochs * steps)
        with autocast(network, options.precision):
            parts = runner(batch.to(accelerator.device))
        loss = parts["loss"].item()
        if not loss < DIVERGED:
            raise _diverged(name, f"the loss in epoch {epoch + 1}, step {step + 1} is {loss:g}", options)
        optimizer.zero_grad()
        accelerator.backward(parts["loss"])
        accelerator.clip_grad_norm_(network.parameters(), GRADIENT_NORM)
        optimizer.step()
        for part, value in parts.items():
            sums[part] = sums.get(part, 0.0) + value.item() / steps
    means = torch.tensor(list(sums.values()), dtype=torch.float64, device=accelerator.device)
    return dict(zip(sums, accelerator.reduce(means, "mean").tolist(), strict=True))


def _validate(
    name: str, accelerator: Accelerator, network: nn.Module, source: BatchSource, options: TrainOptions
) -> float:
    """nmse_mean_db on the validation users, each process computing its share."""
    network.eval()
    rank, processes = accelerator.process_index, accelerator.num_processes
    total = torch.zeros((), dtype=torch.float64, device=accelerator.device)
    with torch.inference_mode(), autocast(network, options.precision):
        for inputs, targets in source.validation_batches(rank, processes):
            prediction = network(inputs.to(accelerator.device))
            total += user_nmse(prediction, targets.to(accelerator.device)).double().sum()
    mean = accelerator.reduce(total, "sum").item() / len(source.validation)
    if not mean < DIVERGED:
        raise _diverged(name, f"the validation NMSE is {mean:g}", options)
    return 10 * math.log10(mean)


def _diverged(name: str, sign: str, options: TrainOptions) -> ModelError:
    return ModelError(
        f"{name}: training diverged: {sign}; lower --learning-rate (now {options.learning_rate:g})"
    )


def _schedule(step: int, total: int) -> float:
    """Factor of the learning rate: linear warm-up, then cosine to 1 % of it."""
    warmup = min(1.0, (step + 1) / WARMUP_STEPS)
    return warmup * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * step / total)))


def autocast(network: nn.Module, precision: str) -> torch.autocast:
    """The autocast context of a precision option for a network, on the device where it is."""
    device = next(network.parameters()).device
    use = precision == "bf16" or (precision == "auto" and _gains_from_bf16(network, device))
    return torch.autocast(device.type, torch.bfloat16, enabled=use)


def _gains_from_bf16(network: nn.Module, device: torch.device) -> bool:
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    # On a CPU the student's small matrices take twice as long with it, the teacher's half as long.
    large = sum(parameter.numel() for parameter in network.parameters()) > LARGE
    return large and bool(torch.cpu.get_capabilities().get("avx512_bf16", False))


def _copy(network: nn.Module) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in trained_state(network).items()}
