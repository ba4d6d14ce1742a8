import hashlib
import json
import os
import shutil

import onnx
import pytest
import tiny_bundle
from onnx import external_data_helper

from edgecsi.bundle import open_bundle
from edgecsi.bundle.seal import sealed
from edgecsi.errors import BundleError
from edgecsi.files import old_name

FILES = ("engine.onnx", "student.onnx", "golden.npz")


def edit_manifest(bundle, edit):
    """Change the manifest's JSON in place and seal it again, as an attacker would."""
    path = bundle / "manifest.json"
    value = json.loads(path.read_text())
    edit(value)
    path.write_text(json.dumps(sealed(value)))


def replace_file(bundle, name, data):
    """Change a file and its hash, as an attacker would."""
    (bundle / name).write_bytes(data)
    digest = hashlib.sha256(data).hexdigest()
    edit_manifest(bundle, lambda value: value["files"].update({name: digest}))


def refusal(bundle, **options):
    """The one line that opening the bundle gives."""
    with pytest.raises(BundleError) as caught:
        open_bundle(bundle, **options)
    line = str(caught.value)
    assert "\n" not in line
    assert str(bundle) in line
    return line


def test_opens_a_whole_bundle(bundle):
    opened = open_bundle(bundle)

    assert opened.manifest.name == "tiny-onnxruntime"
    assert opened.digest == hashlib.sha256((bundle / "manifest.json").read_bytes()).hexdigest()
    assert {name: opened.read(name) for name in FILES} == {n: (bundle / n).read_bytes() for n in FILES}


def test_read_gives_the_bytes_that_were_hashed(bundle):
    opened = open_bundle(bundle)
    (bundle / "engine.onnx").write_bytes(b"changed after opening")

    assert opened.read("engine.onnx") == tiny_bundle.graph()


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("place", [0, 0.5, -1])
def test_refuses_a_changed_byte(bundle, name, place):
    data = bytearray((bundle / name).read_bytes())
    data[int(place * len(data)) if place > 0 else place] ^= 1
    (bundle / name).write_bytes(data)

    assert f"{name} is damaged" in refusal(bundle)


def test_refuses_a_byte_changed_in_the_manifest_when_its_digest_is_pinned(bundle):
    digest = open_bundle(bundle).digest
    path = bundle / "manifest.json"
    path.write_bytes(path.read_bytes().replace(b"tiny-onnxruntime", b"tiny-onnxruntimf"))

    assert digest in refusal(bundle, digest=digest)


def test_opens_the_pinned_bundle(bundle):
    digest = open_bundle(bundle).digest

    assert open_bundle(bundle, digest.upper()).digest == digest


@pytest.mark.parametrize("name", ["extra.so", ".hidden", "manifest.json~", "two\nlines"])
def test_refuses_an_unlisted_file(bundle, name):
    (bundle / name).write_bytes(b"")

    assert f"{name!r}, which manifest.json doesn't list" in refusal(bundle)


def test_refuses_a_file_in_a_subfolder(bundle):
    (bundle / "sub").mkdir()
    (bundle / "sub" / "plugin.so").write_bytes(b"")

    assert "'sub', which manifest.json doesn't list" in refusal(bundle)


@pytest.mark.parametrize("name", [*FILES, "manifest.json"])
def test_refuses_a_symlink_even_to_the_right_bytes(bundle, tmp_path, name):
    (bundle / name).rename(tmp_path / "elsewhere")
    (bundle / name).symlink_to(tmp_path / "elsewhere")

    assert f"{name} can't be read as a plain file" in refusal(bundle)


def test_refuses_an_unlisted_symlink(bundle):
    (bundle / "link").symlink_to("/etc/passwd")

    assert "'link', which manifest.json doesn't list" in refusal(bundle)


def test_refuses_a_pipe_without_waiting_for_it(bundle):
    (bundle / "engine.onnx").unlink()
    os.mkfifo(bundle / "engine.onnx")

    assert "engine.onnx is no plain file" in refusal(bundle)


@pytest.mark.parametrize(
    "name",
    ["/etc/passwd", "../secret", "..", "sub/../../x", "..\\x", "C:\\x", "sub/x", "", "a\0b", "./x", "x\n"],
)
def test_refuses_a_path_that_leaves_the_folder(bundle, name):
    edit_manifest(bundle, lambda value: value["files"].update({name: "0" * 64}))

    assert "leaves the bundle's folder or is no plain file name" in refusal(bundle)


@pytest.mark.parametrize("name", FILES)
def test_refuses_a_missing_file(bundle, name):
    (bundle / name).unlink()

    assert f"has no {name}" in refusal(bundle)


@pytest.mark.parametrize("name", FILES)
def test_refuses_a_manifest_without_a_needed_file(bundle, name):
    (bundle / name).unlink()
    edit_manifest(bundle, lambda value: value["files"].pop(name))

    assert f"lists no {name}" in refusal(bundle)


@pytest.mark.parametrize("kept", [0, 1, 100, -3])
def test_refuses_a_truncated_manifest(bundle, kept):
    path = bundle / "manifest.json"
    path.write_bytes(path.read_bytes()[:kept])

    assert "manifest.json is damaged" in refusal(bundle)


@pytest.mark.parametrize(
    "text", ["\ufeff{}", "[]", "3", "[" * 100_000, "{}", '{"schema_version": 3}', "\x00"]
)
def test_refuses_what_is_no_manifest(bundle, text):
    (bundle / "manifest.json").write_text(text)

    assert "manifest.json" in refusal(bundle)


def test_refuses_a_number_that_is_none(bundle):
    path = bundle / "manifest.json"
    path.write_text(path.read_text().replace("-120.0", "NaN"))

    assert "NaN is no JSON number" in refusal(bundle)


def test_names_the_schema_version_it_can_not_read(bundle):
    edit_manifest(bundle, lambda value: value.update(schema_version=3, invented_later=True))

    assert "has schema version 3, this edgecsi reads 2" in refusal(bundle)


def test_refuses_a_bundle_of_the_first_schema(bundle):
    edit_manifest(bundle, lambda value: value.update(schema_version=1))

    line = "version 1, this edgecsi reads 2; use the edgecsi that wrote it, or build the bundle again"
    assert line in refusal(bundle)


def test_names_the_field_that_is_wrong(bundle):
    edit_manifest(bundle, lambda value: value["proof"]["goals"][0].update(bound="much"))

    assert "proof.goals.0.bound" in refusal(bundle)


def test_a_golden_set_must_have_the_users_that_the_manifest_tells_of(bundle):
    edit_manifest(bundle, lambda value: value["proof"].update(golden_engine_db=[-100.0]))

    with pytest.raises(BundleError, match=r"golden.npz holds 3 users, its manifest tells of \[1, 3\]"):
        open_bundle(bundle).golden()


@pytest.mark.parametrize("name", ["engine.onnx", "student.onnx"])
def test_refuses_external_data_before_an_engine_library_sees_it(bundle, name):
    model = onnx.load_from_string(tiny_bundle.graph())
    external_data_helper.convert_model_to_external_data(model, size_threshold=0, location="weights.bin")
    for tensor in model.graph.initializer:
        tensor.ClearField("raw_data")
    replace_file(bundle, name, model.SerializeToString())

    assert f"{name} keeps tensor 'weight' as external data" in refusal(bundle)


def loop():
    """407 bytes for which a predictor would compute for ever."""
    info = onnx.helper.make_tensor_value_info
    body = onnx.helper.make_graph(
        [onnx.helper.make_node("Identity", ["go"], ["again"])],
        "body",
        [info("i", onnx.TensorProto.INT64, []), info("go", onnx.TensorProto.BOOL, [])],
        [info("again", onnx.TensorProto.BOOL, [])],
    )
    return onnx.helper.make_node("Loop", ["", "yes"], [], body=body)


@pytest.mark.parametrize(
    ("node", "complaint"),
    [
        (loop(), r"control flow (Loop)"),
        (onnx.helper.make_node("Gelu", ["x"], ["y"], domain="com.microsoft"), "the domain 'com.microsoft'"),
    ],
)
@pytest.mark.parametrize("name", ["engine.onnx", "student.onnx"])
def test_refuses_what_is_no_plain_operator_before_an_engine_library_sees_it(bundle, name, node, complaint):
    model = onnx.load_from_string(tiny_bundle.graph())
    model.graph.node.append(node)
    replace_file(bundle, name, model.SerializeToString())

    assert complaint in refusal(bundle)


def test_refuses_a_graph_that_is_no_graph(bundle):
    replace_file(bundle, "engine.onnx", b"not a graph")

    assert "engine.onnx is no ONNX graph" in refusal(bundle)


@pytest.mark.parametrize("what", ["missing", "file", "empty"])
def test_says_what_a_bundle_is_when_there_is_none(tmp_path, what):
    path = tmp_path / "x.edgecsi"
    if what == "file":
        path.write_bytes(b"")
    if what == "empty":
        path.mkdir()

    assert "no bundle" in refusal(path)


def test_opens_through_a_link_to_the_folder(bundle, tmp_path):
    (tmp_path / "current").symlink_to(bundle)

    assert open_bundle(tmp_path / "current").digest == open_bundle(bundle).digest


def test_opens_the_old_bundle_when_a_write_died_between_its_renames(bundle):
    bundle.rename(old_name(bundle))
    bundle.with_name(f".{bundle.name}.x1y2.tmp").mkdir()  # the new one, that had no name yet

    assert open_bundle(bundle).manifest.name == "tiny-onnxruntime"


def test_what_is_left_of_an_older_bundle_does_not_come_back_when_somebody_removed_it(bundle):
    shutil.copytree(bundle, old_name(bundle))
    assert open_bundle(bundle).manifest.name == "tiny-onnxruntime"
    shutil.rmtree(bundle)

    assert "is no bundle" in refusal(bundle)


def test_opens_a_copy_by_the_same_digest(bundle, tmp_path):
    shutil.copytree(bundle, tmp_path / "copy")

    assert open_bundle(tmp_path / "copy").digest == open_bundle(bundle).digest


def test_names_what_it_holds_when_asked_for_another_file(bundle):
    with pytest.raises(BundleError, match=r"holds no 'engine\.xml'; it holds engine\.onnx"):
        open_bundle(bundle).read("engine.xml")
