"""The joint solver against its definition in numpy, and what the network around it promises."""

import json
import math
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from pydantic import ValidationError

from edgecsi.errors import ModelError
from edgecsi.export.onnx_graph import export_onnx
from edgecsi.interleaved import to_complex
from edgecsi.metrics import relative_error_db
from edgecsi.models.csi_joint import CsiJoint, CsiJointOptions
from edgecsi.models.elimination import eliminate
from edgecsi.models.folder import ModelConfig, build_network, load, load_config
from edgecsi.models.joint_solver import START
from edgecsi.models.network import NETWORKS
from edgecsi.models.scaling import normalise
from edgecsi.models.shipped import FOLDER, shipped
from edgecsi.radio import ArrayGeometry, RadioSetting
from edgecsi.tasks import TASKS

SIONNA = Path(__file__).with_name("shipped_predictions.npz")  # a user of Sionna's channels at 20 dB SNR
SMALL = RadioSetting(array=ArrayGeometry(columns=2, rows=1), history=12, future=2, subcarriers=8)
FEW = {"angles": 4, "dopplers": 5, "delays": 8}


def build(radio=RadioSetting(), **options):
    torch.manual_seed(0)
    return build_network(ModelConfig(name="csi-joint", radio=radio, options=options)).eval()


def run(network, history):
    with torch.inference_mode():
        return network(history)


@pytest.fixture(scope="module")
def history():
    """One user of Sionna's channels at 20 dB SNR, and the same one at about 10 dB."""
    with np.load(SIONNA) as file:
        noisy = file["tdd.history"].astype(np.float32)
    more = np.random.default_rng(0).standard_normal(noisy.shape, np.float32)
    return torch.from_numpy(np.concatenate([noisy, noisy + 0.3 * noisy.std() * more]))


@pytest.fixture(scope="module")
def network():
    return build(grids=2)


def numpy_solver(history, student, shift, delays=16, steps=3):
    """One grid for one user, complex [antenna, T, K] and [antenna, P, K], written out with dense matrices."""
    kernel = np.sinc(0.24 * (np.arange(16)[:, None] - np.arange(16)))
    sequences = np.linalg.eigh(kernel)[1][:, ::-1]
    shifts = np.linspace(-0.118, 0.118, 25)

    def waves(time):
        axis = np.exp(2j * np.pi * np.outer(np.arange(12), np.arange(4)) / 12)
        tones = np.exp(2j * np.pi * np.outer(shifts, time))
        tones = tones @ sequences[:, :7] if len(time) == 16 else tones
        return np.einsum("kc,lr,ns->klncrs", axis, axis, tones).reshape(12 * 12 * 25, -1)

    past, ahead = waves(np.arange(16)), waves(np.arange(16, 20))
    rms = np.sqrt((np.abs(history) ** 2).mean())
    turn = np.exp(2j * np.pi * np.arange(48) * shift / 48)
    bins = np.fft.ifft(history / rms * turn, norm="ortho").reshape(4, 4, 2, 16, 48)
    noise = (np.abs(np.einsum("crptd,ts->crpsd", bins, sequences[:, 9:])) ** 2).mean()
    unit = math.sqrt(max(noise, 3e-4))
    level = 0.5 * float(np.clip(math.log10(unit**2) + 2, -1.5, 1.5))
    at = {name: np.array(value) + level * np.array(slope) for name, (value, slope) in START.items()}
    pools = [np.exp(at[name]).reshape(3, 2) for name in ("pool_delay", "pool_angle", "pool_doppler")]

    samples = np.einsum("crptd,ts->dpcrs", bins, sequences[:, :7]).reshape(48, 2, -1) / unit
    rise = np.maximum((np.abs(samples) ** 2).mean((1, 2)) - 1, 0)
    chosen = np.argsort(-rise)[:delays]
    samples, rise = samples[chosen], rise[chosen]
    power = np.maximum((np.abs(samples @ past.conj().T) ** 2).mean(1) / 192, 1e-3) ** at["start"][0]
    least, total = math.exp(at["start"][2]), math.exp(at["start"][1])
    power *= ((rise + least) * 112 / 192 * total / power.sum(1))[:, None]

    def inverse(power):
        load = math.exp(at["load"][0]) + 1e-5 * power.sum(1)
        covariance = np.stack([(past.T * row) @ past.conj() for row in power])
        return np.linalg.inv(covariance + load[:, None, None] * np.eye(112))

    def pool(values, delay, angle, doppler):
        whole = np.zeros((48, 12, 12, 25))
        whole[chosen] = values.reshape(-1, 12, 12, 25)
        for axis, weight in ((0, delay), (1, angle), (2, angle)):
            whole = whole + weight * (np.roll(whole, 1, axis) + np.roll(whole, -1, axis))
        line = np.pad(whole, [(0, 0)] * 3 + [(1, 1)])
        whole = whole + doppler * (line[..., :-2] + line[..., 2:])
        whole /= (1 + 2 * delay) * (1 + 2 * angle) ** 2 * (1 + 2 * doppler)
        return whole[chosen].reshape(len(chosen), -1)

    for step in range(steps):
        power = power * math.exp(at["scale"][step])
        found = inverse(power)
        fit = (np.abs(samples @ found.swapaxes(1, 2) @ past.conj().T) ** 2).mean(1)
        gain = np.stack([np.sum((past.conj() @ one) * past, axis=1).real for one in found])
        parts = (power * fit, power * np.maximum(gain, 1e-6))
        above, below = (pool(part, *(weights[step, i] for weights in pools)) for i, part in enumerate(parts))
        power = power * ((above + 1e-9) / (below + 1e-9)) ** at["eta"][step]
    power = power * math.exp(at["scale"][-1])
    weights = samples @ inverse(power).swapaxes(1, 2) @ past.conj().T * power[:, None]
    future = (weights @ ahead).reshape(delays, 2, 4, 4, 4) * unit  # delay, polarisation, column, row, step

    out = np.fft.ifft(student / rms * turn, norm="ortho").reshape(4, 4, 2, 4, 48)
    trust = float(np.clip((math.log10(noise) + 5) / 2, 0, 1)) / (1 + math.exp(-at["gate"][0]))
    out[..., chosen] = trust * future.transpose(2, 3, 1, 4, 0) + (1 - trust) * out[..., chosen]
    return np.fft.fft(out.reshape(32, 4, 48), norm="ortho") * turn.conj() * rms


@pytest.mark.parametrize("grids", [1, 2])
def test_it_is_the_solver_as_defined(history, grids):
    network = build(grids=grids)
    found = to_complex(run(network, history).numpy())
    student = to_complex(run(network.array_student, history).numpy()).astype(complex)
    for user, one in enumerate(to_complex(history.numpy()).astype(complex)):
        parts = [numpy_solver(one, student[user], grid / grids) for grid in range(grids)]
        assert relative_error_db(found[user], np.mean(parts, axis=0)) < -65
        assert relative_error_db(found[user], student[user]) > -40  # which the solver changes


def test_without_steps_it_is_the_shipped_array_student(history):
    network = build(steps=0)
    assert torch.equal(run(network, history), run(load(shipped("csi-alm-light-ad", "tdd")), history))
    assert not hasattr(network, "solver")


def test_clean_histories_are_left_to_the_array_student(network):
    time, antenna = torch.arange(16)[:, None] / 16, torch.arange(32)[:, None, None] / 5
    phase = 2 * math.pi * (antenna + time + torch.arange(48) / 20)
    clean = torch.stack([phase.cos(), phase.sin()], dim=-1)[None].float()
    assert torch.equal(run(network, clean), run(network.array_student, clean))


@pytest.mark.parametrize("exponent", [-8, -3, 4])
def test_scale_equivariance(network, history, exponent):
    factor = 10.0**exponent
    assert (
        relative_error_db(run(network, factor * history).numpy(), factor * run(network, history).numpy())
        < -75
    )


def test_phase_equivariance(network, history):
    turn = np.complex64(np.exp(1j))
    turned = turn * to_complex(history.numpy())
    found = run(network, torch.from_numpy(np.stack([turned.real, turned.imag], -1)))
    assert (
        relative_error_db(to_complex(found.numpy()), turn * to_complex(run(network, history).numpy())) < -70
    )


def test_neighbours_in_the_batch_change_nothing(network, history):
    together = run(network, torch.cat([history, torch.zeros_like(history[:1])]))
    assert not together[2].any()
    for user in range(2):
        alone = run(network, history[user : user + 1])
        assert relative_error_db(together[user].numpy(), alone[0].numpy()) < -75


def test_fp32_is_enough(history):
    network = build()
    found = run(network, history).numpy()
    exact = run(network.double(), history.double()).numpy()
    assert all(relative_error_db(one, other) < -65 for one, other in zip(found, exact, strict=True))


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_a_step_takes_16_scalars_and_its_ends_12(steps):
    network = build(steps=steps)
    assert sum(values.numel() for values in network.solver.parameters()) == 16 * steps + 12


def test_every_scalar_learns(history):
    network = build(**FEW)
    network(history[:1]).square().sum().backward()
    assert all(values.grad.abs().sum() > 0 for values in network.solver.parameters())
    assert all(values.grad is None for values in network.array_student.parameters())


def test_where_no_student_is_shipped_it_learns_too(csi):
    network = build(SMALL, steps=1, **FEW)
    network(csi(1, SMALL)).square().sum().backward()
    assert any(values.grad is not None for values in network.array_student.parameters())


def test_the_shipped_one_holds_the_shipped_array_student():
    student, given = load(shipped("csi-joint", "tdd")).array_student, load(shipped("csi-alm-light-ad", "tdd"))
    pairs = zip(student.parameters(), given.parameters(), strict=True)
    assert all(torch.equal(one, other) for one, other in pairs)


@pytest.mark.parametrize("options", [{"steps": 4}, {"delays": 7}, {"delays": 49}, {"grids": 3}, {"depth": 1}])
def test_options_have_bounds(options):
    with pytest.raises(ValidationError):
        CsiJointOptions(**options)


def test_what_it_can_not_do_is_told():
    row = NETWORKS.get("csi-joint")
    assert row.cannot(RadioSetting(duplex="fdd")) == "predicts TDD, not FDD"
    assert row.cannot(RadioSetting(history=8)) == (
        "needs 10 samples of history to tell noise from paths, not 8"
    )
    wide = RadioSetting(array=ArrayGeometry(columns=16, rows=8))
    assert row.cannot(wide) == (
        "solves at most 512 unknowns a delay, which beams and samples of history make 896"
    )
    with pytest.raises(ModelError, match="csi-joint has no relations to distil"):
        build(SMALL, **FEW).predict(torch.zeros(1, 4, 12, 8, 2), relations=True)


class Equations(torch.nn.Module):
    """Of the shapes of a network: one elimination of 32 unknowns, on two panels."""

    def __init__(self):
        super().__init__()
        self.load = torch.nn.Parameter(torch.ones(()))

    def forward(self, csi):
        rows, rms, peak = normalise(csi)
        rows = rows.flatten(1).unflatten(1, (32, -1))
        matrix = torch.matmul(rows, rows.transpose(1, 2)) + self.load * torch.eye(32)
        solved = eliminate(matrix, rows[:, :, :4].transpose(1, 2))
        return (solved.solution() + solved.inverse()[:, :4]).unflatten(2, (2, 8, 2)) * rms * peak


@pytest.mark.filterwarnings("ignore")
def test_equations_are_exported_in_standard_operators(csi):
    """The whole network takes the exporter minutes."""
    network = Equations()
    graph = export_onnx(network, TASKS.get("csi"), SMALL)
    assert {node.domain for node in onnx.load_model_from_string(graph).graph.node} <= {"", "ai.onnx"}
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    history = csi(5, SMALL, seed=7)
    (future,) = session.run(None, {"csi_history": history.numpy()})
    assert relative_error_db(future, run(network, history).numpy()) < -80


def test_the_shipped_one_is_no_reference():
    folder = FOLDER / "csi-joint-tdd"
    assert json.loads((folder / "role.json").read_text()) == {"reference_for": []}
    assert load_config(folder).trained.snr_db == (5, 30)
    assert isinstance(load(folder), CsiJoint)
