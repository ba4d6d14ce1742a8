import json

import pytest
import tiny_bundle
from level_task import LEVELS

from edgecsi.runtime import ENGINES


@pytest.mark.parametrize("engine", ENGINES.names)
def test_shows_a_bundle_whether_or_not_its_engine_can_run(edgecsi, tmp_path, engine):
    bundle = tiny_bundle.write(tmp_path / "a.edgecsi", engine, warnings=("2 users are too fast",))
    code, out, err = edgecsi("inspect", bundle.path)

    assert (code, err) == (0, "")
    said = " ".join(out.replace("│", " ").split())  # cells wrap
    for words in (
        f"tiny-{engine}",
        "csi_history float32 [user, antenna 4, time 6, subcarrier 8, re_im 2]",
        "TDD, 2x1x2 array, 2.4 GHz, 8 subcarriers 180 kHz apart, 6 -> 2 samples every 0.5 ms",
        "tiny, 12 parameters",
        "10 to 100 km/h, clean histories",
        "100.0% fp32; 0 attention kernels",
        "goal met: nmse_loss_db of the engine against the student, overall, as given: +0.001 dB",
        "no ridge_ar: it needs more samples",
        "warning: 2 users are too fast",
    ):
        assert words in said


def test_shows_a_bundle_of_another_task(edgecsi, tmp_path):
    bundle = tiny_bundle.write(tmp_path / "a.edgecsi", task=LEVELS)
    code, out, _ = edgecsi("inspect", bundle.path)

    assert code == 0
    assert "next_levels float32 [user, time 2, subcarrier 8]" in out


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
