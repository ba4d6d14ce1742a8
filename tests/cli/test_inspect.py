import json

import pytest
import tiny_bundle


@pytest.mark.parametrize("engine", ["onnxruntime", "openvino", "tensorrt", "tensorrt-rtx"])
def test_shows_a_bundle_whether_or_not_its_engine_can_run(edgecsi, tmp_path, engine):
    bundle = tiny_bundle.write(tmp_path / "a.edgecsi", engine)
    code, out, err = edgecsi("inspect", bundle.path)

    assert (code, err) == (0, "")
    for words in (f"tiny-{engine}", "csi_history float32 [user, 4, 6, 8, 2]", "0.5 ms, 1 ms, TDD", "met"):
        assert words in out


def test_gives_the_manifest_and_its_digest_as_json(edgecsi, tmp_path):
    bundle = tiny_bundle.write(tmp_path / "a.edgecsi")
    code, out, _ = edgecsi("inspect", bundle.path, "--json", "-")

    assert code == 0
    assert json.loads(out) == {"digest": bundle.digest, **bundle.manifest.model_dump(mode="json")}


def test_shows_nothing_of_a_damaged_bundle(edgecsi, tmp_path):
    bundle = tiny_bundle.write(tmp_path / "a.edgecsi")
    (bundle.path / "extra").touch()
    code, out, err = edgecsi("inspect", bundle.path)

    assert (code, out) == (1, "")
    assert "'extra', which manifest.json doesn't list" in err
