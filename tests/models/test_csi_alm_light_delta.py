import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from edgecsi.models.csi_alm_light_delta import CsiAlmLightDelta
from edgecsi.radio import ArrayGeometry, RadioSetting

SMALL = RadioSetting(array=ArrayGeometry(columns=1, rows=1), history=8, future=2, subcarriers=6)


@pytest.fixture(scope="module")
def student():
    torch.manual_seed(0)
    return CsiAlmLightDelta(SMALL).eval()


def rows(seed):
    return torch.randn(3, 8, 12, generator=torch.Generator().manual_seed(seed))


def test_it_has_the_parameters_of_csi_alm_light():
    student = CsiAlmLightDelta(RadioSetting())
    assert sum(parameter.numel() for parameter in student.parameters()) == 348_596


@settings(max_examples=20, deadline=None)
@given(factor=st.floats(-2, 1).map(lambda exponent: 10**exponent), seed=st.integers(0, 99))
def test_the_predicted_change_grows_with_the_change(student, factor, seed):
    last, change = rows(seed)[:, -1:], rows(seed + 100)
    change[:, -1] = 0
    with torch.inference_mode():
        future = student.predict_rows(last + change)[0] - last
        scaled = student.predict_rows(last + factor * change)[0] - last
    torch.testing.assert_close(scaled, factor * future, rtol=1e-3, atol=1e-4 * factor + 1e-5)


def test_a_channel_that_stands_still_is_held(student, csi):
    history = csi(2)[:, :, :1].expand(-1, -1, 8, -1, -1)
    with torch.inference_mode():
        future = student(history)
    torch.testing.assert_close(future, history[:, :, :2], rtol=0, atol=1e-3 * history.abs().max().item())


def test_one_antenna_does_not_change_the_units_of_another(student, csi):
    history = csi(1)
    still = history.clone()
    still[:, 1] = history[:, 1, -1:]  # the same power matters, so that the user's units stay
    still[:, 1] *= history[:, 1].norm() / still[:, 1].norm()
    with torch.inference_mode():
        torch.testing.assert_close(student(still)[:, 0], student(history)[:, 0], rtol=1e-4, atol=1e-5)
