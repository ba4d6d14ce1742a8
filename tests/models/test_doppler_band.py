"""The array student's Doppler band follows from carrier, step and speed: it is no constant."""

import numpy as np
import pytest
import torch
from plane_waves import plane_waves

from edgecsi.errors import ModelError
from edgecsi.interleaved import to_complex, to_interleaved
from edgecsi.metrics import relative_error_db
from edgecsi.models.csi_alm_light_ad import CsiAlmLightAd, CsiAlmLightAdOptions, options_for
from edgecsi.models.folder import ModelConfig, build_network
from edgecsi.radio import RadioSetting
from edgecsi.tasks.noise import add_white_noise


def test_the_papers_setting_takes_the_usual_band():
    assert options_for(RadioSetting(), 100.0) == {}
    assert CsiAlmLightAdOptions().doppler_band == 0.12


@pytest.mark.parametrize(
    ("radio", "speed_kmh", "band"),
    [
        (RadioSetting(carrier_hz=3.5e9), 100.0, 0.18),
        (RadioSetting(step_s=1e-3), 100.0, 0.25),
        (RadioSetting(), 250.0, 0.31),
    ],
)
def test_faster_users_higher_carriers_and_longer_steps_take_a_wider_one(radio, speed_kmh, band):
    assert options_for(radio, speed_kmh) == {"doppler_band": pytest.approx(band)}


def test_a_band_that_a_history_can_not_tell_is_one_line():
    config = ModelConfig(name="csi-alm-light-ad", radio=RadioSetting(), options={"doppler_band": 0.4})
    with pytest.raises(ModelError, match=r"Doppler band of 0\.4 needs 35 samples of history"):
        build_network(config)


def test_a_wide_band_predicts_users_that_the_usual_one_can_not():
    radio = RadioSetting(step_s=1.25e-3, history=20)  # 100 km/h: 0.28 cycles per sample
    history, future = plane_waves(users=4, waves=8, doppler=0.28, delay=0.2, seed=1, radio=radio)
    noisy = add_white_noise(history, np.arange(4), 20.0, seed=0)
    nmse_db = {}
    for band in (0.12, 0.31):
        torch.manual_seed(0)
        network = CsiAlmLightAd(radio, CsiAlmLightAdOptions(doppler_band=band)).eval()
        with torch.inference_mode():
            found = to_complex(network(torch.from_numpy(to_interleaved(noisy))).numpy())
        nmse_db[band] = relative_error_db(found, future)
    assert nmse_db[0.31] < nmse_db[0.12] - 8
