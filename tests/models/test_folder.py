import json
import re

import pytest
import torch
from safetensors.torch import load_file, save_file

from edgecsi.errors import ModelError, RadioMismatch
from edgecsi.models import ModelConfig, build_network, load, load_config, save
from edgecsi.models.folder import load_like, trained_state
from edgecsi.radio import ArrayGeometry, RadioSetting
from edgecsi.tasks import TASKS

SMALL = RadioSetting(array=ArrayGeometry(columns=1, rows=1), history=8, future=2, subcarriers=6)


def config(name, **fields):
    return ModelConfig(name=name, radio=SMALL, **fields)


@pytest.fixture
def make_folder(tmp_path):
    """Write a model folder of a new network; returns the folder and the network."""

    def make(name, **fields):
        torch.manual_seed(0)
        about = config(name, **fields)
        network = build_network(about).eval()
        save(tmp_path / name, about, trained_state(network), [{"epoch": 1}])
        return tmp_path / name, network

    return make


@pytest.mark.parametrize(("name", "fields"), [("csi-alm-light", {}), ("csi-alm", {"backbone": "random"})])
def test_a_loaded_network_is_the_saved_one(make_folder, csi, name, fields):
    folder, network = make_folder(name, **fields)
    torch.manual_seed(99)  # what a new network would start from must not matter
    loaded = load(folder)
    assert not loaded.training
    with torch.inference_mode():
        assert torch.equal(loaded(csi(2)), network(csi(2)))
    assert json.loads((folder / "log.json").read_text()) == [{"epoch": 1}]


def test_a_teachers_folder_holds_only_what_was_trained(make_folder):
    folder, _ = make_folder("csi-alm", backbone="random")
    names = [name for name in load_file(folder / "model.safetensors") if name.startswith("llm.")]
    assert names
    assert all("lora_" in name for name in names)
    assert {path.name for path in folder.iterdir()} == {"config.json", "model.safetensors", "log.json"}


def test_other_backbone_weights_are_noticed(make_folder):
    folder, _ = make_folder("csi-alm", backbone="random", seed=1)
    assert re.fullmatch("[0-9a-f]{16}", load_config(folder).backbone_digest)
    change(folder, "seed", 2)
    with pytest.raises(ModelError, match=r"backbone random here has weights .* trained on .*: get the same"):
        load(folder)


def change(folder, field, value):
    about = json.loads((folder / "config.json").read_text())
    about[field] = value
    (folder / "config.json").write_text(json.dumps(about))


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"{", "config.json: not valid: Invalid JSON"),
        (b"\xff\xfe\x00", "config.json is damaged"),
        (b"{}", "config.json: name: Field required"),
        (
            b'{"name": "csi-alm-light", "radio": {"history": -8}}',
            "config.json: radio.history: Input should be greater than or equal to 1",
        ),
        (
            b'{"name": "csi-alm-lite", "radio": {}}',
            "name: unknown network 'csi-alm-lite'; did you mean 'csi-alm-light'",
        ),
        (
            b'{"name": "csi-alm-light", "radio": {}, "options": {"layers": 0}}',
            "config.json: options: layers: Input should be greater than or equal to 1",
        ),
        (b'{"format": 3, "name": "cnn", "radio": {}}', "config.json: format: Input should be 2"),
        (
            b'{"name": "csi-alm-light", "shape": {"history": 16}, "duplex": "tdd", "step_s": 5e-4}',
            "is a model folder of format 1, which knows no radio setting; train the network again$",
        ),
    ],
)
def test_a_damaged_config_is_one_line(make_folder, content, told):
    folder, _ = make_folder("csi-alm-light")
    (folder / "config.json").write_bytes(content)
    with pytest.raises(ModelError, match=told):
        load(folder)


def test_options_are_kept_as_they_were_given(make_folder):
    folder, network = make_folder("csi-alm-light", options={"width": "32", "heads": 2})
    found = load_config(folder)
    assert found.options == {"width": 32, "heads": 2}
    assert (found.network_options.width, found.network_options.layers) == (32, 3)
    assert network.soft_prompt.shape == load(folder).soft_prompt.shape == (4, 32)


def test_a_config_knows_its_task_and_its_trained_range():
    found = config("cnn", trained={"speed_kmh": (10, 100), "snr_db": (5, 25)})
    assert found.task is TASKS.get("csi")
    assert ModelConfig.model_validate_json(found.model_dump_json()) == found


def test_weights_to_start_from_are_those_of_the_same_network(make_folder):
    folder, _ = make_folder("csi-alm-light", options={"layers": 1})
    wanted = config("csi-alm-light", options={"layers": 1})
    assert len(load_like(wanted, folder).blocks) == 1
    with pytest.raises(
        ModelError, match=r"is csi-alm-light \(.*layers 1.*\), not csi-alm-light \(.*layers 3"
    ):
        load_like(config("csi-alm-light"), folder)


def test_weights_of_another_setting_are_started_from_only_if_that_is_accepted(make_folder):
    folder, _ = make_folder("csi-alm-light")
    other = ModelConfig(name="csi-alm-light", radio=SMALL.model_copy(update={"step_s": 5e-3}))
    with pytest.raises(RadioMismatch, match=r"step_s is 0.0005 for .*, 0.005 for the channels: .*--accept"):
        load_like(other, folder)
    load_like(other, folder, accept_radio_mismatch=True)


def test_a_backbone_goes_with_the_weights_to_start_from(make_folder):
    folder, _ = make_folder("csi-alm", backbone="random", seed=1)
    wanted = config("csi-alm")
    load_like(wanted, folder)
    assert (wanted.backbone, wanted.backbone_digest) == ("random", load_config(folder).backbone_digest)


def test_unknown_settings_are_refused(make_folder):
    folder, _ = make_folder("csi-alm-light")
    change(folder, "layers", 12)
    with pytest.raises(ModelError, match="layers: Extra inputs are not permitted"):
        load(folder)


def test_a_folder_without_a_model(tmp_path):
    with pytest.raises(ModelError, match=r"is no model folder: it has no config\.json"):
        load(tmp_path)


def test_weights_of_another_shape(make_folder):
    folder, _ = make_folder("csi-alm-light")
    change(folder, "radio", SMALL.model_copy(update={"subcarriers": 7}).model_dump())
    with pytest.raises(ModelError, match=r"model.safetensors: weights don't fit.* is \(\d+.*, not \("):
        load(folder)


def test_weights_of_another_network(make_folder):
    folder, _ = make_folder("csi-alm-light")
    save_file({"stranger": torch.zeros(1)}, folder / "model.safetensors")
    with pytest.raises(ModelError, match=r"weights don't fit the network: .* is only in one of them"):
        load(folder)


def test_missing_weights(make_folder):
    folder, _ = make_folder("csi-alm-light")
    (folder / "model.safetensors").unlink()
    with pytest.raises(ModelError, match=r"model.safetensors can't be read"):
        load(folder)


def test_truncated_weights(make_folder):
    folder, _ = make_folder("csi-alm-light")
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    with pytest.raises(ModelError, match=r"model.safetensors can't be read"):
        load(folder)
