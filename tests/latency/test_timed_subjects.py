import subprocess
import sys

import pytest
import tiny_bundle

from edgecsi.errors import BundleError, ModelError
from edgecsi.latency.timed_subjects import BundleSubject, NetworkSubject


def test_a_bundle_is_described_by_its_manifest(bundles):
    row = BundleSubject(bundles / "onnxruntime.edgecsi").describe()
    assert (row.name, row.engine, row.precision, row.horizon_ms) == (
        "onnxruntime",
        "onnxruntime",
        "fp32",
        1.0,
    )
    assert len(row.digest) == 64
    assert row.reason is None


def test_a_bundle_for_a_gpu_that_is_not_here_says_why(bundles):
    assert BundleSubject(bundles / "tensorrt.edgecsi").describe().reason


@pytest.mark.parametrize("engine", ["onnxruntime", "openvino"])
def test_a_started_bundle_predicts(bundles, engine):
    started = BundleSubject(bundles / f"{engine}.edgecsi").start(threads=1)
    history = tiny_bundle.channels(2)
    assert started.call(history) == pytest.approx(tiny_bundle.student(history), rel=1e-4, abs=1e-10)


def test_a_damaged_bundle_is_an_error_not_a_row(tmp_path):
    tiny_bundle.write(tmp_path / "x.edgecsi")
    (tmp_path / "x.edgecsi" / "engine.onnx").write_bytes(b"other")
    with pytest.raises(BundleError, match=r"engine\.onnx is damaged"):
        BundleSubject(tmp_path / "x.edgecsi").describe()


def test_a_folder_without_a_model_is_an_error(tmp_path):
    with pytest.raises(ModelError, match="no model folder"):
        NetworkSubject(tmp_path).describe()


def test_a_network_predicts_in_eager_mode(tmp_path):
    torch = pytest.importorskip("torch")
    from edgecsi.models import ModelConfig, build_network, save
    from edgecsi.models.folder import trained_state

    torch.manual_seed(0)
    config = ModelConfig(name="csi-alm-light", radio=tiny_bundle.RADIO)
    save(tmp_path / "student", config, trained_state(build_network(config)), [])
    subject = NetworkSubject(tmp_path / "student")

    row = subject.describe()
    assert (row.network, row.task, row.radio) == ("csi-alm-light", "csi", tiny_bundle.RADIO)
    assert row.reason is None
    started = subject.start(threads=1)
    assert started.call(tiny_bundle.channels(2)).shape == (2, *tiny_bundle.RADIO.future_shape)


def test_measuring_bundles_imports_no_workstation_library():
    program = "import sys, edgecsi.latency.session, edgecsi.report.latency_page; print(sorted(sys.modules))"
    modules = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout
    assert not [name for name in ("torch", "transformers", "h5py", "'onnx'", "openvino") if name in modules]
