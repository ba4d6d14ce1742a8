"""Engines that are built inside of a process with another locale, as those of Qt, GTK and R have."""

import re
import shutil
import subprocess
import sys

import numpy as np
import pytest
from onnx import helper

BUILD = """
import ctypes, locale, sys
from pathlib import Path
locale.setlocale(locale.LC_ALL, sys.argv[1])
from edgecsi.export.builders import openvino
from edgecsi.export.c_locale import c_numbers

def half():
    out = ctypes.create_string_buffer(9)
    ctypes.CDLL(None).snprintf(out, 9, b"%g", ctypes.c_double(0.5))
    return out.value.decode()

before = half()
with c_numbers():
    assert half() == "0.5"
sys.stdout.buffer.write(openvino.build(Path(sys.argv[2]).read_bytes()).files["engine.xml"])
assert half() == before
print(before, file=sys.stderr)
"""


def build(name, graph, folder):
    """engine.xml as a process of that locale builds it, and how that process writes a half."""
    command = [sys.executable, "-c", BUILD, name, graph]
    done = subprocess.run(command, env={"LOCPATH": str(folder)}, capture_output=True)
    assert done.returncode == 0, done.stderr
    return done.stdout, done.stderr.decode().split()[-1]


@pytest.fixture(scope="module")
def german(tmp_path_factory):
    """Where the locale de_DE lies."""
    folder = tmp_path_factory.mktemp("locales")
    if not shutil.which("localedef"):
        pytest.skip("there is no localedef to make a locale with a decimal comma")
    done = subprocess.run(
        ["localedef", "-i", "de_DE", "-f", "UTF-8", folder / "de_DE.UTF-8"], capture_output=True, text=True
    )
    if not (folder / "de_DE.UTF-8").exists():
        pytest.skip(f"localedef makes no de_DE: {done.stderr.strip()}")
    return folder


def test_an_openvino_engine_is_the_same_under_a_decimal_comma(german, small_graph, tmp_path):
    graph = small_graph(
        [
            helper.make_node("LayerNormalization", ["csi_history", "one", "zero"], ["unit"], epsilon=1e-5),
            helper.make_node("LeakyRelu", ["unit"], ["csi_future"], alpha=0.125),
        ],
        one=np.ones(4, np.float32),
        zero=np.zeros(4, np.float32),
    )
    (tmp_path / "graph.onnx").write_bytes(graph)
    plain, point = build("C", tmp_path / "graph.onnx", german)
    other, comma = build("de_DE.UTF-8", tmp_path / "graph.onnx", german)

    assert (point, comma) == ("0.5", "0,5")
    assert re.search(rb'eps="\d\.', plain)
    assert other == plain
