"""TensorRT and TensorRT-RTX: one adapter for both, since they share an API.

Full `tensorrt` is taken where it is installed and there is a GPU, on which it builds; `tensorrt-rtx`
otherwise, which needs no GPU to build. The engine of one does not load in the other.

Both are strongly typed: the precision is a property of the graph, and an FP32 graph builds an FP32 engine
without a word. What is proven here, on the parsed network: its weighted layers have the types that the graph
has, its input and output are FP32, and no `Attention` may be decomposed, so that a build that succeeds has a
fused attention kernel.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.util import find_spec
from types import ModuleType
from typing import Any

from edgecsi.errors import BuildError
from edgecsi.export.builders import BuiltEngine, check_int8
from edgecsi.runtime.engines.tensorrt import FILE, installed, library

MAX_USERS = 64  # users in the largest batch of the engine; it is tuned for one
RTX_ARCHITECTURE = "8.0+"  # with no compute capability set, an RTX engine is portable from Ampere on
WEIGHTED_LAYERS = ("MATRIX_MULTIPLY", "CONVOLUTION", "EINSUM", "ATTENTION_INPUT")
COMPUTE_CAPABILITY = (75, 76)  # CUdevice_attribute: major and minor


def engine() -> str:
    """The flavour that this machine builds."""
    return "tensorrt" if find_spec("tensorrt") and _compute_capability() else "tensorrt-rtx"


def why_not_build(precision: str = "fp16") -> str | None:
    """Why neither flavour builds here, None when one does."""
    if engine() == "tensorrt-rtx" and not installed("tensorrt-rtx"):
        found = (
            "tensorrt builds only where there is a GPU" if find_spec("tensorrt") else "it is not installed"
        )
        return f"{found}, and tensorrt-rtx is not installed (pip install 'edgecsi[tensorrt-rtx]')"
    if not find_spec("onnx"):
        return "onnx is not installed (pip install 'edgecsi[tensorrt-rtx]')"
    return None


def build(graph: bytes, precision: str = "fp16") -> BuiltEngine:
    """Build an engine for 1 to MAX_USERS users. Raises BuildError with TensorRT's reason if it refuses."""
    from edgecsi.export.graph import count_quantized, count_weighted, quantized_nodes

    weighted, quantized = count_weighted(graph), count_quantized(graph)
    if precision == "int8":  # strongly typed: what is quantized is computed so
        check_int8("TensorRT", graph, set(quantized_nodes(graph)))
    flavour = engine()
    trt = library(flavour)
    logger = _logger(trt)
    logger.errors.clear()
    builder = trt.Builder(logger)
    network = builder.create_network(1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
    parser = trt.OnnxParser(network, logger)
    if not parser.parse(graph):
        error = parser.get_error(0)
        raise BuildError(f"TensorRT can't parse the graph: {error.node_name()} {error.desc()}")
    _check_types(trt, network, weighted, quantized)
    with _quiet_stderr():  # the compiler inside prints its exceptions there too
        serialized = builder.build_serialized_network(network, _config(trt, builder, network))
    if serialized is None:
        raise BuildError(f"TensorRT refused the graph: {_reason(logger.errors)}")
    return BuiltEngine(
        engine=flavour,
        files={FILE: bytes(serialized)},
        libraries={flavour: trt.__version__},
        precision_checked="network",
        gpu_architecture=_compute_capability() if flavour == "tensorrt" else RTX_ARCHITECTURE,
        max_users=MAX_USERS,
    )


def _config(trt: ModuleType, builder: Any, network: Any) -> Any:
    config = builder.create_builder_config()
    config.clear_flag(trt.BuilderFlag.TF32)  # what the graph keeps in FP32 is meant so
    given = network.get_input(0)
    one, largest = ((users, *tuple(given.shape)[1:]) for users in (1, MAX_USERS))
    profile = builder.create_optimization_profile()
    profile.set_shape(given.name, one, one, largest)
    config.add_optimization_profile(profile)
    return config


def _check_types(trt: ModuleType, network: Any, wanted: dict[str, int], quantized: dict[str, int]) -> None:
    """Compare the parsed network's types and Q/DQ with the graph's. Raises BuildError if they differ."""
    layers = [network.get_layer(i) for i in range(network.num_layers)]
    kinds = [layer.type.name for layer in layers]
    if (pairs := {kind: kinds.count(kind) for kind in quantized}) != quantized:
        raise BuildError(f"TensorRT's network has the Q/DQ layers {pairs}, the graph has {quantized}")
    weighted = [layer.get_input(0).dtype for layer in layers if layer.type.name in WEIGHTED_LAYERS]
    found = {"fp32": weighted.count(trt.DataType.FLOAT), "fp16": weighted.count(trt.DataType.HALF)}
    if found != wanted:
        raise BuildError(f"TensorRT's network has weighted layers {found}, the graph has {wanted}")
    if any(tensor.dtype != trt.DataType.FLOAT for tensor in (network.get_input(0), network.get_output(0))):
        raise BuildError("the engine's input and output are not FP32")
    for layer in layers:
        if layer.type.name == "ATTENTION_INPUT":
            layer.__class__ = trt.IAttentionInputLayer  # TensorRT's own way to down-cast a layer
            if layer.attention.decomposable:
                raise BuildError(f"TensorRT may take {layer.attention.name} apart instead of fusing it")


def _reason(errors: list[str]) -> str:
    text = errors[-1] if errors else "it gives no reason"
    if "not supported by a dedicated kernel" in text:
        return "there is no fused attention kernel for this graph's types and sizes (for FP32 there is none)"
    return text


@cache
def _logger(trt: ModuleType) -> Any:
    """The one logger of this process: TensorRT keeps the first that it is given."""

    class Logger(trt.ILogger):
        def __init__(self) -> None:
            trt.ILogger.__init__(self)
            self.errors: list[str] = []

        def log(self, severity: Any, message: str) -> None:
            if severity in (trt.ILogger.Severity.ERROR, trt.ILogger.Severity.INTERNAL_ERROR):
                self.errors.append(message)

    return Logger()


@contextmanager
def _quiet_stderr() -> Iterator[None]:
    saved, null = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 2)
    try:
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(null)


@cache
def _compute_capability() -> str | None:
    """Compute capability of the first GPU, such as "8.6"; None without a GPU or a CUDA driver."""
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return None
    device, value, found = ctypes.c_int(), ctypes.c_int(), []
    if driver.cuInit(0) or driver.cuDeviceGet(ctypes.byref(device), 0):
        return None
    for attribute in COMPUTE_CAPABILITY:
        driver.cuDeviceGetAttribute(ctypes.byref(value), attribute, device)
        found.append(str(value.value))
    return ".".join(found)
