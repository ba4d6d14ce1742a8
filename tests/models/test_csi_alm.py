import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from edgecsi.models.backbones import load_backbone
from edgecsi.models.csi_alm import CsiAlm, CsiAlmOptions, LastBlockTap, last_projections
from edgecsi.radio import RadioSetting

BACKBONES = ("gpt2", "qwen2.5-0.5b", "smollm2", "random")
PROJECTIONS = {"gpt2": 4, "qwen2.5-0.5b": 7, "smollm2": 7, "random": 7}  # of one block, attention and MLP


def far(one, other):
    """Relative squared distance."""
    return ((one - other).square().sum() / other.square().sum()).item()


def test_four_prompts_in_front_of_every_step_of_the_papers_history(make_teacher, csi):
    teacher = make_teacher(radio=RadioSetting())
    seen = []
    teacher.llm.register_forward_hook(
        lambda _module, _args, named, output: seen.append((named["inputs_embeds"], output.last_hidden_state)),
        with_kwargs=True,
    )
    with torch.inference_mode():
        assert teacher(csi(1, RadioSetting())).shape == (1, 32, 4, 48, 2)
    tokens, hidden = seen[0]
    assert tokens.shape == hidden.shape == (32, 4 + 16, 64)


def test_adapters_can_be_smaller(make_teacher):
    small = CsiAlm(make_teacher().radio, load_backbone("random"), CsiAlmOptions(lora_rank=2, lora_alpha=6))
    shapes = [tuple(p.shape) for name, p in small.named_parameters() if "lora_A" in name]
    assert {rank for rank, _ in shapes} == {2}
    assert {layer.scaling["default"] for layer in small.modules() if hasattr(layer, "lora_A")} == {3}


@settings(max_examples=10)
@given(exponent=st.floats(-8, 4))
def test_scale_equivariance(teacher, csi, exponent):
    history, factor = csi(2), 10**exponent
    with torch.inference_mode():
        assert far(teacher(factor * history), factor * teacher(history)) < 1e-8


def test_a_user_does_not_depend_on_who_shares_the_batch(teacher, csi):
    history = csi(3)
    history[1] *= 1e6
    history[2] = 0
    with torch.inference_mode():
        together = teacher(history)
        for user in range(2):
            assert far(teacher(history[[user]]), together[[user]]) < 1e-8
    assert (together[2] == 0).all()


@pytest.mark.parametrize("backbone", BACKBONES)
def test_merged_lora_is_the_same_function(make_teacher, csi, backbone):
    teacher, history = make_teacher(backbone), csi(2)
    with torch.inference_mode():
        unmerged = teacher.predict(history, relations=True)
        merged = teacher.merge_lora().predict(history, relations=True)
    assert not [name for name, _ in teacher.named_parameters() if "lora" in name]
    assert far(merged.future, unmerged.future) < 1e-10
    assert far(merged.relations.query, unmerged.relations.query) < 1e-10


@pytest.mark.parametrize("backbone", BACKBONES)
def test_only_adapters_and_our_own_layers_learn(make_teacher, csi, backbone):
    teacher = make_teacher(backbone)
    prediction = teacher.predict(csi(2))
    (prediction.future.square().mean() * 1e12 - prediction.alignment).backward()
    learning = {name: p for name, p in teacher.named_parameters() if p.requires_grad}
    frozen = {name: p for name, p in teacher.named_parameters() if not p.requires_grad}
    adapters = [name for name in learning if name.startswith("llm.")]
    assert len(adapters) == 6 * PROJECTIONS[backbone] * 2
    assert all("lora_" in name for name in adapters)
    assert {name.split(".")[0] for name in frozen} == {"llm"}
    assert all(p.grad is None for p in frozen.values())
    assert all(p.grad.isfinite().all() for p in learning.values())
    heads = ["to_future.weight", "to_features.weight", "embedding.weight", "semantic_prompts.anchors.weight"]
    assert all(learning[name].grad.abs().max() > 0 for name in [*adapters, *heads])


@pytest.mark.parametrize("backbone", BACKBONES)
def test_relations_are_the_last_blocks_projections_with_lora(make_teacher, backbone):
    """Computed again by hand from the block's input; a rotation or a missing adapter would show."""
    teacher = make_teacher(backbone)
    tokens = torch.randn(3, 12, 64)
    with torch.inference_mode(), LastBlockTap(teacher.llm, active=True) as tap:
        hidden = teacher.llm(inputs_embeds=tokens, output_hidden_states=True).hidden_states
    model = teacher.llm.get_base_model()
    block = model.h[-1] if backbone == "gpt2" else model.layers[-1]
    norm = block.ln_1 if backbone == "gpt2" else block.input_layernorm
    outputs = [
        _project(norm(hidden[-2]), module, backbone == "gpt2") for module in last_projections(teacher.llm)
    ]
    expected = outputs[0].chunk(3, dim=-1) if backbone == "gpt2" else outputs
    for heard, wanted in zip(tap.qkv(), expected, strict=True):
        torch.testing.assert_close(heard, wanted, rtol=1e-4, atol=1e-5)


def _project(inputs, module, transposed):
    base, low, high = module.base_layer, module.lora_A["default"].weight, module.lora_B["default"].weight
    weight, adapters = base.weight.T if transposed else base.weight, CsiAlmOptions()
    output = inputs @ (weight + adapters.lora_alpha / adapters.lora_rank * high @ low).T
    return output if base.bias is None else output + base.bias


def test_key_and_value_widths_of_grouped_query_attention(make_teacher, csi):
    with torch.inference_mode():
        teacher = make_teacher("qwen2.5-0.5b")
        relations = teacher.predict(csi(2), relations=True).relations
    rows = 2 * 2
    assert relations.query.shape == (rows, 4 + 8, 64)
    assert relations.key.shape == relations.value.shape == (rows, 4 + 8, 32)
    assert relations.prompts == 4
    assert teacher.relation_widths == {"query": 64, "key": 32, "value": 32}


@pytest.mark.parametrize("backbone", BACKBONES)
def test_the_widths_of_relations_are_told_before_and_after_merging(make_teacher, csi, backbone):
    teacher = make_teacher(backbone)
    with torch.inference_mode():
        relations = teacher.predict(csi(1), relations=True).relations
    widths = {name: getattr(relations, name).shape[-1] for name in ("query", "key", "value")}
    assert teacher.relation_widths == widths
    assert teacher.merge_lora().relation_widths == widths


def test_the_tap_leaves_nothing_behind(teacher, csi):
    with torch.inference_mode():
        teacher.predict(csi(1), relations=True)
    assert not any(module._forward_hooks for module in last_projections(teacher.llm))


def test_dropout_only_while_training(make_teacher, csi):
    teacher, history = make_teacher("gpt2"), csi(2)
    with torch.inference_mode():
        assert torch.equal(teacher(history), teacher(history))
        teacher.train()
        assert not torch.equal(teacher(history), teacher(history))


@settings(max_examples=10)
@given(seed=st.integers(0, 999))
def test_alignment_is_a_cosine(teacher, csi, seed):
    with torch.inference_mode():
        alignment = teacher.predict(csi(2, seed=seed)).alignment.item()
    assert -1 <= alignment <= 1


def test_the_same_csi_in_any_precision_of_matrix_products(teacher, csi):
    history = csi(2)
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        rounded = teacher.predict(history)
    with torch.inference_mode():
        exact = teacher.predict(history)
    assert rounded.future.dtype == rounded.alignment.dtype == torch.float32
    assert far(rounded.future, exact.future) < 1e-2
    assert np.isclose(rounded.alignment, exact.alignment, atol=1e-2)
