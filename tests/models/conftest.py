from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from transformers import (
    GPT2Config,
    GPT2Model,
    LlamaConfig,
    LlamaModel,
    PreTrainedModel,
    Qwen2Config,
    Qwen2Model,
)

from edgecsi.models.backbones import load_backbone, quiet_transformers
from edgecsi.models.csi_alm import CsiAlm
from edgecsi.radio import ArrayGeometry, RadioSetting

SMALL = RadioSetting(array=ArrayGeometry(columns=1, rows=1), history=8, future=2, subcarriers=6)


def tiny_model(family: str) -> PreTrainedModel:
    """Six blocks of width 64 with seeded weights."""
    torch.manual_seed(0)
    if family == "gpt2":
        tokens = {"bos_token_id": 0, "eos_token_id": 0}
        return GPT2Model(GPT2Config(vocab_size=150, n_positions=32, n_embd=64, n_layer=6, n_head=4, **tokens))
    config, model = (Qwen2Config, Qwen2Model) if family == "qwen2" else (LlamaConfig, LlamaModel)
    return model(
        config(
            vocab_size=150,
            pad_token_id=2,
            hidden_size=64,
            intermediate_size=96,
            num_hidden_layers=6,
            num_attention_heads=4,
            num_key_value_heads=2,
            max_position_embeddings=32,
            bos_token_id=0,
            eos_token_id=0,
        )
    )


@pytest.fixture(scope="session")
def backbone_folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Backbone name -> folder with a tiny local copy in safetensors; smollm2 is the Llama-like one."""
    root = tmp_path_factory.mktemp("backbones")
    families = {"gpt2": "gpt2", "qwen2.5-0.5b": "qwen2", "smollm2": "llama"}
    for name, family in families.items():
        with quiet_transformers():
            tiny_model(family).save_pretrained(root / name)
    return {name: root / name for name in families}


@pytest.fixture
def make_teacher(backbone_folders: dict[str, Path]) -> Callable[..., CsiAlm]:
    """A CSI-ALM over a tiny backbone, in evaluation mode; its adapters do something, as after training."""

    def make(backbone: str = "random", radio: RadioSetting = SMALL) -> CsiAlm:
        torch.manual_seed(1)
        teacher = CsiAlm(radio, load_backbone(backbone, backbone_folders.get(backbone))).eval()
        for name, parameter in teacher.named_parameters():
            if "lora_B" in name:
                nn.init.normal_(parameter, std=0.1)
        return teacher

    return make


@pytest.fixture(scope="session")
def csi() -> Callable[..., Tensor]:
    """Seeded histories at the scale of raw coefficients: float32 [user, antenna, T, K, 2]."""

    def draw(users: int, radio: RadioSetting = SMALL, seed: int = 0) -> Tensor:
        random = torch.Generator().manual_seed(seed)
        return 5e-6 * torch.randn(users, *radio.history_shape, 2, generator=random)

    return draw


@pytest.fixture(scope="session")
def teacher() -> CsiAlm:
    """A CSI-ALM over the random backbone, in evaluation mode; not to be changed."""
    torch.manual_seed(1)
    return CsiAlm(SMALL, load_backbone("random")).eval()
