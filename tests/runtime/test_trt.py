from importlib.util import find_spec

import pytest
import tiny_bundle

import edgecsi
from edgecsi.errors import UnavailableError
from edgecsi.runtime import trt, why_not_run

FLAVOURS = ["tensorrt", "tensorrt-rtx"]


@pytest.mark.parametrize("engine", FLAVOURS)
def test_gives_the_first_thing_that_is_missing(engine):
    reason = why_not_run(engine)
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
    if not (reason := why_not_run(engine)):
        pytest.skip("this machine runs it")
    tiny_bundle.write(tmp_path / "t.edgecsi", engine, precision="fp16")

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
    if reason := why_not_run(engine):
        pytest.skip(reason)
    from edgecsi.csi import to_interleaved
    from edgecsi.export.builders import tensorrt as builder
    from edgecsi.runtime import start_engine

    if builder.engine() != engine:
        pytest.skip(f"the builder here makes {builder.engine()} engines")
    built = builder.build(tiny_bundle.graph())
    started = start_engine(engine, built.files)
    history = tiny_bundle.channels(3)
    wanted = to_interleaved(tiny_bundle.student(history))

    assert abs(started.run(to_interleaved(history)) - wanted).max() < 1e-3 * abs(wanted).max()
