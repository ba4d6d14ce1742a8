import os

import numpy as np
import openvino
import pytest
import tiny_bundle
from tiny_bundle import SHAPE, channels, student

from edgecsi.csi import to_complex, to_interleaved
from edgecsi.errors import BundleError, EdgeCsiError, UnavailableError
from edgecsi.runtime import ov, run_in_pieces, start_engine, why_not_run

RUNNABLE = ["onnxruntime", "openvino"]


@pytest.mark.parametrize("engine", RUNNABLE)
def test_runs_interleaved_floats(engine):
    history = to_interleaved(channels(2))
    future = run_in_pieces(start_engine(engine, tiny_bundle.engine_files(engine), threads=1), history)

    assert future.dtype == np.float32
    np.testing.assert_allclose(to_complex(future), student(channels(2)), rtol=1e-5, atol=1e-12)


@pytest.mark.parametrize("engine", RUNNABLE)
@pytest.mark.parametrize("threads", [1, 2, None])
def test_states_its_threads(engine, threads):
    started = start_engine(engine, tiny_bundle.engine_files(engine), threads)

    assert started.threads == (threads or len(os.sched_getaffinity(0)))


@pytest.mark.parametrize("engine", RUNNABLE)
def test_leaves_the_threads_affinity_alone(engine):
    before = os.sched_getaffinity(0)
    started = start_engine(engine, tiny_bundle.engine_files(engine), threads=1)
    run_in_pieces(started, to_interleaved(channels(2)))

    assert os.sched_getaffinity(0) == before


def test_refuses_no_threads():
    with pytest.raises(EdgeCsiError, match="at least 1, got 0"):
        start_engine("onnxruntime", tiny_bundle.engine_files("onnxruntime"), threads=0)


def test_lists_the_engines_when_asked_for_another():
    with pytest.raises(UnavailableError, match="'tvm'; choose from onnxruntime, native, openvino, tensorrt"):
        why_not_run("tvm")


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
        start_engine(engine, damaged(files))


@pytest.mark.parametrize("engine", RUNNABLE)
def test_refuses_a_graph_with_other_tensors(engine):
    graph = tiny_bundle.graph().replace(b"csi_future", b"csi_fjords")
    files = {"engine.onnx": graph}
    if engine == "openvino":
        files = {n: d.replace(b"csi_future", b"csi_fjords") for n, d in tiny_bundle.openvino_files().items()}

    with pytest.raises(BundleError, match="csi_fjords"):
        start_engine(engine, files)


@pytest.mark.parametrize("engine", RUNNABLE)
def test_says_what_it_failed_on(engine):
    started = start_engine(engine, tiny_bundle.engine_files(engine), threads=1)

    with pytest.raises(EdgeCsiError, match=r"\(1, 4, 5, 8, 2\)"):
        started.run(np.zeros((1, 4, 5, 8, 2), np.float32))


@pytest.mark.skipif(
    "BF16" not in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"),
    reason="this CPU has no BF16",
)
def test_openvino_computes_in_bf16_only_when_the_bundle_says_so():
    files, history = tiny_bundle.openvino_files(), to_interleaved(channels(4))
    engines = {p: start_engine("openvino", files, 1, precision=p) for p in ("fp32", "bf16")}
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
        return history[:, :, : SHAPE.future]


def test_runs_a_batch_beyond_the_engines_limit_in_pieces():
    engine, history = Limited(), to_interleaved(channels(7))

    np.testing.assert_array_equal(run_in_pieces(engine, history), history[:, :, : SHAPE.future])
    assert engine.calls == [3, 3, 1]


@pytest.mark.parametrize(
    ("flags", "overflows"),
    [({"avx2"}, True), ({"avx2", "avx512_vnni"}, False), ({"avx2", "avx_vnni"}, False), ({"asimd"}, False)],
)
def test_openvinos_int8_needs_vnni_on_x86(monkeypatch, flags, overflows):
    monkeypatch.setattr(ov, "_cpu_flags", lambda: flags)
    assert ("no VNNI" in (ov.why_not_run("int8") or "")) == overflows
    assert ov.why_not_run("fp32") is None
