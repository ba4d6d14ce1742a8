"""TensorRT and TensorRT-RTX: one API, two libraries, and an engine of one does not load in the other."""

from __future__ import annotations

import ctypes
import importlib
from collections.abc import Mapping
from importlib.util import find_spec
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from edgecsi.bundle import Manifest
from edgecsi.errors import BundleError, EdgeCsiError, UnavailableError

_MODULES = {"tensorrt": ("tensorrt",), "tensorrt-rtx": ("tensorrt_rtx", "tensorrt_rtx_bindings")}
_NO_DEVICE = 100  # CUDA_ERROR_NO_DEVICE


def why_not_run(engine: str, precision: str, manifest: Manifest | None = None) -> str | None:
    """Why this machine can't run that flavour, or with a manifest that very engine; None when it can."""
    if not _installed(engine):
        return f"{engine} is not installed (pip install 'edgecsi[{engine}]')"
    if reason := _no_driver():
        return reason
    if not find_spec("pycuda"):
        return "pycuda is not installed (pip install 'edgecsi[gpu]')"
    return manifest and _mismatch(manifest, _library(engine).__version__, _compute_capability())


def start(engine: str, files: Mapping[str, bytes], threads: int, precision: str) -> TensorRtEngine:
    """Start `engine.engine`; its precision was fixed when it was built, and its threads are the GPU's."""
    return TensorRtEngine(_library(engine), files["engine.engine"])


class TensorRtEngine:
    """A serialized engine on the first visible GPU, with pinned host buffers for its largest batch."""

    threads = None

    def __init__(self, trt: ModuleType, serialized: bytes) -> None:
        import pycuda.driver as cuda

        self._cuda = cuda
        cuda.init()
        self._device = cuda.Device(0).retain_primary_context()
        self._device.push()
        try:
            self._logger = trt.Logger(trt.Logger.ERROR)
            self._runtime = trt.Runtime(self._logger)
            self._engine = self._runtime.deserialize_cuda_engine(serialized)
            self._check(trt.__version__)
            self._allocate()
        except cuda.Error as error:
            raise UnavailableError(f"the GPU can't hold the engine: {error}") from error
        finally:
            cuda.Context.pop()

    def _check(self, version: str) -> None:
        if self._engine is None:
            raise BundleError(f"TensorRT {version} refuses engine.engine; build it anew here")
        names = [self._engine.get_tensor_name(i) for i in range(self._engine.num_io_tensors)]
        if sorted(names) != ["csi_future", "csi_history"]:
            raise BundleError(f"engine.engine has the tensors {names}, not csi_history and csi_future")

    def _allocate(self) -> None:
        largest = tuple(self._engine.get_tensor_profile_shape("csi_history", 0)[2])
        self.max_users = largest[0]
        future = (largest[0], *tuple(self._engine.get_tensor_shape("csi_future"))[1:])
        self._context = self._engine.create_execution_context()
        self._stream = self._cuda.Stream()
        self._host_in = self._cuda.pagelocked_empty(largest, np.float32)
        self._host_out = self._cuda.pagelocked_empty(future, np.float32)
        self._device_in = self._cuda.mem_alloc(self._host_in.nbytes)
        self._device_out = self._cuda.mem_alloc(self._host_out.nbytes)
        self._context.set_tensor_address("csi_history", int(self._device_in))
        self._context.set_tensor_address("csi_future", int(self._device_out))

    def run(self, history: NDArray[np.float32]) -> NDArray[np.float32]:
        """float32 [user, antenna, T, K, 2] -> float32 [user, antenna, P, K, 2]."""
        users = len(history)
        host_in, host_out = self._host_in[:users], self._host_out[:users]
        self._device.push()
        try:
            host_in[...] = history
            self._cuda.memcpy_htod_async(self._device_in, host_in, self._stream)
            ready = self._context.set_input_shape("csi_history", history.shape)
            if not (ready and self._context.execute_async_v3(self._stream.handle)):
                raise EdgeCsiError(f"TensorRT failed on {history.shape}")
            self._cuda.memcpy_dtoh_async(host_out, self._device_out, self._stream)
            self._stream.synchronize()
            return host_out.copy()
        except self._cuda.Error as error:
            raise EdgeCsiError(f"CUDA failed on {history.shape}: {error}") from error
        finally:
            self._cuda.Context.pop()


def _installed(engine: str) -> str | None:
    return next((name for name in _MODULES[engine] if find_spec(name)), None)


def _library(engine: str) -> ModuleType:
    return importlib.import_module(_installed(engine))


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
    built_with = manifest.libraries.get(manifest.engine)
    if built_with != version:
        return f"it was built with {manifest.engine} {built_with}, here is {version}; {rebuild}"
    if not _fits(manifest.gpu_architecture, capability):
        here = ".".join(map(str, capability))
        return f"it was built for GPU architecture {manifest.gpu_architecture}, here is {here}; {rebuild}"
    return None


def _fits(architecture: str | None, capability: tuple[int, int]) -> bool:
    """Whether a manifest's architecture ("8.6": that one; "8.0+": that one and later) covers a GPU."""
    if architecture is None:
        return True
    wanted = tuple(int(part) for part in architecture.rstrip("+").split("."))
    return capability >= wanted if architecture.endswith("+") else capability == wanted
