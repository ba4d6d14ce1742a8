"""The kernels of our own against the PyTorch student that they compute."""

from functools import cache

import numpy as np
import pytest
import torch

from edgecsi.bundle import Signature
from edgecsi.errors import BuildError, BundleError, EdgeCsiError
from edgecsi.export.builders import native as builder
from edgecsi.export.onnx_graph import export_onnx
from edgecsi.export.student_graph import StudentGraph
from edgecsi.models.csi_alm_light import CsiAlmLight
from edgecsi.models.csi_alm_light_delta import CsiAlmLightDelta
from edgecsi.radio import ArrayGeometry, RadioSetting
from edgecsi.runtime import start_engine
from edgecsi.runtime.engines import native
from edgecsi.runtime.engines.native import layout
from edgecsi.tasks import TASKS

REASON = native.why_not_run("fp32")
needs_kernels = pytest.mark.skipif(REASON is not None, reason=str(REASON))
CSI = TASKS.get("csi")


def radio(antennas, history, future, subcarriers):
    array = ArrayGeometry(columns=antennas, rows=1, polarisations=1)
    return RadioSetting(array=array, history=history, future=future, subcarriers=subcarriers)


RADIOS = {
    "papers": RadioSetting(),
    "odd": radio(3, 5, 2, 6),  # no axis fills its registers
    "most tokens": radio(1, 28, 3, 13),
}
SMALL = RADIOS["odd"]
LIMIT_DB = {"fp32": -100, "bf16": -30}


@cache
def network(kind, setting):
    torch.manual_seed(0)
    return kind(setting).eval()


@cache
def exported(kind=CsiAlmLight, setting=SMALL):
    return export_onnx(network(kind, setting), CSI, setting)


@cache
def built(kind, setting, precision):
    return builder.build(exported(kind, setting), precision)


def history(setting, users, seed=0):
    """float32 [user, antenna, T, K, 2] that drifts over time, at the scale of channel coefficients."""
    rng = np.random.default_rng(seed)
    steps = rng.standard_normal((users, *setting.history_shape, 2)) * rng.uniform(
        0.1, 10, (users, 1, 1, 1, 1)
    )
    return (5e-6 * steps.cumsum(axis=2)).astype(np.float32)


def engine(kind=CsiAlmLight, setting=SMALL, precision="fp32", threads=1):
    if reason := native.why_not_run(precision):
        pytest.skip(reason)
    signature = Signature.of(CSI, setting)
    return start_engine("native", built(kind, setting, precision).files, signature, threads, precision)


@pytest.fixture(scope="module")
def data():
    """engine.bin of a small student."""
    return builder.pack(StudentGraph(exported()))


def start(data, setting=SMALL, **options):
    return start_engine("native", {"engine.bin": data}, Signature.of(CSI, setting), **options)


def test_the_header_is_what_the_table_writes():
    """python -m edgecsi.runtime.engines.native.layout"""
    assert layout.HEADER.read_text(encoding="utf-8") == layout.header()


def test_the_table_describes_the_file(data):
    sizes = dict(zip(layout.SIZES, np.frombuffer(data, np.int32, len(layout.SIZES)).tolist(), strict=True))
    weights = [*layout.START, *layout.LAYER * sizes["layers"], *layout.END]
    shapes = [weight.shape(layout.all_sizes(sizes)) for weight in weights]

    assert sizes == {
        "antennas": 3, "history": 5, "future": 2, "features": 12, "prompts": 4,
        "width": 128, "feed_forward": 128, "heads": 8, "layers": 3, "delta": 0,
    }  # fmt: skip
    assert len(data) == 4 * (len(layout.SIZES) + sum(map(np.prod, shapes)))


@needs_kernels
@pytest.mark.parametrize("precision", LIMIT_DB)
@pytest.mark.parametrize("setting", RADIOS.values(), ids=RADIOS)
@pytest.mark.parametrize("kind", [CsiAlmLight, CsiAlmLightDelta])
def test_the_kernels_compute_the_student(kind, setting, precision):
    csi = history(setting, users=3)
    with torch.no_grad():
        wanted = network(kind, setting)(torch.from_numpy(csi)).numpy()
    found = engine(kind, setting, precision, threads=2).run(csi)
    error = np.square(found - wanted).sum((1, 2, 3, 4)) / np.square(wanted).sum((1, 2, 3, 4))
    assert 10 * np.log10(error.max()) < LIMIT_DB[precision]


@needs_kernels
@pytest.mark.parametrize("threads", [2, 3, 7])
def test_threads_share_the_antennas_and_change_no_bit(threads):
    csi = history(SMALL, users=5)
    np.testing.assert_array_equal(engine(threads=threads).run(csi), engine().run(csi))


@needs_kernels
def test_a_silent_user_gets_zeros_and_spoils_nobody():
    csi = history(SMALL, users=3)
    alone = engine().run(csi)
    csi[1] = 0
    among = engine().run(csi)
    assert not among[1].any()
    np.testing.assert_array_equal(among[[0, 2]], alone[[0, 2]])


@needs_kernels
def test_an_engine_can_be_called_again_and_again_and_left(data):
    csi = history(SMALL, users=2)
    for _ in range(20):
        started = start(data, threads=2)
        first = started.run(csi)
        for _ in range(50):
            np.testing.assert_array_equal(started.run(csi), first)
        del started


@needs_kernels
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
        start(damage(data), threads=1)
    assert "\n" not in str(caught.value)


@needs_kernels
@pytest.mark.parametrize(
    ("setting", "complaint"),
    [
        (radio(2, 5, 2, 6), "antennas 3, history 5, features 12, csi_history has antennas 2, history 5"),
        (radio(3, 4, 2, 6), "history 5, features 12, csi_history has antennas 3, history 4"),
        (radio(3, 5, 1, 6), "future 2, features 12, csi_future has antennas 3, future 1"),
        (radio(3, 5, 2, 5), "features 12, csi_history has antennas 3, history 5, features 10"),
    ],
)
def test_sizes_that_are_not_the_manifests_are_refused_before_memory_is_touched(data, setting, complaint):
    with pytest.raises(BundleError, match=f"engine.bin has the sizes .*{complaint}"):
        start(data, setting, threads=1)


@needs_kernels
def test_the_kernels_take_no_other_input(data):
    started = start(data, threads=1)
    for other in (
        history(radio(3, 4, 2, 6), 1),
        history(SMALL, 1).astype(np.float64),
        history(SMALL, 2)[..., ::-1],
    ):
        with pytest.raises(EdgeCsiError, match=r"the kernels take C-order float32 \[any, 3, 5, 6, 2\]"):
            started.run(other)


@needs_kernels
def test_too_many_tokens_are_refused_with_the_limit():
    with pytest.raises(BuildError, match="at most 32 tokens"):
        builder.build(exported(CsiAlmLight, radio(2, 40, 2, 6)))


def test_the_reason_without_compiled_kernels(monkeypatch):
    monkeypatch.setattr(native, "_library", lambda: None)
    assert "not compiled" in native.why_not_run("fp32")


def test_the_reason_on_a_cpu_without_bf16(monkeypatch):
    class OlderCpu:
        edgecsi_native_level = staticmethod(lambda: 1)

    monkeypatch.setattr(native, "_library", OlderCpu)
    assert native.why_not_run("fp32") is None
    assert native.why_not_run("bf16") == "this CPU has no AVX512-BF16; use --target native-fp32"
