"""One small measured report for every test that reads one."""

import pytest
import tiny_bundle
from engines import Broken, HoldLast, small_plan

from edgecsi.latency.report_schema import Setting
from edgecsi.latency.session import run_session
from edgecsi.latency.timed_subjects import BundleSubject


@pytest.fixture(scope="session")
def bundles(tmp_path_factory):
    """Tiny real bundles by engine; TensorRT's can't run here."""
    folder = tmp_path_factory.mktemp("bundles")
    for engine in ("onnxruntime", "openvino", "tensorrt"):
        tiny_bundle.write(folder / f"{engine}.edgecsi", engine)
    return folder


@pytest.fixture(scope="session")
def report(bundles):
    """Two real engines, one that can't run here and one that returns NaN, in all modes."""
    names = ("onnxruntime", "openvino", "tensorrt")
    subjects = [*(BundleSubject(bundles / f"{name}.edgecsi") for name in names), Broken("nan")]
    modes = ("back-to-back", "paced", "paced-stressed")
    return run_session(subjects, small_plan(settings=(Setting(users=2, threads=1),), modes=modes))


@pytest.fixture(scope="session")
def comparison_report():
    """Test engines, one name twice, three process starts each, compared with the slower one."""
    subjects = [HoldLast("a"), HoldLast("b", service=2e-4, delay=1e-3, every=50), HoldLast("a")]
    return run_session(subjects, small_plan(calls=3000, starts=3, cap_seconds=6.0), baseline="b")
