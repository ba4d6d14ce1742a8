"""The Q/DQ graph: in the form that three engine libraries take."""

import numpy as np
import onnx
import onnxruntime
import pytest
from int8 import THRESHOLD, all_in_int8
from onnx import TensorProto, numpy_helper

from edgecsi.bundle import Signature
from edgecsi.calib.candidates import candidates
from edgecsi.calib.qdq import quantize
from edgecsi.export.emulation import EmulatedEngine
from edgecsi.export.graph import quantized_nodes
from edgecsi.export.targets import get_target
from edgecsi.radio import RadioSetting
from edgecsi.runtime.engine import run_in_pieces, start_engine
from edgecsi.runtime.engines.onnxruntime import NO_OVERFLOW
from edgecsi.tasks import TASKS

SIGNATURE = Signature.of(TASKS.get("csi"), RadioSetting())
LAYERS = [
    "node_linear",  # the embedding, which has no bias to be named by
    *(
        f"blocks.{i}.{name}"
        for i in range(3)
        for name in (
            "qkv.query",
            "qkv.key",
            "qkv.value",
            "attention_out",
            "feed_forward.0",
            "feed_forward.2",
        )
    ),
    "to_features",
]


@pytest.fixture(scope="module")
def full(graph):
    return all_in_int8(graph)


@pytest.fixture(scope="module")
def stored(full):
    """Initializers by name."""
    return {w.name: w for w in onnx.load_model_from_string(full).graph.initializer}


@pytest.fixture
def history(calibration):
    return calibration.task.input.to_engine(next(calibration.calibrating_users()).inputs)


def test_the_candidates_are_the_students_layers(graph):
    found = candidates(graph)
    assert [operator.label for operator in found] == LAYERS
    # Per antenna: 20 tokens by 128 x 128 for queries, 16 tokens by 3 x 96 x 128 for the embedding.
    assert found[1].multiplications == 20 * 128 * 128
    assert found[0].multiplications == 16 * 3 * 96 * 128


def test_every_candidate_is_quantized(graph, full):
    assert quantized_nodes(full) == [operator.node for operator in candidates(graph)]


def test_only_what_was_chosen_is_quantized(graph):
    chosen = candidates(graph)[3:5]
    lowered = quantize(graph, chosen, {operator.activation: THRESHOLD for operator in chosen})
    assert quantized_nodes(lowered) == [operator.node for operator in chosen]


def test_weights_are_symmetric_int8_per_output_channel(stored):
    weights = {name: numpy_helper.to_array(w) for name, w in stored.items() if name.endswith("_quantized")}
    assert len(weights) == len(LAYERS)
    for name, weight in weights.items():
        scale = numpy_helper.to_array(stored[name.replace("_quantized", "_scale")])
        channel = 0 if weight.ndim == 3 else 1
        peak = np.abs(weight.astype(int)).max(axis=tuple(set(range(weight.ndim)) - {channel}))
        assert scale.shape == (weight.shape[channel],)
        assert (peak == 127).all()


def test_every_zero_point_is_zero_and_no_bias_is_quantized(full, stored):
    for name, weight in stored.items():
        if name.endswith("_zero_point"):
            assert not numpy_helper.to_array(weight).any()
        if name.endswith(".bias"):
            assert weight.data_type == TensorProto.FLOAT


def test_the_same_choice_gives_the_same_bytes(graph, full):
    assert all_in_int8(graph) == full


def run_ort(graph, history):
    options = onnxruntime.SessionOptions()
    options.add_session_config_entry(*NO_OVERFLOW)
    session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    return session.run(None, {"csi_history": history})[0]


def error_db(found, exact):
    return 20 * np.log10(np.linalg.norm(found - exact) / np.linalg.norm(exact))


def test_the_engine_libraries_lose_the_same_by_it(graph, full, history):
    exact = run_ort(graph, history)
    expected = error_db(run_ort(full, history), exact)
    assert -60 < expected < -20
    for name in (name for name in ("ort-int8", "openvino-int8") if not get_target(name).why_not_build()):
        built = get_target(name).build(full)
        engine = start_engine(built.engine, built.files, SIGNATURE, threads=1, precision="int8")
        found = run_in_pieces(engine, history)
        assert abs(error_db(found, exact) - expected) < 1, name
    emulated = EmulatedEngine(get_target("trt-int8").lower(full)).run(history)
    assert abs(error_db(emulated, exact) - expected) < 1


def test_the_rest_is_computed_in_bf16_where_the_target_says_so(graph, full, history):
    target = get_target("openvino-int8-bf16")
    if reason := target.why_not_run():
        pytest.skip(reason)
    built = target.build(full)
    rounded, exact = (
        run_in_pieces(start_engine(built.engine, built.files, SIGNATURE, 1, precision), history)
        for precision in ("int8-bf16", "int8")
    )
    assert -60 < error_db(rounded, exact) < -20
