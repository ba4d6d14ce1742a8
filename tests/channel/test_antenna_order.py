"""A plane wave means the same antennas through the generator and through the .mat importer, on any array."""

import numpy as np
import pytest
import torch
from llm4cp_format import OPTIONS, write_mat

from edgecsi.channel import Dataset
from edgecsi.channel.mat import import_mat
from edgecsi.channel.tr38901 import ChannelGenerator, antenna_order, base_station_array
from edgecsi.channel.tr38901_options import DataOptions
from edgecsi.radio import SPEED_OF_LIGHT, ArrayGeometry, RadioSetting

DIRECTIONS_DEG = [(20.0, -8.0), (-40.0, 5.0), (0.0, -30.0), (55.0, 20.0)]  # azimuth, elevation
DELAY_S = 0.6e-6
ARRAYS = [
    ArrayGeometry(),
    ArrayGeometry(columns=8, rows=4),
    ArrayGeometry(columns=8, rows=1, polarisations=1),
    ArrayGeometry(columns=4, rows=2),
    ArrayGeometry(columns=2, rows=8),
    ArrayGeometry(columns=4, rows=4, column_spacing=0.3, row_spacing=0.8),
]
every_array = pytest.mark.parametrize("array", ARRAYS, ids=lambda array: array.words)


def unit_vector(azimuth_deg, elevation_deg):
    azimuth, elevation = np.deg2rad((azimuth_deg, elevation_deg))
    return np.array(
        [np.cos(elevation) * np.cos(azimuth), np.cos(elevation) * np.sin(azimuth), np.sin(elevation)]
    )


def over_subcarriers(antennas, subcarriers=48):
    """Antenna response [...] -> [..., time=1, subcarrier] of one path (TR 38.901 eq. 7.5-22)."""
    spacing = RadioSetting().subcarrier_spacing_hz
    phase = np.exp(-2j * np.pi * np.arange(subcarriers) * spacing * DELAY_S)
    return (antennas[..., None, None] * phase).astype(np.complex64)


def angle_delay_peak(csi, array=ArrayGeometry()):
    """(column beam, row beam, delay bin) of the strongest bin of [antenna, time, subcarrier]."""
    grid = csi[:, 0].reshape(array.columns, array.rows, array.polarisations, -1)
    spectrum = np.fft.ifft(np.fft.fft2(grid, s=(32, 32), axes=(0, 1)), axis=-1)
    power = (np.abs(spectrum) ** 2).sum(2)
    return np.unravel_index(power.argmax(), power.shape)


def by_the_generator(direction, radio):
    """The wave at Sionna's elements, put in our order as the generator does."""
    array = base_station_array(radio)
    wavelength = SPEED_OF_LIGHT / radio.carrier_hz
    response = np.exp(2j * np.pi * array.ant_pos.numpy() @ direction / wavelength)
    second = np.setdiff1d(np.arange(array.num_ant), array.ant_ind_pol1.numpy())
    response[second] *= 0.5
    return over_subcarriers(response[antenna_order(array)])


def by_the_importer(direction, folder, array=ArrayGeometry()):
    """The wave at QuaDRiGa's `3gpp-mmw` elements (columns along y, rows along z), written and imported."""
    columns = (np.arange(array.columns) - (array.columns - 1) / 2) * array.column_spacing  # wavelengths
    rows = (np.arange(array.rows) - (array.rows - 1) / 2) * array.row_spacing
    strengths = [1.0, 0.5][: array.polarisations]
    column, row, polarisation = np.meshgrid(columns, rows, strengths, indexing="ij")
    response = polarisation * np.exp(2j * np.pi * (column * direction[1] + row * direction[2]))
    matlab = np.moveaxis(over_subcarriers(response), (-2, -1), (0, 1))[None, None]
    files = [
        write_mat(folder / f"{name}.mat", name, np.repeat(matlab, steps, axis=2))
        for name, steps in (("H_U_his_train", 3), ("H_U_pre_train", 2))
    ]
    import_mat(folder / "wave.h5", *files, OPTIONS)
    with Dataset.open(folder / "wave.h5") as ds:
        return ds.history(slice(None))[0]


@every_array
@pytest.mark.parametrize("carrier_hz", [2.4e9, 28e9])
def test_both_importers_see_the_wave_in_the_same_angle_delay_bin(tmp_path, array, carrier_hz):
    radio = RadioSetting(array=array, carrier_hz=carrier_hz)
    for azimuth, elevation in DIRECTIONS_DEG:
        direction = unit_vector(azimuth, elevation)
        generated, imported = by_the_generator(direction, radio), by_the_importer(direction, tmp_path, array)
        assert angle_delay_peak(generated, array) == angle_delay_peak(imported, array)
        np.testing.assert_allclose(generated[:, 0], imported[:, 0], atol=1e-4)


@pytest.mark.parametrize("array", ARRAYS[:5], ids=lambda array: array.words)
@pytest.mark.parametrize(("azimuth", "elevation"), [(20.0, -8.0), (-40.0, -15.0)])
def test_a_line_of_sight_user_drawn_by_sionna_appears_where_it_stands(tmp_path, array, azimuth, elevation):
    direction = unit_vector(azimuth, elevation)
    sizes = {name: getattr(array, name) for name in ("columns", "rows", "polarisations")}
    generator = ChannelGenerator(DataOptions(los=True, users_per_drop=1, **sizes))
    origin, still = torch.zeros(1, 1, 3), torch.zeros(1, 1, dtype=torch.bool)
    mast = torch.tensor([[[0.0, 0.0, 25.0]]])
    user = mast + torch.tensor(direction, dtype=torch.float32) * 90
    (model,) = generator._models
    model.set_topology(user, mast, origin, origin, origin, still, True)
    gains, _ = model(1, 2000.0)
    strongest = gains.abs().square().sum((1, 2, 3, 4, 6))[0].argmax()
    drawn = gains[0, 0, :, 0, 0, strongest, 0].numpy()[generator._order.numpy()]
    imported = by_the_importer(direction, tmp_path, array)
    column, row, _ = angle_delay_peak(over_subcarriers(drawn), array)
    expected_column, expected_row, _ = angle_delay_peak(imported, array)
    assert abs(column - expected_column) <= 1
    assert abs(row - expected_row) <= 1


@every_array
def test_every_antenna_once_and_polarisations_side_by_side(array):
    panel = base_station_array(RadioSetting(array=array))
    order = antenna_order(panel)
    assert sorted(order) == list(range(array.antennas))
    grid = panel.ant_pos.numpy()[order].reshape(array.columns, array.rows, array.polarisations, 3)
    np.testing.assert_allclose(grid, np.repeat(grid[:, :, :1], array.polarisations, axis=2), atol=1e-6)
    first = order[:: array.polarisations]
    assert set(first) == set(panel.ant_ind_pol1.numpy())
    assert (np.diff(grid[..., 2], axis=1) > 0).all()  # rows go up
    assert (np.diff(grid[..., 1], axis=0) > 0).all()  # columns go along y


def test_quadrigas_users_stand_below_the_mast(quadriga, tmp_path):
    """LLM4CP's users are 8 degrees below the mast: in an order with rows going up, the phase falls by row."""
    import_mat(tmp_path / "q.h5", quadriga / "H_U_his_train.mat", quadriga / "H_U_pre_train.mat", OPTIONS)
    with Dataset.open(tmp_path / "q.h5") as ds:
        grid = ds.history(slice(None)).reshape(len(ds), 4, 4, 2, -1)
    step = np.angle((grid[:, :, 1:] * grid[:, :, :-1].conj()).sum())
    assert -0.8 < step < -0.2
    vertical, horizontal = (np.abs(grid) ** 2).mean((0, 1, 2, 4))
    assert vertical > 2 * horizontal
