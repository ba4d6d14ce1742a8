"""The edge box: what serves the radio works without the workstation's libraries."""

import json
import shutil
import subprocess
import sys
import venv
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
shape = edgecsi.load(bundle, threads=1).shape
future = edgecsi.load(bundle).predict(np.ones((2, *shape.history_shape), complex))
assert future.shape == (2, *shape.future_shape) and np.isfinite(future).all()
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
    ignored = shutil.ignore_patterns("__pycache__", ".*", "build", "*.egg-info", "tests")
    source = shutil.copytree(ROOT, folder / "source", ignore=ignored)  # setuptools writes beside setup.py
    done = subprocess.run([*pip, "install", "-q", source], capture_output=True, text=True)
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
