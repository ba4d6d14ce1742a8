"""Channels by 3GPP TR 38.901 from Sionna, for any radio setting, in this project's antenna order.

One base station sector with a planar array of 3GPP elements (V, or V and H), outdoor users with one vertical
antenna moving at constant velocity. By default the setting is that of LLM4CP (Liu et al., JCIN 2024) and
CSI-ALM, who took their channels from QuaDRiGa: a 4x4 dual-polarised array, 2.4 GHz, 20 steps of 0.5 ms, 48
subcarriers of 180 kHz. The history is the uplink; the future is on its band (TDD) or on one above it (FDD).

Frequencies count from the upper edge of the history's band, so that the default bands of FDD, which touch,
are the two halves of one. All bands have the paths of the carrier: angles, delays and powers do not change
within a band gap, the phases do.

Power: path loss and shadow fading are left in, so a coefficient is the physical gain between the antenna
ports (about 1e-7 to 1e-4), as in QuaDRiGa's files; nothing is normalised.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import sionna
import torch
from numpy.typing import NDArray
from sionna.phy import config
from sionna.phy.channel import cir_to_ofdm_channel, gen_single_sector_topology
from sionna.phy.channel.tr38901 import PanelArray, UMa, UMi

from edgecsi.channel.origin import Origin
from edgecsi.channel.tr38901_options import DataOptions
from edgecsi.channel.writer import write_dataset
from edgecsi.radio import RadioSetting

_BATCH_USERS = 10  # measured fastest: more leave the processor's cache
_DEVICE = "cpu"  # one device everywhere, so that a seed means the same channels on every machine
_MODELS = {"uma": UMa, "umi": UMi}
_PATTERNS = {"omni": ["omni"], "38.901": ["38.901"], "mixed": ["omni", "38.901"]}


class ChannelGenerator:
    """Draws batches of users; a batch depends on the options' seed and its index alone."""

    def __init__(self, options: DataOptions) -> None:
        self.options, self.radio = options, options.radio
        self.drops = max(1, _BATCH_USERS // options.users_per_drop)
        carrier = self.radio.carrier_hz
        bs_array = base_station_array(self.radio)
        ut_arrays = [
            PanelArray(1, 1, "single", "V", pattern, carrier, device=_DEVICE)
            for pattern in _PATTERNS[options.ue_pattern]
        ]
        self._models = [
            _MODELS[options.scenario](carrier, "low", ut_array, bs_array, "uplink", device=_DEVICE)
            for ut_array in ut_arrays
        ]
        self._order = torch.from_numpy(antenna_order(bs_array))
        self._frequencies = torch.from_numpy(frequencies(self.radio))

    @property
    def users(self) -> int:
        """Users in a batch."""
        return self.drops * self.options.users_per_drop

    def batch(self, index: int) -> tuple[NDArray[np.complex64], NDArray[np.float32], NDArray[np.int64]]:
        """CSI complex64 [user, antenna, time, 2K] over both bands, speed in km/h [user] and drop [user]."""
        options, radio = self.options, self.radio
        low, high = (speed / 3.6 for speed in options.speed_kmh)
        model = self._models[index % len(self._models)]
        with _reproducible([options.seed, index]):
            users, station, _, station_facing, velocity, indoor = gen_single_sector_topology(
                self.drops,
                options.users_per_drop,
                options.scenario,
                indoor_probability=0.0,
                min_ut_velocity=low,
                max_ut_velocity=high,
                device=_DEVICE,
            )
            # Upright and facing where they go, as QuaDRiGa's users do; Sionna would tumble them.
            facing = torch.atan2(velocity[..., 1], velocity[..., 0])[..., None] * torch.tensor(
                [1.0, 0.0, 0.0]
            )
            model.set_topology(users, station, facing, station_facing, velocity, indoor, options.los)
            gains, delays = model(radio.history + radio.future, 1 / radio.step_s)
            csi = cir_to_ofdm_channel(self._frequencies, gains, delays)
        # [drop, 1, antenna, user, 1, time, subcarrier] -> [drop, user, antenna, time, subcarrier]
        csi = csi[:, 0, :, :, 0][:, self._order].transpose(1, 2)
        speed_kmh = torch.linalg.vector_norm(velocity, dim=-1) * 3.6
        drop = index * self.drops + np.arange(self.drops).repeat(options.users_per_drop)
        return csi.flatten(0, 1).numpy(), speed_kmh.flatten().numpy(), drop


@contextmanager
def _reproducible(seed: list[int]) -> Iterator[None]:
    """Seed Sionna, on one thread (more would only add up in another order), and leave torch as it was."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.random.fork_rng(devices=[]):  # setting Sionna's seed sets torch's too
            config.seed = int(np.random.SeedSequence(seed).generate_state(1, np.uint64)[0])
            yield
    finally:
        torch.set_num_threads(threads)


def generate(
    path: Path,
    options: DataOptions,
    advance: Callable[[int, int], None] = lambda done, users: None,
) -> None:
    """Write a dataset of `options.users` users; `advance` hears how many of how many are done.

    The same options give the same bytes with the same library versions on the same kind of processor.
    """
    generator, users, radio = ChannelGenerator(options), options.users, options.radio
    origin = Origin(
        scenario=options.scenario,
        los=options.los,
        ue_pattern=options.ue_pattern,
        generator="sionna TR 38.901",
        generator_version=sionna.__version__,
        seed=options.seed,
        test_share=options.test_share,
    )
    band = slice(None, radio.subcarriers) if radio.duplex == "tdd" else slice(radio.subcarriers, None)
    with write_dataset(path, radio, origin, users) as writer:
        for batch, first in enumerate(range(0, users, generator.users)):
            csi, speed_kmh, drop = (part[: users - first] for part in generator.batch(batch))
            history = csi[:, :, : radio.history, : radio.subcarriers]
            writer.write(first, history, csi[:, :, radio.history :, band], speed_kmh, drop)
            advance(first + len(csi), users)


def frequencies(radio: RadioSetting) -> NDArray[np.float32]:
    """Baseband frequencies in Hz of the history's band, then of the band above: float32 [2K].

    Both are drawn for TDD too: so the same seed means the same channels whatever the duplex mode.
    """
    below = np.arange(-radio.subcarriers, 0, dtype=np.float32) * np.float32(radio.subcarrier_spacing_hz)
    above = np.arange(radio.subcarriers, dtype=np.float32) * np.float32(radio.subcarrier_spacing_hz)
    return np.concatenate([below, above + np.float32(radio.band_gap_hz)])


def base_station_array(radio: RadioSetting) -> PanelArray:
    """A planar array of elements by TR 38.901 table 7.3-1, V or V and H at each place."""
    array = radio.array
    kind, direction = ("dual", "VH") if array.polarisations == 2 else ("single", "V")
    return PanelArray(
        array.rows,
        array.columns,
        kind,
        direction,
        "38.901",
        radio.carrier_hz,
        element_vertical_spacing=array.row_spacing,
        element_horizontal_spacing=array.column_spacing,
        device=_DEVICE,
    )


def antenna_order(array: PanelArray) -> NDArray[np.int64]:
    """Sionna's index of each antenna in the order of :mod:`edgecsi.radio`: int64 [antenna].

    Read off the positions: columns along y, rows upwards along z, V before H at each place. Sionna counts
    rows downwards and all of V before H; QuaDRiGa's `3gpp-mmw` arrays, and so LLM4CP's files, count as we do.
    """
    places = array.ant_pos.numpy()
    extent = np.abs(places).max(axis=0)
    # In single precision: the same column and row only when rounded.
    _, column, row = (places / np.where(extent > 0, extent, 1)).round(4).T
    polarisation = np.ones(array.num_ant, int)
    polarisation[array.ant_ind_pol1.numpy()] = 0
    return np.lexsort((polarisation, row, column))
