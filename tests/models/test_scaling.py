import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from edgecsi.models.scaling import from_rows, normalise, to_rows


@given(scale=st.floats(1e-8, 1e4), seed=st.integers(0, 99))
def test_every_user_gets_unit_power_at_any_scale(scale, seed):
    csi = 5e-6 * scale * torch.randn(3, 2, 4, 3, 2, generator=torch.Generator().manual_seed(seed))
    unit, rms, peak = normalise(csi)
    assert unit.square().mean((1, 2, 3, 4)).numpy() == pytest.approx(1, rel=1e-5)
    assert torch.allclose(unit * rms * peak, csi, rtol=1e-5, atol=0)


def test_a_user_without_power_stays_zero_and_returns_zero():
    csi = torch.randn(2, 2, 4, 3, 2)
    csi[1] = 0
    unit, rms, peak = normalise(csi)
    assert unit[1].abs().max() == rms[1].abs().max() == peak[1].abs().max() == 0
    assert torch.equal(unit[:1], normalise(csi[:1])[0])


def test_a_row_is_one_antenna_with_real_parts_first():
    csi = torch.randn(2, 3, 4, 5, 2)
    rows = to_rows(csi)
    assert rows.shape == (6, 4, 10)
    assert torch.equal(rows[1 * 3 + 2, :, :5], csi[1, 2, :, :, 0])
    assert torch.equal(rows[1 * 3 + 2, :, 5:], csi[1, 2, :, :, 1])


@given(st.tuples(*[st.integers(1, 4)] * 4))
def test_from_rows_is_the_inverse_of_to_rows(sizes):
    csi = torch.randn(*sizes, 2)
    assert torch.equal(from_rows(to_rows(csi), sizes[1]), csi)
