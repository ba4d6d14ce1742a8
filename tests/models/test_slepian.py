"""Slepian sequences: a basis of slow tones; constants of graphs, the same on every machine."""

import os
import subprocess
import sys

import numpy as np
import pytest
import torch

from edgecsi.models import slepian as module
from edgecsi.models.slepian import BAND, slepian


def far(one, other):
    """Relative squared distance."""
    return ((one - other).square().sum() / other.square().sum()).item()


@pytest.mark.parametrize("samples", [10, 12, 13, 16, 20, 51, 64])
def test_they_are_orthonormal_and_ordered_by_their_power_in_the_band(samples):
    sequences = slepian(samples).numpy()
    assert np.abs(sequences.T @ sequences - np.eye(samples)).max() < 1e-8
    lag = np.arange(samples)[:, None] - np.arange(samples)
    power = np.einsum("ti,tu,ui->i", sequences, 2 * BAND * np.sinc(2 * BAND * lag), sequences)
    assert (np.diff(power) < 1e-9).all()


def test_the_first_hold_slow_tones():
    basis = slepian(16)[:, :10]
    tone = torch.cos(2 * torch.pi * 0.1 * torch.arange(16, dtype=torch.float64))
    assert far(basis @ (basis.T @ tone), tone) < 1e-8


@pytest.mark.parametrize("samples", [12, 16, 20, 64])
def test_neither_signs_nor_zeros_are_left_to_the_library(samples, monkeypatch):
    wanted, true = module._computed(samples), np.linalg.eigh

    def other(matrix):
        values, vectors = true(matrix)
        random = np.random.default_rng(0)
        signs = random.choice([-1.0, 1.0], samples)
        return values, signs * vectors + 1e-15 * random.standard_normal(vectors.shape)

    monkeypatch.setattr(np.linalg, "eigh", other)
    found = module._computed(samples)
    assert (found.astype(np.float32) == wanted.astype(np.float32)).all()


@pytest.mark.parametrize("samples", [13, 16])
def test_those_of_the_shipped_networks_span_what_is_computed(samples):
    kept, computed = slepian(samples).numpy(), module._computed(samples)
    strong = 9 if samples == 16 else 8  # those whose power in the band is not of the order of rounding
    assert np.abs(np.abs(np.sum(kept[:, :strong] * computed[:, :strong], axis=0)) - 1).max() < 1e-9


CONSTANTS = """
import hashlib
from edgecsi.models.csi_alm_light_ad import CsiAlmLightAd
from edgecsi.radio import ArrayGeometry, RadioSetting
for radio in (RadioSetting(), RadioSetting(array=ArrayGeometry(columns=8), history=20, subcarriers=52)):
    for name, value in CsiAlmLightAd(radio).named_buffers():
        print(name, hashlib.sha256(value.numpy().tobytes()).hexdigest())
"""
OTHER_CPU = {"OPENBLAS_CORETYPE": "Prescott", "MKL_CBWR": "COMPATIBLE", "ATEN_CPU_CAPABILITY": "default"}


def test_the_constants_of_the_array_student_are_those_of_every_kind_of_cpu():
    """What linear algebra libraries would round otherwise must not reach a graph: its bytes name a bundle."""
    command = [sys.executable, "-c", CONSTANTS]
    told = [
        subprocess.run(command, env={**os.environ, **more}, capture_output=True, text=True, check=True).stdout
        for more in ({}, OTHER_CPU)
    ]
    assert told[0].splitlines() == told[1].splitlines()
    assert len(told[0].splitlines()) > 20


@pytest.mark.parametrize("band", [0.05, 0.2, 0.3])
def test_another_band_holds_its_own_tones(band):
    sizes = module.Sizes.of(20, band)
    basis = slepian(20, band)[:, : sizes.basis]
    tone = torch.cos(2 * torch.pi * 0.9 * band * torch.arange(20, dtype=torch.float64))
    assert far(basis @ (basis.T @ tone), tone) < 1e-6
    fast = torch.cos(2 * torch.pi * 0.48 * torch.arange(20, dtype=torch.float64))
    assert far(basis @ (basis.T @ fast), fast) > 0.3
