"""NAME:random and NAME:none, for the ablations of the papers."""

import pytest
import torch

from edgecsi.errors import ModelError
from edgecsi.models.backbones import find_backbone, load_backbone
from edgecsi.models.csi_alm import CsiAlm
from edgecsi.models.llm4cp import Llm4cp
from edgecsi.radio import ArrayGeometry, RadioSetting

SMALL = RadioSetting(array=ArrayGeometry(columns=1, rows=1), history=8, future=2, subcarriers=6)
LOCAL = ("gpt2", "qwen2.5-0.5b", "smollm2")


@pytest.mark.parametrize("name", LOCAL)
def test_drawn_weights_in_the_same_architecture(backbone_folders, name):
    folder = backbone_folders[name]
    real, drawn = load_backbone(name, folder), load_backbone(f"{name}:random", folder, seed=1)
    shapes = {key: value.shape for key, value in real.model.state_dict().items()}
    assert {key: value.shape for key, value in drawn.model.state_dict().items()} == shapes
    assert torch.equal(drawn.dictionary, real.dictionary)
    assert not any(parameter.requires_grad for parameter in drawn.model.parameters())
    digests = [load_backbone(f"{name}:random", folder, seed=seed).digest for seed in (1, 2)]
    assert digests[0] == drawn.digest
    assert len({real.digest, *digests}) == 3


@pytest.mark.parametrize("ablation", ["random", "none"])
@pytest.mark.parametrize("network", [CsiAlm, Llm4cp])
def test_networks_stand_on_them(network, ablation, csi, backbone_folders):
    torch.manual_seed(0)
    backbone = load_backbone(f"smollm2:{ablation}", backbone_folders["smollm2"])
    teacher = network(SMALL, backbone)
    future = teacher(csi(2))
    future.sum().backward()
    assert future.shape == (2, 2, 2, 6, 2)
    names = [name for name, _ in teacher.named_parameters() if name.startswith("llm.")]
    assert bool(names) == (ablation == "random")


def test_without_an_llm_there_are_no_relations(csi, backbone_folders):
    teacher = CsiAlm(SMALL, load_backbone("smollm2:none", backbone_folders["smollm2"]))
    with pytest.raises(ModelError, match="without an LLM has no relations"):
        teacher.predict(csi(1), relations=True)


@pytest.mark.parametrize("name", ["smollm2:", "smollm2:tiny", "gpt5:none"])
def test_other_endings_are_refused(name):
    with pytest.raises(ModelError, match=f"unknown backbone '{name}'; choose one of"):
        find_backbone(name)
