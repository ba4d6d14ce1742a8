"""OpenVINO on the CPU."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from edgecsi.bundle import Manifest, Signature
from edgecsi.errors import BundleError, EdgeCsiError
from edgecsi.runtime.engine import ENGINES, EngineRow, bf16, fp32, int8
from edgecsi.runtime.ports import Port, check_output, check_ports

if TYPE_CHECKING:
    import openvino

XML, WEIGHTS = "engine.xml", "engine.bin"
CONTROL_FLOW = {"If", "Loop", "TensorIterator"}


def why_not_run(precision: str, manifest: Manifest | None = None) -> str | None:
    """Why OpenVINO, or a BF16 or INT8 engine with it, can't be used here; None when it can."""
    if not find_spec("openvino"):
        return "openvino is not installed (pip install 'edgecsi[openvino]')"
    if precision.endswith("bf16") and "BF16" not in _capabilities():
        return (
            f"this CPU computes {', '.join(_capabilities())} but no BF16, which needs AVX512-BF16 or AMX; "
            "use --target openvino-fp32"
        )
    if precision.startswith("int8") and _int8_overflows(_cpu_flags()):
        return (
            "this CPU has no VNNI (AVX512-VNNI, AVX-VNNI or AMX), without which OpenVINO's INT8 products "
            "overflow; use --target ort-int8"
        )
    return None


def _int8_overflows(flags: set[str]) -> bool:
    """Whether products of U8 and S8 are added in 16 bits: on x86-64 without VNNI."""
    return "avx2" in flags and not flags & {"avx512_vnni", "avx_vnni", "amx_int8"}


def _cpu_flags() -> set[str]:
    """What Linux says that the CPU can; empty where it says nothing."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return set()
    return next((set(line.split()) for line in lines if line.startswith("flags")), set())


def start(files: Mapping[str, bytes], threads: int, precision: str, signature: Signature) -> OpenVinoEngine:
    """Start the IR `engine.xml` with its weights `engine.bin`; what is not INT8 in it follows `precision`."""
    return OpenVinoEngine(files[XML], files[WEIGHTS], threads, precision, signature)


def float_precision(precision: str) -> str:
    """What OpenVINO computes in where the graph does not ask for INT8: bf16 or f32."""
    return "bf16" if precision.endswith("bf16") else "f32"


def for_one_user(model: openvino.Model) -> openvino.Model:
    """The model, from now on for one user per call.

    OpenVINO's kernels for a known shape take a fifth less time for csi-alm-light and half for
    csi-alm-light-ad; user after user, their data stay in the cache, so that a batch gains nothing more.
    """
    model.reshape([1, *list(model.input().partial_shape)[1:]])
    return model


class OpenVinoEngine:
    """An OpenVINO IR compiled for this CPU and one user."""

    max_users: int | None = 1

    def __init__(
        self, xml: bytes, weights: bytes, threads: int, precision: str, signature: Signature
    ) -> None:
        import openvino

        self.threads: int | None = threads
        self._signature = signature
        if not xml.startswith(b"<?xml"):  # OpenVINO guesses the format, and others than IR may name files
            raise BundleError(f"{XML} is no OpenVINO IR: it doesn't begin with <?xml")
        self._weights = weights  # OpenVINO refers to this buffer
        settings = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_NUM_THREADS": threads,
            "INFERENCE_PRECISION_HINT": float_precision(precision),
            "ENABLE_CPU_PINNING": False,  # the base station decides which core runs what
        }
        try:
            core = openvino.Core()
            model = core.read_model(xml, weights)
            _refuse_control_flow(model)  # compiling would fold constants through it
            inputs, outputs = ([_port(end) for end in ends] for ends in (model.inputs, model.outputs))
            check_ports(XML, inputs, outputs, signature)
            compiled = core.compile_model(for_one_user(model), "CPU", settings)
        except RuntimeError as error:
            raise BundleError(f"OpenVINO refuses {XML}: {error}") from error
        self._request = compiled.create_infer_request()

    def run(self, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        """float32 [1, *input dims] -> float32 [1, *output dims]."""
        try:
            output = self._request.infer([inputs], share_inputs=True)[0]
        except RuntimeError as error:
            raise EdgeCsiError(f"OpenVINO failed on {inputs.shape}: {error}") from error
        return check_output("OpenVINO", output, self._signature, len(inputs))


def _refuse_control_flow(model: openvino.Model) -> None:
    found = {node.get_type_name() for node in model.get_ops()} & CONTROL_FLOW
    if found:
        raise BundleError(f"{XML} holds control flow ({', '.join(sorted(found))}), whose work has no bound")


def _port(end: openvino.Output) -> Port:
    kind = end.element_type.get_type_name()
    name = end.any_name if end.names else "without a name"
    if end.partial_shape.rank.is_dynamic:
        return Port(name, (), kind, is_float32=False)
    dims = tuple(dim.get_length() if dim.is_static else None for dim in end.partial_shape)
    return Port(name, dims, kind, is_float32=kind == "f32")


@cache
def _capabilities() -> list[str]:
    import openvino

    return list(openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"))


ROW = ENGINES.register(
    EngineRow(
        name="openvino",
        title="OpenVINO",
        target="openvino",
        files=(XML, WEIGHTS),
        libraries=("openvino",),
        precisions={
            "fp32": fp32("OpenVINO on the CPU"),
            "bf16": bf16("OpenVINO on a CPU with AVX512-BF16 or AMX"),
            "int8": int8("OpenVINO on the CPU, mixed INT8 and FP32"),
            "int8-bf16": int8(
                "OpenVINO, mixed INT8 and BF16, on a CPU with AVX512-BF16 or AMX", computes_fp32_in="bf16"
            ),
        },
        builder="edgecsi.export.builders.openvino",
        machine="any CPU; INT8: VNNI, BF16: AVX512-BF16 or AMX",
        extra="openvino",
        why_not_run=why_not_run,
        start=start,
        module=__name__,
    )
)
