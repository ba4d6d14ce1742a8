"""CSI-ALM: the teacher, an LLM-backed channel predictor with semantic alignment.

Reads top to bottom like the paper: normalise, patch and CSSA (eq. 7-10), embed, align with the word space
(eq. 11-15), choose semantic prompts (eq. 16-19), six LLM blocks with LoRA, project (eq. 20-21).
"""

from __future__ import annotations

import torch
from peft import LoraConfig, get_peft_model
from torch import Tensor, nn

from edgecsi.csi import CsiShape
from edgecsi.errors import ModelError
from edgecsi.models.alignment import PROMPTS, CrossModalAlignment, SemanticPrompts, alignment_score
from edgecsi.models.backbones import Backbone, NoLlm, quiet_transformers
from edgecsi.models.cssa import PATCH, PatchAttention
from edgecsi.models.prediction import Prediction, Relations
from edgecsi.models.scaling import from_rows, normalise, to_rows

LORA_RANK, LORA_ALPHA, LORA_DROPOUT = 16, 48, 0.2


class CsiAlm(nn.Module):
    """Teacher network. Input and output as in :class:`edgecsi.models.prediction.Network`.

    ModelError where the history can't be cut into patches.
    """

    def __init__(self, shape: CsiShape, backbone: Backbone) -> None:
        super().__init__()
        if shape.history % PATCH:
            raise ModelError(f"CSI-ALM needs a history of a multiple of {PATCH} steps, not {shape.history}")
        self.shape = shape
        features, width = 2 * shape.subcarriers, backbone.width
        self.patch_attention = PatchAttention(features)
        self.embedding = nn.Linear(features, width)
        self.alignment = CrossModalAlignment(width, backbone.dictionary)
        self.semantic_prompts = SemanticPrompts(backbone.dictionary)
        self.llm = with_lora(backbone)
        self.to_features = nn.Linear(width, features)
        self.to_future = nn.Linear(PROMPTS + shape.history, shape.future)

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


def with_lora(backbone: Backbone) -> nn.Module:
    """LoRA on the attention and MLP projections of every block; everything else of the LLM stays frozen."""
    if not backbone.lora_modules:
        return backbone.model
    config = LoraConfig(
        r=LORA_RANK,
        lora_alpha=LORA_ALPHA,
        lora_dropout=LORA_DROPOUT,
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
