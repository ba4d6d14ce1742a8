"""A whole bundle of a few kilobytes: a normalising predictor in the tensor contract, and its numpy twin."""

import tempfile
from functools import cache
from pathlib import Path

import numpy as np
import onnx
import openvino
from onnx import helper, numpy_helper

from edgecsi.bundle import (
    Bundle,
    Goals,
    GoldenSet,
    Manifest,
    Proof,
    Student,
    TensorSpec,
    TestSet,
    write_bundle,
)
from edgecsi.csi import CsiShape, to_complex, to_interleaved

SHAPE = CsiShape(antennas=4, history=6, future=2, subcarriers=8)
WEIGHT = np.random.default_rng(0).standard_normal((SHAPE.history, SHAPE.future)).astype(np.float32) / 2


def student(history: np.ndarray) -> np.ndarray:
    """peak * tanh(history/peak, mixed over time), per real part: complex [user, A, T, K] -> complex64."""
    pairs = to_interleaved(history)
    peak = np.abs(pairs).max(axis=(1, 2, 3, 4), keepdims=True)
    peak[peak == 0] = 1
    return to_complex(peak * np.tanh(np.einsum("uatkc,tp->uapkc", pairs / peak, WEIGHT)))


@cache
def graph() -> bytes:
    """The ONNX graph of :func:`student`."""
    constants = {"weight": WEIGHT, "zero": np.float32(0), "one": np.float32(1)}
    axes = numpy_helper.from_array(np.array([1, 2, 3, 4]), "axes")
    nodes = [
        helper.make_node("Abs", ["csi_history"], ["size"]),
        helper.make_node("ReduceMax", ["size", "axes"], ["largest"], keepdims=1),
        helper.make_node("Equal", ["largest", "zero"], ["silent"]),
        helper.make_node("Where", ["silent", "one", "largest"], ["peak"]),
        helper.make_node("Div", ["csi_history", "peak"], ["unit"]),
        helper.make_node("Transpose", ["unit"], ["time_last"], perm=[0, 1, 3, 4, 2]),
        helper.make_node("MatMul", ["time_last", "weight"], ["mixed"]),
        helper.make_node("Tanh", ["mixed"], ["bounded"]),
        helper.make_node("Transpose", ["bounded"], ["steps"], perm=[0, 1, 4, 2, 3]),
        helper.make_node("Mul", ["steps", "peak"], ["csi_future"]),
    ]
    tensors = {"csi_history": SHAPE.history_shape, "csi_future": SHAPE.future_shape}
    ends = [
        helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["user", *dims, 2])
        for name, dims in tensors.items()
    ]
    initializers = [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()]
    body = helper.make_graph(nodes, "tiny", ends[:1], ends[1:], [*initializers, axes])
    return helper.make_model(
        body, opset_imports=[helper.make_opsetid("", 23)], ir_version=11
    ).SerializeToString()


@cache
def openvino_files() -> dict[str, bytes]:
    """The graph as OpenVINO IR."""
    with tempfile.TemporaryDirectory() as folder:
        model = openvino.Core().read_model(graph(), b"")
        openvino.save_model(model, f"{folder}/engine.xml", compress_to_fp16=False)
        return {name: Path(folder, name).read_bytes() for name in ("engine.xml", "engine.bin")}


def engine_files(engine: str) -> dict[str, bytes]:
    """The files of a real engine; TensorRT's can't be built from these tests and hold no engine."""
    if engine == "onnxruntime":
        return {"engine.onnx": graph()}
    return openvino_files() if engine == "openvino" else {"engine.engine": b"no engine"}


def channels(users: int, seed: int = 1) -> np.ndarray:
    """complex64 [user, A, T, K] at the scale of channel coefficients."""
    pairs = np.random.default_rng(seed).standard_normal((users, *SHAPE.history_shape, 2))
    return (5e-6 * pairs).astype(np.float32).view(np.complex64)[..., 0]


def golden(users: int = 3) -> GoldenSet:
    """Golden users whose stored outputs are the twin's."""
    history = channels(users)
    prediction = student(history)
    speeds = np.linspace(10, 30, users, dtype=np.float32)
    return GoldenSet(history, prediction, prediction + channels(users)[:, :, :2] / 10, speeds)


def proof(**changes) -> Proof:
    """A proof that meets its goals."""
    facts = {
        "test_set": TestSet(id="white noise", users=3),
        "reference": "student",
        **dict.fromkeys(("teacher", "student", "engine", "hold_last", "phase_rotation")),
        "nmse_loss_db": 0.001,
        "worst_speed_loss_db": 0.002,
        "worst_speed_kmh": "10",
        "relative_error_db": -120.0,
        "precision_checked": "network",
        "engine_executed": True,
        "goals": Goals(max_nmse_loss_db=0.1, max_worst_speed_loss_db=0.2),
        "goals_met": True,
    }
    return Proof(**{**facts, **changes})


def manifest(engine: str = "onnxruntime", **changes) -> Manifest:
    """A manifest for the tiny predictor."""
    facts = {
        "edgecsi": "0.1.0",
        "name": f"tiny-{engine}",
        "target": {"onnxruntime": "ort-fp32", "openvino": "openvino-fp32"}.get(engine, "trt-fp16"),
        "engine": engine,
        "precision": "fp32",
        "student": Student(name="tiny", parameters=WEIGHT.size),
        "shape": SHAPE,
        "input": TensorSpec.history(SHAPE),
        "output": TensorSpec.future(SHAPE),
        "step_ms": 0.5,
        "horizon_ms": 1.0,
        "duplex": "tdd",
        "libraries": {engine: "1.0"},
        "nmse": proof(),
    }
    return Manifest(**{**facts, **changes})


def write(path: Path, engine: str = "onnxruntime", **changes) -> Bundle:
    """Write the tiny bundle; `changes` go into its manifest."""
    files = {
        **engine_files(engine),
        "student.onnx": graph(),
        "golden.npz": golden().to_bytes(),
    }
    return write_bundle(path, manifest(engine, **changes), files)
