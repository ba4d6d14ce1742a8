import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from edgecsi.models.csi_alm_light import CsiAlmLight, CsiAlmLightOptions, sinusoidal_position
from edgecsi.models.scaling import normalise
from edgecsi.radio import ArrayGeometry, RadioSetting

SMALL = RadioSetting(array=ArrayGeometry(columns=1, rows=1), history=8, future=2, subcarriers=6)


@pytest.fixture(scope="module")
def student():
    torch.manual_seed(0)
    return CsiAlmLight(SMALL).eval()


def far(one, other):
    """Relative squared distance."""
    return ((one - other).square().sum() / other.square().sum()).item()


def test_the_papers_setting_has_the_papers_parameter_count():
    student = CsiAlmLight(RadioSetting())
    assert sum(parameter.numel() for parameter in student.parameters()) == 348_596
    assert student(torch.randn(3, 32, 16, 48, 2)).shape == (3, 32, 4, 48, 2)


@settings(max_examples=25)
@given(exponent=st.floats(-8, 4))
def test_scale_equivariance(student, csi, exponent):
    history, factor = csi(2), 10**exponent
    with torch.inference_mode():
        assert far(student(factor * history), factor * student(history)) < 1e-8


def test_relations_are_those_of_the_last_block(student, csi):
    history = csi(2)
    heard = []
    hook = student.blocks[-1].qkv.register_forward_hook(lambda *call: heard.append(call[-1]))
    with torch.inference_mode():
        relations = student.predict(history, relations=True).relations
    hook.remove()
    assert torch.equal(torch.cat([relations.query, relations.key, relations.value], -1), heard[0])
    assert relations.query.shape == (4, 4 + 8, 128)
    assert relations.prompts == 4
    assert student.relation_widths == {"query": 128, "key": 128, "value": 128}


def test_its_sizes_can_be_chosen(csi):
    options = CsiAlmLightOptions(width=16, layers=1, heads=2, feed_forward=8, prompts=3)
    small = CsiAlmLight(SMALL, options).eval()
    with torch.inference_mode():
        prediction = small.predict(csi(1), relations=True)
    assert prediction.future.shape == (1, 2, 2, 6, 2)
    assert prediction.relations.query.shape == (2, 3 + 8, 16)
    assert len(small.blocks) == 1


@pytest.mark.parametrize("sizes", [{"width": 12, "heads": 8}, {"width": 15, "heads": 1}, {"layers": 0}])
def test_sizes_that_can_not_be_are_refused(sizes):
    with pytest.raises(ValidationError):
        CsiAlmLightOptions(**sizes)


def test_relations_only_on_request(student, csi):
    assert student.predict(csi(1)).relations is None


def test_the_embedding_is_a_circular_convolution(student, csi):
    history = csi(2)
    heard = []
    hook = student.embedding.register_forward_hook(lambda *call: heard.append(call[-1]))
    rows = normalise(history)[0].reshape(4, 8, 12)
    circular = torch.nn.Conv1d(12, 128, 3, padding=1, padding_mode="circular", bias=False)
    with torch.inference_mode():
        student(history)
        circular.weight.copy_(student.embedding.weight.unflatten(1, (3, 12)).transpose(1, 2))
        torch.testing.assert_close(heard[0], circular(rows.transpose(1, 2)).transpose(1, 2))
    hook.remove()


def test_positions_are_those_of_attention_is_all_you_need():
    position = sinusoidal_position(16, 128)
    for token, pair in ((0, 0), (7, 3), (15, 63)):
        angle = torch.tensor(token / 10000 ** (2 * pair / 128))
        assert position[token, 2 * pair].item() == pytest.approx(angle.sin().item(), abs=1e-5)
        assert position[token, 2 * pair + 1].item() == pytest.approx(angle.cos().item(), abs=1e-5)
