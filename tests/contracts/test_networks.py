"""Every network and every baseline over every setting: it works, or says why not in one line."""

from functools import cache

import numpy as np
import pytest
import torch
from contract_settings import SETTINGS, setting
from plane_waves import plane_waves

from edgecsi.errors import ModelError
from edgecsi.metrics import relative_error_db
from edgecsi.models import NETWORKS, ModelConfig, build_network
from edgecsi.models.baselines import BASELINES
from edgecsi.models.baselines.hold_last import hold_last
from edgecsi.radio import RadioSetting
from edgecsi.tasks import TASKS
from edgecsi.users import Users

CSI = TASKS.get("csi")
SCALE = 3e-6  # of raw channel coefficients
ROWS = [row.name for row in NETWORKS if row.task == "csi"]
CLASSICAL = [row.name for row in BASELINES if row.task == "csi"]
everywhere = pytest.mark.parametrize("radio", SETTINGS.values(), ids=SETTINGS)


@cache
def users(radio):
    """Two users whose channels are few plane waves with a little noise, at the scale of raw coefficients."""
    history, future = plane_waves(2, 4, 0.1, 0.3, radio=radio)
    noisy = CSI.add_noise(history, np.arange(2), 20.0, 0, 0)
    return Users(np.float32(SCALE) * noisy, np.float32(SCALE) * future)


def config(name, radio):
    backbone = "random" if NETWORKS.get(name).backbone else None
    return ModelConfig(name=name, radio=radio, backbone=backbone)


@cache
def network(name, radio):
    """(inputs -> targets) of an untrained network, as complex arrays."""
    torch.manual_seed(0)
    built = build_network(config(name, radio)).eval()

    def predict(inputs):
        with torch.inference_mode():
            return CSI.target.from_engine(built(torch.from_numpy(CSI.input.to_engine(inputs))).numpy())

    return predict


def is_one_line(why):
    return why is not None and why and "\n" not in why and not why.endswith(".")


def keeps_its_promises(predict, radio):
    """Shape and type; scale and neighbours in the batch change nothing; a user without power gets zeros."""
    inputs, factor = users(radio).inputs, np.float32(1e8)
    together = predict(inputs)
    assert together.shape == (2, *CSI.target.dims(radio))
    assert together.dtype == np.complex64
    assert np.isfinite(together).all()
    other = predict(np.stack([factor * inputs[0], np.zeros_like(inputs[0])]))
    assert not other[1].any()
    assert relative_error_db(other[0], factor * together[0]) < -80


@everywhere
@pytest.mark.parametrize("name", ROWS)
def test_a_network_works_or_says_why_not(name, radio):
    why = NETWORKS.get(name).cannot(radio)
    if why is None:
        keeps_its_promises(network(name, radio), radio)
        return
    assert is_one_line(why)
    with pytest.raises(ModelError, match=f"^{name} {why}$"):
        build_network(config(name, radio))


@everywhere
@pytest.mark.parametrize("name", CLASSICAL)
def test_a_baseline_works_or_says_why_not(name, radio):
    row = BASELINES.get(name)
    why = row.why_not(radio)
    if why is None:
        keeps_its_promises(row.choose(users(radio), radio), radio)
    else:
        assert is_one_line(why)


@everywhere
def test_those_that_know_the_array_work_everywhere(radio):
    """Their one duplex mode aside, no setting of the suite has too few samples for them."""
    assert NETWORKS.get("csi-alm-light-ad").cannot(radio) is None
    other = {"tdd": "band_ar", "fdd": "ridge_ar"}[radio.duplex]
    assert [row.name for row in BASELINES if row.task == "csi" and row.why_not(radio)] == [other]


def gain_db(predict, some, radio):
    """How much nearer than the last sample a prediction is."""
    held = hold_last(some.inputs, radio.future)
    return relative_error_db(held, some.targets) - relative_error_db(predict(some.inputs), some.targets)


@everywhere
def test_untrained_the_array_student_sees_through_plane_waves(radio):
    some = Users(*plane_waves(2, 3, 0.1, 0.3, seed=5, radio=radio))
    assert gain_db(network("csi-alm-light-ad", radio), some, radio) > 10


@everywhere
def test_so_does_the_classical_predictor(radio):
    some = Users(*plane_waves(2, 3, 0.1, 0.3, seed=5, radio=radio))
    (row,) = (row for row in BASELINES if row.tuned and row.why_not(radio) is None)
    assert gain_db(row.choose(some, radio), some, radio) > 10


@pytest.mark.parametrize("duplex", ["tdd", "fdd"])
@pytest.mark.parametrize("order", ["polarisation-row-column", "row-column-polarisation"])
@pytest.mark.parametrize("name", ["csi-alm-light-ad", "bin_rotation", "tuned"])
def test_the_order_of_the_antennas_is_the_settings(name, order, duplex):
    radio = SETTINGS[f"4x2x2-{duplex}"]
    array = radio.array.model_copy(update={"element_order": order})
    other, some = radio.model_copy(update={"array": array}), users(radio)
    inputs, back = np.empty_like(some.inputs), array.places().ravel()
    inputs[:, back] = some.inputs[:, radio.array.places().ravel()]

    def predict(setting, histories):
        if name == "csi-alm-light-ad":
            return network(name, setting)(histories)
        targets = some.targets  # which choose alike, in their own order
        if setting is other:
            targets = np.empty_like(targets)
            targets[:, back] = some.targets[:, radio.array.places().ravel()]
        rows = [row for row in BASELINES if row.name == name or (name == "tuned" and row.tuned)]
        (row,) = (row for row in rows if row.why_not(setting) is None)
        return row.choose(Users(histories, targets), setting)(histories)

    found = predict(other, inputs)[:, back]
    assert relative_error_db(found, predict(radio, some.inputs)[:, radio.array.places().ravel()]) < -60


def test_a_gap_between_the_bands_is_extrapolated_through():
    radio = setting("4x4x2", "fdd", band_gap_hz=3 * 180e3)
    some = Users(*plane_waves(2, 3, 0.05, 0.2, seed=3, radio=radio))
    assert gain_db(network("csi-alm-light-ad", radio), some, radio) > 5
    assert gain_db(BASELINES.get("band_ar").choose(some, radio), some, radio) > 20


WHY_NOT = {
    "a gap that is no whole subcarriers": (
        {"duplex": "fdd", "band_gap_hz": 100e3},
        "in whole subcarriers of 180 kHz, which 100 kHz is not",
    ),
    "a wide gap": (
        {"duplex": "fdd", "band_gap_hz": 90e6},
        "nothing beyond a gap wider than the band: 90 MHz, and the band has 8.64 MHz",
    ),
    "few subcarriers": (
        {"duplex": "fdd", "subcarriers": 8},
        "needs 9 subcarriers to know another band, not 8",
    ),
}


@pytest.mark.parametrize(("fields", "words"), WHY_NOT.values(), ids=WHY_NOT)
def test_what_can_not_be_extrapolated_is_told(fields, words):
    radio = RadioSetting(**fields)
    assert words in NETWORKS.get("csi-alm-light-ad").cannot(radio)
    assert words in BASELINES.get("band_ar").why_not(radio)


def test_short_histories_are_told():
    short = RadioSetting(history=8)
    words = "needs 10 samples of history to tell noise from paths, not 8"
    assert NETWORKS.get("csi-alm-light-ad").cannot(short) == words
    assert BASELINES.get("ridge_ar").why_not(short) is None
    assert BASELINES.get("ridge_ar").why_not(RadioSetting(history=3)) == "needs 4 samples of history, not 3"
    assert "two samples" in NETWORKS.get("csi-alm-light-delta").cannot(RadioSetting(history=1))
    for name in ("csi-alm", "llm4cp"):
        assert NETWORKS.get(name).cannot(RadioSetting(history=10)) == (
            "needs a history of a multiple of 4 samples, not 10"
        )
