"""A whole bundle of a few kilobytes: a predictor for any task with a time axis, and its numpy twin."""

import tempfile
from functools import cache
from pathlib import Path

import numpy as np
import onnx
import openvino
from onnx import helper, numpy_helper

from edgecsi.bundle import (
    Bundle,
    EngineFacts,
    Manifest,
    NetworkFacts,
    Proof,
    Signature,
    TestSet,
    golden_to_bytes,
    write_bundle,
)
from edgecsi.metrics import Goal
from edgecsi.radio import ArrayGeometry, RadioSetting, TrainedRange
from edgecsi.runtime import ENGINES
from edgecsi.tasks import TASKS
from edgecsi.users import CLEAN, Users

CSI = TASKS.get("csi")
RADIO = RadioSetting(
    array=ArrayGeometry(columns=2, rows=1, polarisations=2), history=6, future=2, subcarriers=8
)
SIGNATURE = Signature.of(CSI, RADIO)
ENGINE_FACTS = set(EngineFacts.model_fields) - {"name", "files"}


def weight(radio: RadioSetting = RADIO) -> np.ndarray:
    """float32 [T, P]: how the steps are mixed."""
    rng = np.random.default_rng(0)
    return rng.standard_normal((radio.history, radio.future)).astype(np.float32) / 2


WEIGHT = weight()


def student(inputs: np.ndarray, task=CSI, radio: RadioSetting = RADIO) -> np.ndarray:
    """peak * tanh(input/peak, mixed over time): [user, *input axes] -> [user, *target axes]."""
    values = task.input.to_engine(inputs)
    time = 1 + task.input.axes.index("time")
    peak = np.abs(values).max(axis=tuple(range(1, values.ndim)), keepdims=True)
    peak[peak == 0] = 1
    mixed = np.tanh(np.moveaxis(values / peak, time, -1) @ weight(radio))
    return task.target.from_engine(np.ascontiguousarray(peak * np.moveaxis(mixed, -1, time), np.float32))


@cache
def graph(task=CSI, radio: RadioSetting = RADIO) -> bytes:
    """The ONNX graph of :func:`student`."""
    ends = task.input, task.target
    dims = [("user", *end.engine_dims(radio)) for end in ends]
    rank, time = len(dims[0]), 1 + task.input.axes.index("time")
    last = [axis for axis in range(rank) if axis != time] + [time]
    constants = {"weight": weight(radio), "zero": np.float32(0), "one": np.float32(1)}
    axes = numpy_helper.from_array(np.arange(1, rank), "axes")
    given, wanted = (end.name for end in ends)
    nodes = [
        helper.make_node("Abs", [given], ["size"]),
        helper.make_node("ReduceMax", ["size", "axes"], ["largest"], keepdims=1),
        helper.make_node("Equal", ["largest", "zero"], ["silent"]),
        helper.make_node("Where", ["silent", "one", "largest"], ["peak"]),
        helper.make_node("Div", [given, "peak"], ["unit"]),
        helper.make_node("Transpose", ["unit"], ["time_last"], perm=last),
        helper.make_node("MatMul", ["time_last", "weight"], ["mixed"], name="mix"),
        helper.make_node("Tanh", ["mixed"], ["bounded"]),
        helper.make_node("Transpose", ["bounded"], ["steps"], perm=np.argsort(last).tolist()),
        helper.make_node("Mul", ["steps", "peak"], [wanted]),
    ]
    infos = [
        helper.make_tensor_value_info(end.name, onnx.TensorProto.FLOAT, list(shape))
        for end, shape in zip(ends, dims, strict=True)
    ]
    initializers = [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()]
    body = helper.make_graph(nodes, "tiny", infos[:1], infos[1:], [*initializers, axes])
    return helper.make_model(
        body, opset_imports=[helper.make_opsetid("", 23)], ir_version=11
    ).SerializeToString()


@cache
def openvino_files(task=CSI, radio: RadioSetting = RADIO) -> dict[str, bytes]:
    """The graph as OpenVINO IR."""
    with tempfile.TemporaryDirectory() as folder:
        model = openvino.Core().read_model(graph(task, radio), b"")
        openvino.save_model(model, f"{folder}/engine.xml", compress_to_fp16=False)
        return {name: Path(folder, name).read_bytes() for name in ENGINES.get("openvino").files}


def engine_files(engine: str, task=CSI, radio: RadioSetting = RADIO) -> dict[str, bytes]:
    """The files of a real engine; others can't be built from this graph and hold no engine."""
    if engine == "onnxruntime":
        return {"engine.onnx": graph(task, radio)}
    if engine == "openvino":
        return openvino_files(task, radio)
    return dict.fromkeys(ENGINES.get(engine).files, b"no engine")


def channels(users: int, seed: int = 1, task=CSI, radio: RadioSetting = RADIO) -> np.ndarray:
    """Inputs at the task's scale [user, *input axes]; CSI: complex64 [user, A, T, K]."""
    return task.draw_inputs(np.random.default_rng(seed), radio, users)


@cache
def golden(users: int = 3, task=CSI, radio: RadioSetting = RADIO) -> Users:
    """Golden users whose stored outputs are the twin's; the last of several is noisy."""
    inputs = channels(users, task=task, radio=radio)
    prediction = student(inputs, task, radio)
    time = 1 + task.input.axes.index("time")
    off = np.take(channels(users, 2, task, radio), range(radio.future), time) / 10
    columns = {
        "speed_kmh": np.linspace(10, 30, users, dtype=np.float32),
        "snr_db": np.array([CLEAN] * users, np.float32),
    }
    if users > 1:
        columns["snr_db"][-1] = 20
    return Users(inputs, prediction + off.astype(prediction.dtype), columns, prediction)


def proof(task=CSI, radio: RadioSetting = RADIO, users: int = 3, **changes) -> Proof:
    """A proof that meets its goals."""
    report = task.report(golden(users, task, radio).student, golden(users, task, radio))
    goals = (("overall", 0.1, 0.001), ("speed_kmh 10", 0.2, 0.002))
    facts = {
        "test_set": TestSet(id="white noise", users=users),
        "reference": "student",
        "metrics": {"as given": {"engine": report, "student": report}},
        "not_applicable": {"ridge_ar": "it needs more samples"},
        "goals": tuple(
            Goal.judge("nmse_loss_db", "engine", "student", scope, "as given", bound, value)
            for scope, bound, value in goals
        ),
        "relative_error_db": -120.0,
        "golden_student_db": (-140.0,) * users,
        "golden_engine_db": (-135.0,) * users,
    }
    return Proof(**{**facts, **changes})


def manifest(engine: str = "onnxruntime", task=CSI, radio: RadioSetting = RADIO, **changes) -> Manifest:
    """A manifest for the tiny predictor; `changes` are its own fields or those of its engine."""
    row = ENGINES.get(engine)
    facts = {"precision": next(iter(row.precisions)), "libraries": {engine: "1.0"}, "executed": True}
    facts |= {"precision_checked": "network", "multiplications": {"fp32": 1.0}}
    facts |= {name: changes.pop(name) for name in ENGINE_FACTS & set(changes)}
    signature = Signature.of(task, radio)
    fields = {
        "edgecsi": "0.1.0",
        "name": f"tiny-{engine}",
        "target": f"{row.target}-{facts['precision']}",
        "task": task.name,
        "input": signature.input,
        "output": signature.output,
        "radio": radio,
        "horizon_ms": radio.horizon_ms,
        "network": NetworkFacts(
            name="tiny", parameters=WEIGHT.size, trained=TrainedRange(speed_kmh=(10, 100))
        ),
        "engine": EngineFacts(name=engine, files=row.files, **facts),
        "proof": proof(task, radio),
    }
    return Manifest(**{**fields, **changes})


def write(
    path: Path, engine: str = "onnxruntime", task=CSI, radio: RadioSetting = RADIO, **changes
) -> Bundle:
    """Write the tiny bundle; `changes` go into its manifest."""
    files = {
        **engine_files(engine, task, radio),
        "student.onnx": graph(task, radio),
        "golden.npz": golden_to_bytes(golden(task=task, radio=radio)),
    }
    return write_bundle(path, manifest(engine, task, radio, **changes), files)
