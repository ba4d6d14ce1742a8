"""What an import says of the radio setting: the array from the files, the rest from options."""

import numpy as np
import pytest
from llm4cp_format import OPTIONS, as_matlab, assert_refused, random_csi, write_mat

from edgecsi.channel import Dataset
from edgecsi.channel.mat import import_mat, spread_speeds
from edgecsi.channel.mat_options import ImportOptions
from edgecsi.radio import ArrayGeometry, RadioSetting


def test_a_future_of_another_array(pair, tmp_path):
    flat = random_csi(3).reshape(2, 3, 3, 5, 2, 8, 2)
    assert_refused(
        tmp_path, write_mat(tmp_path / "a.mat", "H_U_his_a", flat), pair[1], "(2, 3, 3, 5, 2, 8, 2)"
    )


@pytest.mark.parametrize(
    "array",
    [
        ArrayGeometry(columns=8, rows=4),
        ArrayGeometry(columns=2, rows=8),
        ArrayGeometry(columns=8, rows=1),
        ArrayGeometry(columns=8, rows=2, polarisations=1),
        ArrayGeometry(columns=8, rows=1, polarisations=1),
        ArrayGeometry(columns=1, rows=1, polarisations=1),
    ],
    ids=lambda array: array.words,
)
def test_the_files_say_the_array(tmp_path, array):
    """Axes of length 1 at the end are dropped, as MATLAB does."""
    random = np.random.default_rng(0)
    parts = [random.standard_normal((24, array.antennas, steps, 5)).astype(np.complex64) for steps in (3, 2)]
    files = []
    for name, part in zip(("H_U_his_x", "H_U_pre_x"), parts, strict=True):
        matlab = as_matlab(part, array)
        while matlab.shape[-1] == 1:
            matlab = matlab[..., 0]
        files.append(write_mat(tmp_path / f"{name}.mat", name, matlab))
    import_mat(tmp_path / "site.h5", *files, OPTIONS)
    with Dataset.open(tmp_path / "site.h5") as ds:
        assert ds.radio == RadioSetting(history=3, future=2, subcarriers=5, array=array)
        np.testing.assert_array_equal(ds.history(slice(None)), parts[0])
        np.testing.assert_array_equal(ds.future(slice(None)), parts[1])


def test_three_polarisations_are_refused(pair, tmp_path):
    odd = [random_csi(steps)[..., [0, 1, 1]] for steps in (3, 2)]
    files = [
        write_mat(tmp_path / f"{name}.mat", name, part)
        for name, part in zip(("H_U_his_a", "H_U_pre_a"), odd, strict=True)
    ]
    assert_refused(tmp_path, *files, "3 polarisations", "(2, 3, 3, 5, 4, 4, 3)")


def test_axes_that_are_no_channels(pair, tmp_path):
    few = write_mat(tmp_path / "few.mat", "H_U_his_a", random_csi(3)[0, 0, 0, :, :, 0, 0])
    assert_refused(
        tmp_path, few, pair[1], "(speed, user, time, subcarrier, column, row, polarisation)", "(5, 4)"
    )


def test_what_the_files_do_not_say_comes_from_the_options(pair, tmp_path):
    downlink = write_mat(tmp_path / "down.mat", "H_D_pre_test", random_csi(2))
    options = ImportOptions(
        carrier_ghz=3.5, subcarrier_khz=30, step_ms=5, band_gap_mhz=100, column_spacing=0.7, row_spacing=0.9
    )
    import_mat(tmp_path / "site.h5", pair[0], downlink, options)
    with Dataset.open(tmp_path / "site.h5") as ds:
        assert ds.radio == RadioSetting(
            carrier_hz=3.5e9, subcarrier_spacing_hz=30e3, step_s=5e-3, subcarriers=5, history=3, future=2,
            duplex="fdd", band_gap_hz=1e8, array=ArrayGeometry(column_spacing=0.7, row_spacing=0.9),
        )  # fmt: skip


def test_a_band_gap_needs_a_second_band(pair, tmp_path):
    assert_refused(tmp_path, *pair, "band gap of 20 MHz", "TDD", band_gap_mhz=20)


def test_a_range_over_llm4cps_speed_axis():
    np.testing.assert_allclose(spread_speeds((10.0, 100.0), 10), np.arange(10, 101, 10))
