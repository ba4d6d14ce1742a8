import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgecsi.metrics import nmse_mean_db, nmse_pooled_db, nmse_report, user_energies
from edgecsi.metrics.nmse import FLOOR_DB, speed_label, standard_error_db


def csi(users: int, seed: int = 0) -> np.ndarray:
    random = np.random.default_rng(seed)
    return (random.standard_normal((users, 4, 3, 5, 2)) @ [1, 1j]).astype(np.complex64)


def test_predicting_zeros_is_zero_db():
    truth = csi(3)
    energies = user_energies(np.zeros_like(truth), truth)
    assert nmse_mean_db(*energies) == pytest.approx(0)
    assert nmse_pooled_db(*energies) == pytest.approx(0)


def test_an_exact_prediction_is_finite():
    truth = csi(3)
    assert nmse_mean_db(*user_energies(truth, truth)) == FLOOR_DB


@given(error=st.floats(1e-4, 10), scale=st.floats(1e-9, 1e4))
def test_a_relative_error_reads_the_same_at_any_scale(error, scale):
    truth = scale * csi(2).astype(np.complex128)
    energies = user_energies(truth * (1 + error), truth)
    assert nmse_mean_db(*energies) == pytest.approx(20 * np.log10(error), abs=1e-6)


def test_the_mean_weighs_users_alike_and_the_pooled_ratio_by_power():
    error, signal = np.array([1.0, 1.0]), np.array([1.0, 100.0])
    assert nmse_mean_db(error, signal) == pytest.approx(10 * np.log10((1 + 0.01) / 2))
    assert nmse_pooled_db(error, signal) == pytest.approx(10 * np.log10(2 / 101))


def test_a_report_has_a_row_per_ten_km_h():
    error, signal = np.array([0.1, 0.1, 0.001]), np.ones(3)
    report = nmse_report(error, signal, np.array([9.0, 14.9, 15.0]))
    assert report.users == 3
    assert report.per_speed_db == pytest.approx({"10": -10.0, "20": -30.0})


def test_the_standard_error_is_how_much_means_of_other_users_differ():
    random = np.random.default_rng(0)
    error = random.lognormal(-3, 1, (400, 500))  # 400 draws of 500 users
    means = [nmse_mean_db(users, np.ones(500)) for users in error]
    assert standard_error_db(error[0], np.ones(500)) == pytest.approx(np.std(means), rel=0.25)


def test_one_user_tells_no_standard_error():
    assert nmse_report(np.array([0.1]), np.ones(1), np.array([10.0])).standard_error_db is None


@pytest.mark.parametrize(("speed", "row"), [(10, "10"), (5, "10"), (4.9, "0"), (104.9, "100"), (300, "300")])
def test_speeds_round_to_the_nearest_ten(speed, row):
    assert speed_label(speed) == row
