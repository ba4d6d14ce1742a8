"""An engine is one row and its two halves: a runner in `edgecsi/runtime/engines`, a builder of the same file
name in `edgecsi/export/builders`. Targets, manifest, plan, verification and hints read the row.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from edgecsi.bundle import Manifest, Signature
from edgecsi.errors import EdgeCsiError, UnavailableError
from edgecsi.registry import Registry

PIECE_USERS = 32  # users per call when the engine sets no limit: bounds the memory of a huge batch
THREADS_PER_CPU = 16  # more is a slip of the pen: ONNX Runtime takes minutes to start a thousand on two CPUs


class Engine(Protocol):
    """A started engine. Not safe for two calls at once; :class:`edgecsi.runtime.Predictor` is."""

    max_users: int | None  # largest batch of one call; None: any
    threads: int | None  # CPU threads that compute; None: it computes on a GPU

    def run(self, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        """C-order float32 [user, *input dims] of 1 to max_users users -> [user, *output dims]."""
        ...


@dataclass(frozen=True)
class Precision:
    """What an engine computes in, and how near the FP32 student it must come.

    agreement_db: largest error against the student, of any user: in INT8 the worst of many users is 10 dB
    beyond the rest. invariance_db: between batches and scales. Both are relative, in dB, and hold where the
    student itself is that well conditioned; see `edgecsi/runtime/limits.py`. lowering: module with
    `lower(graph)` that brings the graph to its types; None: it stays as it is. calibrated: it starts from the
    Q/DQ graph that `edgecsi.calib` makes. solves_fp32: it keeps the equations that a network solves in FP32.
    computes_fp32_in: what the graph's FP32 products become.
    """

    summary: str
    agreement_db: float
    invariance_db: float
    lowering: str | None = None
    calibrated: bool = False
    solves_fp32: bool = True
    computes_fp32_in: str = "fp32"


# What a number type promises, whatever computes it; agreement_db and invariance_db are relative errors in dB.
# One rounding is 2**-24 or -144 dB; the rest is room for a network that adds them up.
fp32 = partial(Precision, agreement_db=-60, invariance_db=-80)
# One rounding is 2**-9 or -54 dB, and there are several in each layer.
bf16 = partial(Precision, agreement_db=-25, invariance_db=-40, solves_fp32=False, computes_fp32_in="bf16")
# edgecsi.calib leaves -35 dB over all users, and the worst of many users is 10 dB beyond the rest.
int8 = partial(Precision, agreement_db=-20, invariance_db=-40, calibrated=True, solves_fp32=False)


@dataclass(frozen=True)
class EngineRow:
    """One engine library.

    name: in manifests. title: for people. target: what its targets begin with; `<target>-<precision>`.
    files: what its builder makes and its runner takes. libraries: distributions whose versions an engine
    depends on. precisions: by name. builder: module with `why_not_build(precision)` and `build(graph,
    precision)`; where several rows share a target, also with `engine()`, which names the one that this
    machine builds. machine: what it needs, in words. extra: of `pip install 'edgecsi[extra]'`. why_not_run:
    (precision, manifest or None) -> why this machine can't, None when it can. start: (files, threads,
    precision, signature) -> Engine, which has compared the engine's tensors with the signature
    (:func:`edgecsi.runtime.ports.check_ports`). gpu_probe: module whose `open_probe(engine, files,
    signature)` times the stages of a GPU call; None: none.
    """

    name: str
    title: str
    target: str
    files: tuple[str, ...]
    libraries: tuple[str, ...]
    precisions: Mapping[str, Precision]
    builder: str
    machine: str
    why_not_run: Callable[[str, Manifest | None], str | None]
    start: Callable[[Mapping[str, bytes], int, str, Signature], Engine]
    extra: str | None = None
    gpu_probe: str | None = None
    module: str = field(default="", compare=False)


ENGINES: Registry[EngineRow] = Registry("engine", "edgecsi.runtime.engines")


def why_not_run(engine: str, precision: str, manifest: Manifest | None = None) -> str | None:
    """Why this machine can't run an engine of that name and precision, None when it can.

    With the manifest of a bundle, also why it can't run this very engine (GPU architecture, library version).
    """
    row = ENGINES.get(engine)
    if precision not in row.precisions:
        return f"{row.title} has no precision {precision!r} here; it has {', '.join(row.precisions)}"
    return row.why_not_run(precision, manifest)


def start_engine(
    engine: str,
    files: Mapping[str, bytes],
    signature: Signature,
    threads: int | None = None,
    precision: str = "fp32",
) -> Engine:
    """Start an engine from the bytes of its files.

    `signature`: what the engine must take and give. `threads` defaults to the CPUs that this process may use.
    `precision` matters to engine libraries that choose it at load time (OpenVINO). Raises UnavailableError
    when this machine can't run the engine and BundleError when the engine library refuses it, or it has other
    tensors.
    """
    most = THREADS_PER_CPU * (os.cpu_count() or 1)
    whole = isinstance(threads, int) and not isinstance(threads, bool)
    if threads is not None and not (whole and 1 <= threads <= most):
        raise EdgeCsiError(f"threads must be a whole number from 1 to {most} here, got {threads!r}")
    if reason := why_not_run(engine, precision):
        raise UnavailableError(f"this machine can't run {engine}: {reason}")
    return ENGINES.get(engine).start(files, threads or len(os.sched_getaffinity(0)), precision, signature)


def run_in_pieces(engine: Engine, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
    """Run any number of users from 1: float32 [user, *input dims] -> [user, *output dims]."""
    piece = engine.max_users or PIECE_USERS
    outputs = [engine.run(inputs[first : first + piece]) for first in range(0, len(inputs), piece)]
    return outputs[0] if len(outputs) == 1 else np.concatenate(outputs)
