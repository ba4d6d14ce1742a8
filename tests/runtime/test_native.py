"""The kernels of our own against the PyTorch student that they compute."""

import numpy as np
import pytest
import torch

from edgecsi.csi import CsiShape
from edgecsi.errors import BuildError, BundleError
from edgecsi.export.builders import native as builder
from edgecsi.export.onnx_graph import export_onnx
from edgecsi.export.student_graph import StudentGraph
from edgecsi.models.csi_alm_light import CsiAlmLight
from edgecsi.models.csi_alm_light_delta import CsiAlmLightDelta
from edgecsi.runtime import native, start_engine

REASON = native.why_not_run("fp32")
pytestmark = pytest.mark.skipif(REASON is not None, reason=str(REASON))

SHAPES = {
    "papers": CsiShape(),
    "odd": CsiShape(antennas=3, history=5, future=2, subcarriers=6),  # no axis fills its registers
    "most tokens": CsiShape(antennas=1, history=28, future=3, subcarriers=13),
}
SMALL = SHAPES["odd"]
LIMIT_DB = {"fp32": -100, "bf16": -30}


def network(kind, shape):
    torch.manual_seed(0)
    return kind(shape).eval()


def history(shape, users, seed=0):
    """float32 [user, antenna, T, K, 2] that drifts over time, at the scale of channel coefficients."""
    rng = np.random.default_rng(seed)
    steps = rng.standard_normal((users, *shape.history_shape, 2)) * rng.uniform(0.1, 10, (users, 1, 1, 1, 1))
    return (5e-6 * steps.cumsum(axis=2)).astype(np.float32)


def engine(kind=CsiAlmLight, shape=SMALL, precision="fp32", threads=1):
    if reason := native.why_not_run(precision):
        pytest.skip(reason)
    built = builder.build(export_onnx(network(kind, shape), shape), precision)
    return start_engine("native", built.files, threads, precision)


@pytest.fixture(scope="module")
def data():
    """engine.bin of a small student."""
    return builder.pack(StudentGraph(export_onnx(network(CsiAlmLight, SMALL), SMALL)))


@pytest.mark.parametrize("precision", LIMIT_DB)
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("kind", [CsiAlmLight, CsiAlmLightDelta])
def test_the_kernels_compute_the_student(kind, shape, precision):
    csi = history(shape, users=3)
    with torch.no_grad():
        wanted = network(kind, shape)(torch.from_numpy(csi)).numpy()
    found = engine(kind, shape, precision, threads=2).run(csi)
    error = np.square(found - wanted).sum((1, 2, 3, 4)) / np.square(wanted).sum((1, 2, 3, 4))
    assert 10 * np.log10(error.max()) < LIMIT_DB[precision]


@pytest.mark.parametrize("threads", [2, 3, 7])
def test_threads_share_the_antennas_and_change_no_bit(threads):
    csi = history(SMALL, users=5)
    np.testing.assert_array_equal(engine(threads=threads).run(csi), engine().run(csi))


def test_a_silent_user_gets_zeros_and_spoils_nobody():
    csi = history(SMALL, users=3)
    alone = engine().run(csi)
    csi[1] = 0
    among = engine().run(csi)
    assert not among[1].any()
    np.testing.assert_array_equal(among[[0, 2]], alone[[0, 2]])


def test_an_engine_can_be_called_again_and_again_and_left(data):
    csi = history(SMALL, users=2)
    for _ in range(20):
        started = start_engine("native", {"engine.bin": data}, threads=2)
        first = started.run(csi)
        for _ in range(50):
            np.testing.assert_array_equal(started.run(csi), first)
        del started


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"",
        lambda data: data[:40],
        lambda data: data[:-1],
        lambda data: data[:-4],
        lambda data: data + b"\0\0\0\0",
        lambda data: np.array([-1], np.int32).tobytes() + data[4:],
        lambda data: data[:28] + np.array([7], np.int32).tobytes() + data[32:],  # heads that don't divide
    ],
    ids=["empty", "sizes alone", "cut", "one weight less", "one more", "negative", "heads"],
)
def test_a_damaged_engine_is_refused_in_one_line(data, damage):
    with pytest.raises(BundleError, match=r"engine\.bin") as caught:
        start_engine("native", {"engine.bin": damage(data)}, threads=1)
    assert "\n" not in str(caught.value)


def test_too_many_tokens_are_refused_with_the_limit():
    long = CsiShape(antennas=2, history=40, future=2, subcarriers=6)
    with pytest.raises(BuildError, match="at most 32 tokens"):
        builder.build(export_onnx(network(CsiAlmLight, long), long))


def test_the_reason_without_compiled_kernels(monkeypatch):
    monkeypatch.setattr(native, "_library", lambda: None)
    assert "not compiled" in native.why_not_run("fp32")


def test_the_reason_on_a_cpu_without_bf16(monkeypatch):
    class OlderCpu:
        edgecsi_native_level = staticmethod(lambda: 1)

    monkeypatch.setattr(native, "_library", OlderCpu)
    assert native.why_not_run("fp32") is None
    assert native.why_not_run("bf16") == "this CPU has no AVX512-BF16; use --target native-fp32"
