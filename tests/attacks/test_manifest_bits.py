"""Every bit of a manifest turned over, one by one: refused, or it still says the same."""

import json

import pytest
import tiny_bundle

from edgecsi.bundle import Manifest, open_bundle
from edgecsi.bundle.seal import SEAL, opened, parsed, sealed
from edgecsi.errors import BundleError


def test_no_bit_of_a_manifest_can_change_its_meaning(tmp_path):
    bundle = tiny_bundle.write(tmp_path / "a.edgecsi")
    text = bytearray((bundle.path / "manifest.json").read_bytes())
    wanted = opened(parsed(bytes(text)))
    assert Manifest.model_validate(wanted) == bundle.manifest
    accepted = 0
    for place in range(len(text)):
        for bit in range(8):
            text[place] ^= 1 << bit
            try:
                value = parsed(bytes(text))
                found = opened(value) if isinstance(value, dict) else None
            except ValueError:
                found = None
            text[place] ^= 1 << bit
            if found is not None:
                accepted += 1
                assert found == wanted, (place, bit)
    assert accepted < len(text)  # the e of an exponent may become E


def write(bundle, text):
    (bundle / "manifest.json").write_text(text)


def refusal(bundle):
    with pytest.raises(BundleError) as caught:
        open_bundle(bundle)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.fixture
def bundle(tmp_path):
    return tiny_bundle.write(tmp_path / "a.edgecsi").path


def test_a_changed_number_is_refused_where_nobody_pins_a_digest(bundle):
    text = (bundle / "manifest.json").read_text()
    changed = text.replace('"parameters": 12', '"parameters": 13')
    assert changed != text
    write(bundle, changed)
    assert "it is not what its self_sha256 was made of; get the bundle again" in refusal(bundle)


def test_a_manifest_without_its_digest_is_refused(bundle):
    value = json.loads((bundle / "manifest.json").read_text())
    del value[SEAL]
    write(bundle, json.dumps(value))
    assert "it has no self_sha256; build the bundle again" in refusal(bundle)


def test_another_order_and_other_spaces_are_the_same_manifest(bundle):
    known = open_bundle(bundle)
    value = json.loads((bundle / "manifest.json").read_text())
    write(bundle, json.dumps(dict(reversed(value.items()))))
    assert open_bundle(bundle).manifest == known.manifest


@pytest.mark.parametrize("where", ["top", "radio", "files"])
def test_a_key_given_twice_is_refused(bundle, where):
    text = (bundle / "manifest.json").read_text()
    key = {"top": '"name": ', "radio": '"history": ', "files": '"engine.onnx": '}[where]
    line = next(line for line in text.splitlines() if line.strip().startswith(key))
    write(bundle, text.replace(line, f"{line.rstrip(',')},\n{line}", 1))
    assert f"{key.rstrip(': ').strip(chr(34))!r} is given twice" in refusal(bundle)


@pytest.mark.parametrize("value", [1e400, "\ud800", 10**400])
def test_odd_values_are_one_line(bundle, value):
    manifest = json.loads((bundle / "manifest.json").read_text())
    manifest["name"] = value
    write(bundle, json.dumps(manifest).replace("Infinity", "1e400"))
    assert "manifest.json is damaged" in refusal(bundle)


def test_sealing_twice_changes_nothing():
    value = {"b": 1.5, "a": ["x", None]}
    assert sealed(sealed(value)) == sealed(value)
    assert list(sealed(value)) == ["b", "a", SEAL]
