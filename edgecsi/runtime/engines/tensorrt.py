"""TensorRT and TensorRT-RTX: one API, two libraries, and an engine of one does not load in the other."""

from __future__ import annotations

import ctypes
import importlib
from collections.abc import Mapping
from functools import partial
from importlib.util import find_spec
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgecsi.bundle import Manifest, Signature
from edgecsi.errors import BundleError, EdgeCsiError, UnavailableError
from edgecsi.runtime.engine import ENGINES, EngineRow, Precision, int8
from edgecsi.runtime.ports import Port, check_ports

FILE = "engine.engine"
FP16_LOWERING = "edgecsi.export.lowering.fp16"

# The first of a flavour that is installed is taken; RTX: the meta package and what it wraps.
_MODULES = {"tensorrt": ("tensorrt",), "tensorrt-rtx": ("tensorrt_rtx", "tensorrt_rtx_bindings")}
_NO_DEVICE = 100  # CUDA_ERROR_NO_DEVICE


def why_not_run(engine: str, precision: str, manifest: Manifest | None = None) -> str | None:
    """Why this machine can't run that flavour, or with a manifest that very engine; None when it can."""
    if not installed(engine):
        return f"{engine} is not installed (pip install 'edgecsi[{engine}]')"
    if reason := _no_driver():
        return reason
    if not find_spec("pycuda"):
        return "pycuda is not installed (pip install 'edgecsi[gpu]')"
    if manifest is None:
        return None
    return _mismatch(manifest, library(engine).__version__, _compute_capability())


def start(
    engine: str, files: Mapping[str, bytes], threads: int, precision: str, signature: Signature
) -> TensorRtEngine:
    """Start `engine.engine`; its precision was fixed when it was built, and its threads are the GPU's."""
    return TensorRtEngine(library(engine), files[FILE], signature)


class TensorRtEngine:
    """A serialized engine on the first visible GPU, with pinned host buffers for its largest batch."""

    threads: int | None = None

    def __init__(self, trt: ModuleType, serialized: bytes, signature: Signature) -> None:
        import pycuda.driver as cuda

        self._cuda = cuda
        self._signature = signature
        cuda.init()
        self._device = cuda.Device(0).retain_primary_context()
        self._device.push()
        try:
            self._logger = trt.Logger(trt.Logger.ERROR)
            self._runtime = trt.Runtime(self._logger)
            self._engine = self._runtime.deserialize_cuda_engine(serialized)
            if self._engine is None:
                raise BundleError(f"TensorRT {trt.__version__} refuses {FILE}; build it anew here")
            check_ports(FILE, *_ports(trt, self._engine), signature)
            self._allocate()
        except cuda.Error as error:
            raise UnavailableError(f"the GPU can't hold the engine: {error}") from error
        finally:
            cuda.Context.pop()

    def _allocate(self) -> None:
        wanted, given = self._signature.input, self._signature.output
        _, _, largest = self._engine.get_tensor_profile_shape(wanted.name, 0)
        self.max_users: int | None = largest[0]
        self._context = self._engine.create_execution_context()
        self._stream = self._cuda.Stream()
        self._host_in = self._cuda.pagelocked_empty((self.max_users, *wanted.user_dims), np.float32)
        self._host_out = self._cuda.pagelocked_empty((self.max_users, *given.user_dims), np.float32)
        self._device_in = self._cuda.mem_alloc(self._host_in.nbytes)
        self._device_out = self._cuda.mem_alloc(self._host_out.nbytes)
        self._context.set_tensor_address(wanted.name, int(self._device_in))
        self._context.set_tensor_address(given.name, int(self._device_out))

    def run(self, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        """float32 [user, *input dims] -> float32 [user, *output dims]."""
        users = len(inputs)
        host_in, host_out = self._host_in[:users], self._host_out[:users]
        self._device.push()
        try:
            host_in[...] = inputs
            self._cuda.memcpy_htod_async(self._device_in, host_in, self._stream)
            ready = self._context.set_input_shape(self._signature.input.name, inputs.shape)
            shape = tuple(self._context.get_tensor_shape(self._signature.output.name))
            if shape != host_out.shape:  # the buffer on the device has room for the signature's sizes only
                raise EdgeCsiError(f"TensorRT would return {list(shape)} instead of {list(host_out.shape)}")
            if not (ready and self._context.execute_async_v3(self._stream.handle)):
                raise EdgeCsiError(f"TensorRT failed on {inputs.shape}")
            self._cuda.memcpy_dtoh_async(host_out, self._device_out, self._stream)
            self._stream.synchronize()
            return host_out.copy()
        except self._cuda.Error as error:
            raise EdgeCsiError(f"CUDA failed on {inputs.shape}: {error}") from error
        finally:
            self._cuda.Context.pop()


def _ports(trt: ModuleType, engine: Any) -> tuple[list[Port], list[Port]]:
    """Inputs and outputs of an engine; a size of -1 is free."""
    found: dict[bool, list[Port]] = {True: [], False: []}
    for name in (engine.get_tensor_name(index) for index in range(engine.num_io_tensors)):
        kind = engine.get_tensor_dtype(name)
        dims = tuple(None if dim < 0 else dim for dim in tuple(engine.get_tensor_shape(name)))
        port = Port(name, dims, str(kind).rpartition(".")[2].lower(), is_float32=kind == trt.DataType.FLOAT)
        found[engine.get_tensor_mode(name) == trt.TensorIOMode.INPUT].append(port)
    return found[True], found[False]


def installed(engine: str) -> str | None:
    """Name of the installed Python module of a flavour, None when there is none."""
    return next((name for name in _MODULES[engine] if find_spec(name)), None)


def library(engine: str) -> ModuleType:
    """The installed Python module of a flavour, of which why_not_run said that it is there."""
    return importlib.import_module(installed(engine) or _MODULES[engine][0])


def _no_driver() -> str | None:
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return "there is no CUDA driver (libcuda.so.1)"
    code = driver.cuInit(0)
    if code == _NO_DEVICE:
        return "the CUDA driver sees no GPU"
    return f"the CUDA driver doesn't start (cuInit returns {code})" if code else None


def _compute_capability() -> tuple[int, int]:
    import pycuda.driver as cuda

    cuda.init()
    return cuda.Device(0).compute_capability()


def _mismatch(manifest: Manifest, version: str, capability: tuple[int, int]) -> str | None:
    """Why an engine doesn't fit the library version and the GPU's compute capability here."""
    rebuild = f"rebuild with: edgecsi build BUNDLE --target {manifest.target}"
    engine = manifest.engine
    built_with = engine.libraries.get(engine.name)
    if built_with != version:
        return f"it was built with {engine.name} {built_with}, here is {version}; {rebuild}"
    if not _fits(engine.gpu_architecture, capability):
        here = ".".join(map(str, capability))
        return f"it was built for GPU architecture {engine.gpu_architecture}, here is {here}; {rebuild}"
    return None


def _fits(architecture: str | None, capability: tuple[int, int]) -> bool:
    """Whether a manifest's architecture ("8.6": that one; "8.0+": that one and later) covers a GPU."""
    if architecture is None:
        return True
    wanted = tuple(int(part) for part in architecture.rstrip("+").split("."))
    return capability >= wanted if architecture.endswith("+") else capability == wanted


def _row(name: str, title: str, libraries: tuple[str, ...], machine: str) -> EngineRow:
    """Both flavours make the targets trt-*; the builder says which one this machine gets."""
    return EngineRow(
        name=name,
        title=title,
        target="trt",
        files=(FILE,),
        libraries=libraries,
        precisions={
            "fp16": Precision(
                "TensorRT, FP16 with FP32 normalisation, fused attention",
                agreement_db=-40,
                invariance_db=-40,
                lowering=FP16_LOWERING,
            ),
            "int8": int8("TensorRT, mixed INT8 and FP16, fused attention", lowering=FP16_LOWERING),
        },
        builder="edgecsi.export.builders.tensorrt",
        machine=machine,
        extra=name,
        why_not_run=partial(why_not_run, name),
        start=partial(start, name),
        gpu_probe="edgecsi.latency.gpu",
        module=__name__,
    )


ROWS = (
    ENGINES.register(
        _row("tensorrt", "TensorRT", ("tensorrt",), "the NVIDIA GPU that it was built for, and pycuda")
    ),
    ENGINES.register(
        _row(
            "tensorrt-rtx",
            "TensorRT-RTX",
            ("tensorrt-rtx", "tensorrt-rtx-cu13-libs", "tensorrt-rtx-cu13-bindings"),
            "an NVIDIA GPU from Ampere on, and pycuda",
        )
    ),
)
