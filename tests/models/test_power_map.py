"""Plane waves and covariances in the real domain, against their complex definition."""

import math

import numpy as np
import pytest
import torch

from edgecsi.models.power_map import (
    PowerMap,
    angle_count,
    doppler_count,
    real_beams,
    sequence_count,
    slow_basis,
    waves,
)
from edgecsi.models.slepian import BAND
from edgecsi.radio import ArrayGeometry, RadioSetting

RADIO = RadioSetting(array=ArrayGeometry(columns=3, rows=2), history=12, future=3, subcarriers=8)


@pytest.fixture(scope="module")
def power_map():
    return PowerMap(RADIO, angles=8, dopplers=9, band=BAND).double()


@pytest.fixture(scope="module")
def steering(power_map):
    """Every wave as a real vector: float64 [angle * angle * Doppler, N]."""
    column, row, past = power_map.column, power_map.row, power_map.past
    return torch.einsum("ac,br,ns->abncrs", column, row, past).flatten(3).flatten(0, 2)


@pytest.mark.parametrize("size", [1, 2, 3, 4, 8])
def test_waves_are_real_in_a_unitary_basis(size):
    basis = real_beams(size)
    torch.testing.assert_close(basis.conj().T @ basis, torch.eye(size, dtype=torch.complex128))
    shifts = 2j * math.pi * torch.arange(5)[:, None] / 5 * (torch.arange(size) - (size - 1) / 2)
    seen = shifts.exp().to(torch.complex128) @ basis
    assert seen.imag.abs().max() < 1e-6
    torch.testing.assert_close(waves(size, 5), seen.real, atol=1e-6, rtol=0)


def test_sizes_in_the_papers_setting():
    assert sequence_count(16, BAND) == 7
    assert slow_basis(16, BAND)[1].shape == (16, 7)
    assert [angle_count(size, 12) for size in (1, 2, 4, 8)] == [1, 6, 12, 24]
    assert doppler_count(16, 25, BAND) == 25
    assert PowerMap(RadioSetting(), 12, 25, BAND).size == 112


def test_projection_and_covariance_are_those_of_the_waves(power_map, steering):
    random = torch.Generator().manual_seed(0)
    power = torch.rand(2, *power_map.angles, power_map.dopplers, dtype=torch.float64, generator=random)
    covariance = power_map.covariance(power)
    wanted = torch.einsum("wn,uw,wm->unm", steering, power.flatten(1), steering)
    torch.testing.assert_close(covariance, wanted, rtol=1e-5, atol=1e-4)  # constants are FP32
    vectors = torch.randn(2, 4, power_map.size, dtype=torch.float64, generator=random)
    torch.testing.assert_close(power_map.project(vectors).flatten(2), vectors @ steering.T)
    gains = torch.einsum("wn,unm,wm->uw", steering, covariance, steering)
    torch.testing.assert_close(power_map.diagonal(covariance).flatten(1), gains, rtol=1e-5, atol=1e-4)


def test_waves_go_on_as_they_were(power_map):
    """The first step ahead is what the wave of the history, one sample later, would have there."""
    amplitudes = torch.zeros(2, 2, *power_map.angles, power_map.dopplers, dtype=torch.float64)
    place, value = (3, 1, 5), np.array([0.3 - 0.7j, 1.1 + 0.2j])
    amplitudes[(0, slice(None), *place)] = torch.from_numpy(value.real)
    amplitudes[(1, slice(None), *place)] = torch.from_numpy(value.imag)
    shift = BAND * 0.118 / 0.12 * np.linspace(-1, 1, power_map.dopplers)[place[2]]
    time = RADIO.history + np.arange(RADIO.future) - (RADIO.history - 1) / 2
    beams = np.outer(power_map.column[place[0]], power_map.row[place[1]]).ravel()
    wanted = value[:, None, None] * beams[:, None] * np.exp(2j * np.pi * shift * time)
    found = power_map.ahead(amplitudes).numpy()
    np.testing.assert_allclose(found[0] + 1j * found[1], wanted, atol=1e-6)
