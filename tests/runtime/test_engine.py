import numpy as np
import onnx
import openvino
import pytest
import tiny_bundle
from onnx import helper, numpy_helper
from tiny_bundle import RADIO, SIGNATURE, channels, student

from edgecsi.errors import BundleError, EdgeCsiError
from edgecsi.interleaved import to_complex, to_interleaved
from edgecsi.runtime import run_in_pieces, start_engine, why_not_run
from edgecsi.runtime.engines import openvino as adapter

RUNNABLE = ["onnxruntime", "openvino"]


@pytest.mark.parametrize("engine", RUNNABLE)
def test_runs_interleaved_floats(engine):
    history = to_interleaved(channels(2))
    future = run_in_pieces(
        start_engine(engine, tiny_bundle.engine_files(engine), SIGNATURE, threads=1), history
    )

    assert future.dtype == np.float32
    np.testing.assert_allclose(to_complex(future), student(channels(2)), rtol=1e-5, atol=1e-12)


@pytest.mark.parametrize("engine", RUNNABLE)
@pytest.mark.parametrize("threads", [0, -1, True, 2.0, "2", 100_000])
def test_refuses_threads_that_are_no_number_of_them(engine, threads):
    with pytest.raises(EdgeCsiError, match=r"threads must be a whole number from 1 to \d+ here"):
        start_engine(engine, tiny_bundle.engine_files(engine), SIGNATURE, threads=threads)


def test_lists_the_engines_when_asked_for_another():
    with pytest.raises(EdgeCsiError, match="'tvm'; choose from native, onnxruntime, openvino, tensorrt"):
        why_not_run("tvm", "fp32")


def test_lists_the_precisions_when_asked_for_another():
    assert why_not_run("openvino", "fp8") == (
        "OpenVINO has no precision 'fp8' here; it has fp32, bf16, int8, int8-bf16"
    )


def damaged(name):
    """Engine files that are whole files but no engine."""
    return {**tiny_bundle.openvino_files(), "engine.onnx": tiny_bundle.graph(), **name}


@pytest.mark.parametrize(
    ("engine", "files"),
    [
        ("onnxruntime", {"engine.onnx": b"not a graph"}),
        ("onnxruntime", {"engine.onnx": tiny_bundle.graph()[:-30]}),
        ("openvino", {"engine.xml": b"<?xml version='1.0'?><net></net>"}),
        ("openvino", {"engine.xml": tiny_bundle.graph()}),
        ("openvino", {"engine.bin": b""}),
    ],
)
def test_refuses_files_that_are_no_engine(engine, files):
    with pytest.raises(BundleError, match=r"engine\.(onnx|xml)"):
        start_engine(engine, damaged(files), SIGNATURE)


@pytest.mark.parametrize("engine", RUNNABLE)
def test_refuses_a_graph_with_other_tensors(engine):
    files = tiny_bundle.engine_files(engine)
    renamed = {name: data.replace(b"csi_future", b"csi_fjords") for name, data in files.items()}

    with pytest.raises(BundleError, match=r"has the output csi_fjords .* not csi_future float32 \[any, 4, 2"):
        start_engine(engine, renamed, SIGNATURE)


def with_ends(change):
    """The tiny graph, whose input and output are declared otherwise."""
    model = onnx.load_from_string(tiny_bundle.graph())
    for end in (model.graph.input[0], model.graph.output[0]):
        change(end.type.tensor_type)
    return model.SerializeToString()


def fix_users(kind):
    kind.shape.dim[0].dim_value = 3


def test_refuses_a_fixed_number_of_users():
    with pytest.raises(BundleError, match=r"csi_history float \[3, 4, 6, 8, 2\], not csi_history"):
        start_engine("onnxruntime", {"engine.onnx": with_ends(fix_users)}, SIGNATURE)


def double(kind):
    kind.elem_type = onnx.TensorProto.DOUBLE


def test_refuses_other_types():
    model = onnx.load_from_string(with_ends(double))
    for weight in model.graph.initializer:
        if weight.data_type == onnx.TensorProto.FLOAT:
            wide = numpy_helper.to_array(weight).astype(np.float64)
            weight.CopyFrom(numpy_helper.from_array(wide, weight.name))

    with pytest.raises(BundleError, match="csi_history double"):
        start_engine("onnxruntime", {"engine.onnx": model.SerializeToString()}, SIGNATURE)


def test_refuses_an_output_of_another_size_when_it_comes():
    """A graph that computes its sizes can't be refused at the start."""
    model = onnx.load_from_string(tiny_bundle.graph())
    model.graph.node[-1].output[0] = "whole"
    model.graph.node.extend(
        [
            helper.make_node("Sign", ["size"], ["sign"]),
            helper.make_node("ReduceMax", ["sign"], ["one_more"], keepdims=0),
            helper.make_node("Less", ["steps_ahead", "one_more"], ["kept"]),
            helper.make_node("Compress", ["whole", "kept"], ["csi_future"], axis=2),
        ]
    )
    model.graph.initializer.append(numpy_helper.from_array(np.arange(2, dtype=np.float32), "steps_ahead"))
    started = start_engine("onnxruntime", {"engine.onnx": model.SerializeToString()}, SIGNATURE, threads=1)

    with pytest.raises(
        EdgeCsiError, match=r"returns float32 \[1, 4, 1, 8, 2\] instead of float32 \[1, 4, 2, 8"
    ):
        started.run(to_interleaved(channels(1)))


@pytest.mark.parametrize("engine", RUNNABLE)
def test_says_what_it_failed_on(engine):
    started = start_engine(engine, tiny_bundle.engine_files(engine), SIGNATURE, threads=1)

    with pytest.raises(EdgeCsiError, match=r"\(1, 4, 5, 8, 2\)"):
        started.run(np.zeros((1, 4, 5, 8, 2), np.float32))


@pytest.mark.skipif(
    "BF16" not in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"),
    reason="this CPU has no BF16",
)
def test_openvino_computes_in_bf16_only_when_the_bundle_says_so():
    files, history = tiny_bundle.openvino_files(), to_interleaved(channels(4))
    engines = {p: start_engine("openvino", files, SIGNATURE, 1, precision=p) for p in ("fp32", "bf16")}
    outputs = {p: run_in_pieces(engine, history) for p, engine in engines.items()}
    wanted = to_interleaved(student(channels(4)))
    error = {p: np.abs(y - wanted).max() / np.abs(wanted).max() for p, y in outputs.items()}

    assert error["fp32"] < 1e-6
    assert 1e-4 < error["bf16"] < 2e-2


class Limited:
    """An engine with a largest batch, that records its calls; the real one needs a GPU."""

    threads = None
    max_users = 3

    def __init__(self):
        self.calls = []

    def run(self, history):
        self.calls.append(len(history))
        return history[:, :, : RADIO.future]


def test_runs_a_batch_beyond_the_engines_limit_in_pieces():
    engine, history = Limited(), to_interleaved(channels(7))

    np.testing.assert_array_equal(run_in_pieces(engine, history), history[:, :, : RADIO.future])
    assert engine.calls == [3, 3, 1]


@pytest.mark.parametrize(
    ("flags", "overflows"),
    [({"avx2"}, True), ({"avx2", "avx512_vnni"}, False), ({"avx2", "avx_vnni"}, False), ({"asimd"}, False)],
)
def test_openvinos_int8_needs_vnni_on_x86(monkeypatch, flags, overflows):
    monkeypatch.setattr(adapter, "_cpu_flags", lambda: flags)
    assert ("no VNNI" in (adapter.why_not_run("int8") or "")) == overflows
    assert adapter.why_not_run("fp32") is None
