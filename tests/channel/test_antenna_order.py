"""A plane wave means the same antennas through the generator and through the .mat importer."""

import numpy as np
import pytest
import torch
from llm4cp_format import INFO, write_mat

from edgecsi.channel import Dataset
from edgecsi.channel.mat import import_mat
from edgecsi.channel.tr38901 import (
    CARRIER_HZ,
    SPACING_HZ,
    ChannelGenerator,
    Recipe,
    antenna_order,
    base_station_array,
)

SPEED_OF_LIGHT = 299792458.0
DIRECTIONS_DEG = [(20.0, -8.0), (-40.0, 5.0), (0.0, -30.0), (55.0, 20.0)]  # azimuth, elevation
DELAY_S = 0.6e-6


def unit_vector(azimuth_deg, elevation_deg):
    azimuth, elevation = np.deg2rad((azimuth_deg, elevation_deg))
    return np.array(
        [np.cos(elevation) * np.cos(azimuth), np.cos(elevation) * np.sin(azimuth), np.sin(elevation)]
    )


def over_subcarriers(antennas, subcarriers=48):
    """Antenna response [...] -> [..., time=1, subcarrier] of one path (TR 38.901 eq. 7.5-22)."""
    phase = np.exp(-2j * np.pi * np.arange(subcarriers) * SPACING_HZ * DELAY_S)
    return (antennas[..., None, None] * phase).astype(np.complex64)


def angle_delay_peak(csi):
    """(column beam, row beam, delay bin) of the strongest bin of [antenna, time, subcarrier]."""
    grid = csi[:, 0].reshape(4, 4, 2, -1)
    spectrum = np.fft.ifft(np.fft.fft2(grid, s=(32, 32), axes=(0, 1)), axis=-1)
    power = (np.abs(spectrum) ** 2).sum(2)
    return np.unravel_index(power.argmax(), power.shape)


def by_the_generator(direction):
    """The wave at Sionna's elements, put in our order as the generator does."""
    array = base_station_array()
    wavelength = SPEED_OF_LIGHT / CARRIER_HZ
    response = np.exp(2j * np.pi * array.ant_pos.numpy() @ direction / wavelength)
    response[array.ant_ind_pol2.numpy()] *= 0.5
    return over_subcarriers(response[antenna_order(array)])


def by_the_importer(direction, folder):
    """The wave at QuaDRiGa's `3gpp-mmw` elements (columns along y, rows along z), written and imported."""
    places = (np.arange(4) - 1.5) / 2  # wavelengths
    column, row, polarisation = np.meshgrid(places, places, [1.0, 0.5], indexing="ij")
    response = polarisation * np.exp(2j * np.pi * (column * direction[1] + row * direction[2]))
    matlab = np.moveaxis(over_subcarriers(response), (-2, -1), (0, 1))[None, None]
    files = [
        write_mat(folder / f"{name}.mat", name, np.repeat(matlab, steps, axis=2))
        for name, steps in (("H_U_his_train", 3), ("H_U_pre_train", 2))
    ]
    import_mat(folder / "wave.h5", *files, INFO)
    with Dataset.open(folder / "wave.h5") as ds:
        return ds.history(slice(None))[0]


@pytest.mark.parametrize(("azimuth", "elevation"), DIRECTIONS_DEG)
def test_both_importers_see_the_wave_in_the_same_angle_delay_bin(tmp_path, azimuth, elevation):
    direction = unit_vector(azimuth, elevation)
    generated, imported = by_the_generator(direction), by_the_importer(direction, tmp_path)
    assert angle_delay_peak(generated) == angle_delay_peak(imported)
    np.testing.assert_allclose(generated[:, 0], imported[:, 0], atol=1e-4)


@pytest.mark.parametrize(("azimuth", "elevation"), [(20.0, -8.0), (-40.0, -15.0)])
def test_a_line_of_sight_user_drawn_by_sionna_appears_where_it_stands(tmp_path, azimuth, elevation):
    direction = unit_vector(azimuth, elevation)
    generator = ChannelGenerator(Recipe(los=True, users_per_drop=1))
    origin, still = torch.zeros(1, 1, 3), torch.zeros(1, 1, dtype=torch.bool)
    mast = torch.tensor([[[0.0, 0.0, 25.0]]])
    user = mast + torch.tensor(direction, dtype=torch.float32) * 90
    (model,) = generator._models
    model.set_topology(user, mast, origin, origin, origin, still, True)
    gains, _ = model(1, 2000.0)
    strongest = gains.abs().square().sum((1, 2, 3, 4, 6))[0].argmax()
    drawn = gains[0, 0, :, 0, 0, strongest, 0].numpy()[generator._order.numpy()]
    imported = by_the_importer(direction, tmp_path)
    column, row, _ = angle_delay_peak(over_subcarriers(drawn))
    expected_column, expected_row, _ = angle_delay_peak(imported)
    assert abs(column - expected_column) <= 1
    assert abs(row - expected_row) <= 1


def test_every_antenna_once_and_polarisations_side_by_side():
    array = base_station_array()
    order = antenna_order(array)
    assert sorted(order) == list(range(32))
    places = array.ant_pos.numpy()[order]
    np.testing.assert_allclose(places[0::2], places[1::2])
    assert set(order[0::2]) == set(array.ant_ind_pol1.numpy())
    assert (np.diff(places[:8:2, 2]) > 0).all()  # rows go up
    assert (np.diff(places[::8, 1]) > 0).all()  # columns go along y


def test_quadrigas_users_stand_below_the_mast(quadriga, tmp_path):
    """LLM4CP's users are 8 degrees below the mast: in an order with rows going up, the phase falls by row."""
    import_mat(tmp_path / "q.h5", quadriga / "H_U_his_train.mat", quadriga / "H_U_pre_train.mat", INFO)
    with Dataset.open(tmp_path / "q.h5") as ds:
        grid = ds.history(slice(None)).reshape(len(ds), 4, 4, 2, -1)
    step = np.angle((grid[:, :, 1:] * grid[:, :, :-1].conj()).sum())
    assert -0.8 < step < -0.2
    vertical, horizontal = (np.abs(grid) ** 2).mean((0, 1, 2, 4))
    assert vertical > 2 * horizontal
