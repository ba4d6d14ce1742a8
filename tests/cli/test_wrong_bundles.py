"""Bundles that can't be trusted and command lines that mean nothing: one clear line each."""

import hashlib
import json
import shutil

import onnx
import pytest
import tiny_bundle
from command_line import edgecsi, refuse

from edgecsi.bundle.seal import sealed

# -- bundles -------------------------------------------------------------------------------------


def flip(path):
    content = bytearray((path / "engine.onnx").read_bytes())
    content[len(content) // 2] ^= 1
    (path / "engine.onnx").write_bytes(content)


def smuggle(path):
    (path / "run.sh").write_text("#!/bin/sh")


def symlink(path):
    (path / "engine.onnx").rename(path.parent / "engine.onnx")
    (path / "engine.onnx").symlink_to(path.parent / "engine.onnx")


def list_file(name, content=None):
    """List a file in the manifest, with its right hash."""

    def spoil(path):
        manifest = json.loads((path / "manifest.json").read_text())
        data = content if content is not None else b"outside"
        manifest["files"][name] = hashlib.sha256(data).hexdigest()
        (path / name).write_bytes(data)
        (path / "manifest.json").write_text(json.dumps(sealed(manifest)))

    return spoil


def external_data():
    tensor = onnx.TensorProto(name="weight", data_type=1, dims=[1], data_location=onnx.TensorProto.EXTERNAL)
    tensor.external_data.add(key="location", value="/etc/passwd")
    graph = onnx.helper.make_graph([], "g", [], [], [tensor])
    return onnx.helper.make_model(graph).SerializeToString()


BUNDLES = {
    "missing": (lambda path: shutil.rmtree(path), "is no bundle"),
    "one byte changed": (flip, "engine.onnx is damaged: its SHA-256 is not the manifest's"),
    "unlisted file": (smuggle, "'run.sh', which manifest.json doesn't list"),
    "symlink": (symlink, "engine.onnx can't be read as a plain file"),
    "path that leaves": (list_file("../escape.bin"), "'../escape.bin' leaves the bundle's folder"),
    "external data": (list_file("engine.onnx", external_data()), "keeps tensor 'weight' as external data"),
    "no manifest": (lambda path: (path / "manifest.json").unlink(), "has no manifest.json"),
    "another schema": (
        lambda path: (path / "manifest.json").write_text('{"schema_version": 9}'),
        "schema version 9, this edgecsi reads 2",
    ),
}

VERBS = {
    "inspect": lambda path: ("inspect", path),
    "verify": lambda path: ("verify", path),
    "build": lambda path: ("build", path, "--target", "openvino-fp32", "-o", path.parent / "new.edgecsi"),
    "latency-report": lambda path: ("latency-report", path, "--json", path.parent / "latency.json"),
}


@pytest.mark.parametrize("case", BUNDLES)
@pytest.mark.parametrize("verb", VERBS)
def test_a_bundle_that_can_not_be_trusted(tmp_path, case, verb):
    spoil, words = BUNDLES[case]
    path = tiny_bundle.write(tmp_path / "tiny.edgecsi").path
    before = set(tmp_path.iterdir())
    spoil(path)
    refuse(VERBS[verb](path), words)
    names = {file.name for file in set(tmp_path.iterdir()) - before}
    assert names <= {"engine.onnx", "escape.bin"}  # what the spoiling itself made


# -- the command line ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("compress", "--target", "trt-fp17"), "unknown target 'trt-fp17'; did you mean 'trt-fp16'?"),
        (("compress", "--target", "ort-fp32", "--set", "student.lr=1"), "there is no setting 'student.lr'"),
        (
            ("compress", "--target", "ort-fp32", "--set", "student.epochs=0"),
            "--set student.epochs: Input should be greater than or equal to 1",
        ),
        (("build", "none.edgecsi", "--target", "trt-fp17"), "unknown target 'trt-fp17'"),
    ],
)
def test_names_that_mean_nothing(tmp_path, monkeypatch, arguments, words):
    monkeypatch.chdir(tmp_path)
    refuse(arguments, words)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "arguments",
    [
        ("compres",),
        ("compress",),
        ("compress", "--target", "ort-fp32", "--profile", "tiny"),
        ("compress", "--target", "ort-fp32", "--set", "student.epochs"),
        ("compress", "--target", "ort-fp32", "--max-nmse-loss-db", "nan"),
        ("train", "csi-alm", "-o", "x"),
        ("distill", "--teacher", "x", "--data", "y", "--snr-db", "25-5", "-o", "z"),
        ("build", "x"),
        ("verify",),
    ],
)
def test_a_wrong_command_line_exits_2(tmp_path, monkeypatch, arguments):
    monkeypatch.chdir(tmp_path)
    done = edgecsi(*arguments)
    assert done.code == 2
    assert "Traceback" not in done.stderr
    assert "Error: " in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_debug_shows_the_traceback(tmp_path):
    with pytest.raises(Exception, match="no such file") as caught:
        edgecsi("--debug", "train", "csi-alm", "--data", tmp_path / "none.h5", "-o", tmp_path / "out")
    assert type(caught.value).__name__ == "DataError"
