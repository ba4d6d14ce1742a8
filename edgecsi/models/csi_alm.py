"""CSI-ALM: the teacher, an LLM-backed channel predictor with semantic alignment.

Reads top to bottom like the paper: normalise, patch and CSSA (eq. 7-10), embed, align with the word space
(eq. 11-15), choose semantic prompts (eq. 16-19), six LLM blocks with LoRA, project (eq. 20-21).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from pydantic import Field
from torch import Tensor, nn

from edgecsi.errors import ModelError
from edgecsi.models.alignment import PROMPTS, CrossModalAlignment, SemanticPrompts, alignment_score
from edgecsi.models.backbones import Backbone, NoLlm, quiet_transformers
from edgecsi.models.cssa import PatchAttention, why_not_patches
from edgecsi.models.network import NETWORKS, Network, NetworkOptions
from edgecsi.models.prediction import Prediction, Relations
from edgecsi.models.scaling import from_rows, normalise, to_rows
from edgecsi.radio import RadioSetting

if TYPE_CHECKING:
    from edgecsi.models.folder import ModelConfig


class CsiAlmOptions(NetworkOptions):
    """The adapters of the LLM; the defaults are the paper's."""

    lora_rank: int = Field(16, ge=1, le=1024, description="Rank of the LoRA adapters.")
    lora_alpha: float = Field(48, gt=0, le=1e4, description="Their scale is this over the rank.")
    lora_dropout: float = Field(0.2, ge=0, lt=1, description="Dropout in front of them, in training.")


class CsiAlm(nn.Module):
    """Teacher network. Input and output as in :class:`edgecsi.models.prediction.TaskNetwork`."""

    def __init__(
        self, radio: RadioSetting, backbone: Backbone, options: CsiAlmOptions = CsiAlmOptions()
    ) -> None:
        super().__init__()
        self.radio = radio
        features, width = 2 * radio.subcarriers, backbone.width
        self.patch_attention = PatchAttention(features)
        self.embedding = nn.Linear(features, width)
        self.alignment = CrossModalAlignment(width, backbone.dictionary)
        self.semantic_prompts = SemanticPrompts(backbone.dictionary)
        self.llm = with_lora(backbone, options)
        self.to_features = nn.Linear(width, features)
        self.to_future = nn.Linear(PROMPTS + radio.history, radio.future)

    def forward(self, csi: Tensor) -> Tensor:
        """float32 [user, antenna, T, K, 2] -> float32 [user, antenna, P, K, 2]."""
        return self.predict(csi).future

    def predict(self, csi: Tensor, relations: bool = False) -> Prediction:
        """Future CSI, the alignment score and, on request, the last block's queries, keys and values."""
        unit, rms, peak = normalise(csi)
        rows = self.patch_attention(to_rows(unit))
        y_text = self.alignment(self.embedding(rows))
        prompts = self.semantic_prompts(y_text)

        with LastBlockTap(self.llm, relations) as tap:
            hidden = self.llm(inputs_embeds=torch.cat([prompts, y_text], dim=1)).last_hidden_state

        features = self.to_features(hidden)  # [row, token, 2K]
        future = self.to_future(features.transpose(1, 2)).transpose(1, 2)  # [row, P, 2K]
        return Prediction(
            future=from_rows(future, csi.shape[1]) * rms * peak,
            relations=Relations(*tap.qkv(), prompts=PROMPTS) if relations else None,
            alignment=alignment_score(y_text, prompts),
        )

    def merge_lora(self) -> CsiAlm:
        """Fold the adapters into the LLM's weights, in place: the same function with fewer operations."""
        self.llm = self.llm.merge_and_unload()
        return self

    @property
    def relation_widths(self) -> dict[str, int]:
        """Widths of query, key and value."""
        return projection_widths(self.llm)


def with_lora(backbone: Backbone, options: CsiAlmOptions) -> nn.Module:
    """LoRA on the attention and MLP projections of every block; everything else of the LLM stays frozen."""
    if not backbone.lora_modules:
        return backbone.model
    from peft import LoraConfig, get_peft_model  # takes seconds, which `edgecsi train --help` needn't

    config = LoraConfig(
        r=options.lora_rank,
        lora_alpha=options.lora_alpha,
        lora_dropout=options.lora_dropout,
        target_modules=list(backbone.lora_modules),
        fan_in_fan_out=backbone.fan_in_fan_out,
    )
    with quiet_transformers():
        return get_peft_model(backbone.model, config)


class LastBlockTap:
    """Listens to the query, key and value projections of the last LLM block (after LoRA, before RoPE)."""

    def __init__(self, llm: nn.Module, active: bool) -> None:
        self._projections = last_projections(llm) if active else []
        self._heard: list[Tensor] = []

    def __enter__(self) -> LastBlockTap:
        self._hooks = [
            module.register_forward_hook(lambda _module, _inputs, output: self._heard.append(output))
            for module in self._projections
        ]
        return self

    def __exit__(self, *_: object) -> None:
        for hook in self._hooks:
            hook.remove()

    def qkv(self) -> tuple[Tensor, Tensor, Tensor]:
        """Query, key, value: [row, token, width] each; GPT-2's one projection is cut in three."""
        query, key, value = self._heard[0].chunk(3, dim=-1) if len(self._heard) == 1 else self._heard
        return query, key, value


def last_projections(llm: nn.Module) -> list[nn.Module]:
    """The modules that make q, k and v in the last block: three for Llama and Qwen, one for GPT-2."""
    if isinstance(llm, NoLlm):
        raise ModelError("a network without an LLM has no relations to distil")
    model = llm.get_base_model() if hasattr(llm, "get_base_model") else llm
    if hasattr(model, "h"):
        return [model.h[-1].attn.c_attn]
    attention = model.layers[-1].self_attn
    return [attention.q_proj, attention.k_proj, attention.v_proj]


def projection_widths(llm: nn.Module) -> dict[str, int]:
    """Widths of query, key and value in the last block."""
    layers = [getattr(module, "base_layer", module) for module in last_projections(llm)]
    widths = [layer.nf // 3 if hasattr(layer, "nf") else layer.out_features for layer in layers]
    return dict(zip(("query", "key", "value"), widths * (3 // len(widths)), strict=True))


def _build(config: ModelConfig, backbone: Backbone | None) -> nn.Module:
    assert backbone is not None  # build_network sees to it
    return CsiAlm(config.radio, backbone, CsiAlmOptions(**config.options))


NETWORKS.register(
    Network(
        name="csi-alm",
        summary="the teacher: an LLM with adapters, aligned with its words",
        build=_build,
        options=CsiAlmOptions,
        backbone=True,
        relations=True,
        why_not=why_not_patches,
        module=__name__,
    )
)
