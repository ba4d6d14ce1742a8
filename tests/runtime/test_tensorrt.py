from importlib.util import find_spec

import pytest
import tiny_bundle

import edgecsi
from edgecsi.errors import BundleError, UnavailableError
from edgecsi.runtime import why_not_run
from edgecsi.runtime.engines import tensorrt as trt
from edgecsi.runtime.ports import check_ports

FLAVOURS = ["tensorrt", "tensorrt-rtx"]


@pytest.mark.parametrize("engine", FLAVOURS)
def test_gives_the_first_thing_that_is_missing(engine):
    reason = why_not_run(engine, "fp16")
    if not any(map(find_spec, trt._MODULES[engine])):
        assert reason == f"{engine} is not installed (pip install 'edgecsi[{engine}]')"
    elif trt._no_driver():
        assert "CUDA driver" in reason
    elif not find_spec("pycuda"):
        assert reason.startswith("pycuda is not installed")
    else:
        assert reason is None


@pytest.mark.parametrize("engine", FLAVOURS)
def test_load_gives_the_reason_in_one_line(tmp_path, engine):
    if not (reason := why_not_run(engine, "fp16")):
        pytest.skip("this machine runs it")
    tiny_bundle.write(tmp_path / "t.edgecsi", engine)

    with pytest.raises(UnavailableError) as caught:
        edgecsi.load(tmp_path / "t.edgecsi")
    assert str(caught.value) == f"{tmp_path / 't.edgecsi'} can't run here: {reason}"


@pytest.mark.parametrize(
    ("architecture", "capability", "complaint"),
    [
        ("8.6", (8, 6), None),
        ("8.6", (8, 9), "it was built for GPU architecture 8.6, here is 8.9"),
        ("8.0+", (8, 0), None),
        ("8.0+", (12, 1), None),
        ("8.0+", (7, 5), "it was built for GPU architecture 8.0+, here is 7.5"),
        ("12.0", (12, 0), None),
    ],
)
def test_an_engine_fits_the_architecture_it_was_built_for(architecture, capability, complaint):
    manifest = tiny_bundle.manifest("tensorrt", gpu_architecture=architecture)
    reason = trt._mismatch(manifest, "1.0", capability)

    assert reason == (complaint and f"{complaint}; rebuild with: edgecsi build BUNDLE --target trt-fp16")


def test_an_engine_fits_only_the_version_that_built_it():
    reason = trt._mismatch(tiny_bundle.manifest("tensorrt-rtx"), "1.1", (8, 6))

    assert reason.startswith("it was built with tensorrt-rtx 1.0, here is 1.1; rebuild with: edgecsi build")


@pytest.mark.parametrize("engine", FLAVOURS)
def test_an_engine_predicts_on_a_gpu(tmp_path, engine):
    if reason := why_not_run(engine, "fp16"):
        pytest.skip(reason)
    from edgecsi.export.builders import tensorrt as builder
    from edgecsi.interleaved import to_interleaved
    from edgecsi.runtime import start_engine

    if builder.engine() != engine:
        pytest.skip(f"the builder here makes {builder.engine()} engines")
    built = builder.build(tiny_bundle.graph())
    started = start_engine(engine, built.files, tiny_bundle.SIGNATURE, precision="fp16")
    history = tiny_bundle.channels(3)
    wanted = to_interleaved(tiny_bundle.student(history))

    assert abs(started.run(to_interleaved(history)) - wanted).max() < 1e-3 * abs(wanted).max()


class FakeTypes:
    """What the ports of an engine are told by, where there is no TensorRT to ask."""

    class DataType:
        FLOAT, HALF = "DataType.FLOAT", "DataType.HALF"

    class TensorIOMode:
        INPUT, OUTPUT = "in", "out"


class FakeEngine:
    """An engine's tensors: (name, shape, type, mode)."""

    def __init__(self, *tensors):
        self._tensors = {tensor[0]: tensor for tensor in tensors}
        self.num_io_tensors = len(tensors)
        self.get_tensor_name = list(self._tensors).__getitem__
        self.get_tensor_shape = lambda name: self._tensors[name][1]
        self.get_tensor_dtype = lambda name: self._tensors[name][2]
        self.get_tensor_mode = lambda name: self._tensors[name][3]


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({}, None),
        ({"name": "csi_fjords"}, "csi_fjords float"),
        ({"kind": "DataType.HALF"}, "csi_future half"),
        ({"dims": (-1, 4, 2, 9, 2)}, r"\[any, 4, 2, 9, 2\], not csi_future float32 \[any, 4, 2, 8, 2\]"),
        ({"dims": (64, 4, 2, 8, 2)}, r"\[64, 4, 2, 8, 2\]"),
    ],
)
def test_an_engines_tensors_are_compared_with_the_signature(change, complaint):
    given = ("csi_history", (-1, 4, 6, 8, 2), "DataType.FLOAT", "in")
    other = {"name": "csi_future", "dims": (-1, 4, 2, 8, 2), "kind": "DataType.FLOAT"} | change
    ports = trt._ports(FakeTypes, FakeEngine((*other.values(), "out"), given))
    if complaint is None:
        check_ports("engine.engine", *ports, tiny_bundle.SIGNATURE)
        return
    with pytest.raises(BundleError, match=complaint):
        check_ports("engine.engine", *ports, tiny_bundle.SIGNATURE)
