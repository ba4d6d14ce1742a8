"""The edge box: what serves the radio works without the workstation's libraries."""

import json
import platform
import shutil
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest
import tiny_bundle

ROOT = Path(__file__).parents[2]
HEAVY = ("torch", "transformers", "peft", "accelerate", "h5py", "scipy", "sionna", "onnx", "openvino")

USE = """
import json, sys
import numpy as np
import edgecsi
from edgecsi.cli import main

bundle, heavy = sys.argv[1], sys.argv[2].split(",")
radio = edgecsi.load(bundle, threads=1).radio
future = edgecsi.load(bundle).predict(np.ones((2, *radio.history_shape), complex))
assert future.shape == (2, *radio.future_shape) and np.isfinite(future).all()
for verb in (["inspect", bundle], ["verify", bundle, "--require-run"], ["latency-report", "--help"]):
    sys.argv = ["edgecsi", *verb]
    try:
        main()
    except SystemExit as done:
        assert not done.code, verb
import edgecsi.latency.session
print(json.dumps([name for name in heavy if name in sys.modules]))
"""


def use(python, bundle, **options):
    """Load, inspect and verify a bundle; the heavy libraries that this imported."""
    command = [python, "-c", USE, str(bundle), ",".join(HEAVY)]
    done = subprocess.run(command, capture_output=True, text=True, **options)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture
def bundle(tmp_path):
    return tiny_bundle.write(tmp_path / "tiny.edgecsi").path


def test_serving_a_bundle_imports_nothing_heavy(bundle):
    assert use(sys.executable, bundle) == []


def source(folder):
    """A copy of what is installed: setuptools writes beside setup.py."""
    ignored = shutil.ignore_patterns("__pycache__", ".*", "build", "*.egg-info", "*.so", "tests")
    return shutil.copytree(ROOT, folder / "source", symlinks=True, ignore=ignored)


def test_a_wheel_holds_everything_that_is_imported(tmp_path):
    """Also what lies behind links, models and schemas, and the kernels where there is a compiler."""
    options = ["--no-deps", "--no-build-isolation", "--no-index", "-q", "-w", tmp_path]
    command = [
        sys.executable,
        "-m",
        "pip",
        "--disable-pip-version-check",
        "wheel",
        *options,
        source(tmp_path),
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (wheel,) = tmp_path.glob("edgecsi-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        held = {
            str(Path(name).with_suffix("") if name.endswith(".so") else name) for name in archive.namelist()
        }
    modules = {str(path.relative_to(ROOT)) for path in (ROOT / "edgecsi").rglob("*.py")}
    linked = {
        f"edgecsi/{path.relative_to(ROOT)}"
        for top in ("export", "calib")
        for path in (ROOT / top).rglob("*.py")
    }
    models = {str(path.relative_to(ROOT)) for path in (ROOT / "edgecsi/models/shipped_models").glob("*/*")}

    assert modules | linked | models | {"edgecsi/py.typed", "edgecsi/latency/report.schema.json"} <= held
    kernels = [name for name in held if "engines/native/kernels" in name]
    assert len(kernels) == 1 or not shutil.which("g++") or platform.machine() != "x86_64"
    assert {name.partition("/")[0].partition("-")[0] for name in held} == {"edgecsi"}


@pytest.fixture(scope="module")
def edge_box(tmp_path_factory):
    """The Python of an empty environment after `pip install .`, without extras."""
    folder = tmp_path_factory.mktemp("edge")
    venv.create(folder / "venv", with_pip=True)
    python = folder / "venv" / "bin" / "python"
    pip = [python, "-m", "pip", "--disable-pip-version-check"]
    probe = [*pip, "download", "-q", "--no-deps", "-d", folder / "probe", "click"]
    if (done := subprocess.run(probe, capture_output=True, text=True)).returncode:
        pytest.skip(f"pip reaches no package index: {done.stderr.strip().splitlines()[-1]}")
    done = subprocess.run([*pip, "install", "-q", source(folder)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return python


@pytest.mark.install
@pytest.mark.timeout(600)
def test_a_light_install_serves_a_bundle(edge_box, bundle, tmp_path):
    assert use(edge_box, bundle, cwd=tmp_path) == []


@pytest.mark.install
@pytest.mark.timeout(600)
def test_a_light_install_has_none_of_the_workstations_libraries(edge_box, tmp_path):
    script = "import sys; from importlib.util import find_spec; print(*filter(find_spec, sys.argv[1:]))"
    done = subprocess.run([edge_box, "-c", script, *HEAVY], capture_output=True, text=True, cwd=tmp_path)

    assert done.stdout.split() == []


@pytest.mark.install
@pytest.mark.timeout(600)
def test_a_light_install_times_a_bundle(edge_box, bundle, tmp_path):
    options = ["--users", "1", "--threads", "1", "--json", "-"]
    command = [edge_box.with_name("edgecsi"), "latency-report", bundle, *options]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["subjects"][0]["reason"] is None
