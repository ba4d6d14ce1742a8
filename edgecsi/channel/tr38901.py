"""Channels by 3GPP TR 38.901 from Sionna: the papers' recipe, in this project's antenna order.

One base station sector with a 4x4 dual-polarised panel (V and H, half a wavelength apart), outdoor users
with one vertical antenna moving at constant velocity, 2.4 GHz, 20 steps of 0.5 ms, 96 subcarriers of 180 kHz.
The first 48 subcarriers are the uplink; the future is on the same 48 (TDD) or the other 48 (FDD). The
setting is that of LLM4CP (Liu et al., JCIN 2024) and CSI-ALM, who took their channels from QuaDRiGa.

Power: path loss and shadow fading are left in, so a coefficient is the physical gain between the antenna
ports (about 1e-7 to 1e-4), as in QuaDRiGa's files; nothing is normalised.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import sionna
import torch
from numpy.typing import NDArray
from sionna.phy import config
from sionna.phy.channel import cir_to_ofdm_channel, gen_single_sector_topology, subcarrier_frequencies
from sionna.phy.channel.tr38901 import PanelArray, UMa, UMi

from edgecsi.channel.info import ChannelInfo, UePattern
from edgecsi.channel.writer import write_dataset
from edgecsi.csi import CsiShape

SHAPE = CsiShape()
CARRIER_HZ, SPACING_HZ, STEP_S = 2.4e9, 180e3, 0.5e-3
_BATCH_USERS = 10  # measured fastest: more leave the processor's cache
_DEVICE = "cpu"  # one device everywhere, so that a seed means the same channels on every machine
_MODELS = {"uma": UMa, "umi": UMi}
_PATTERNS = {"omni": ["omni"], "38.901": ["38.901"], "mixed": ["omni", "38.901"]}


@dataclass(frozen=True)
class Recipe:
    """What to draw. Speeds are uniform in `speed_kmh`; LoS is forced to one state for every user.

    ue_pattern: "mixed" changes it from batch to batch, so that half of the users have each.
    test_share: how much of the dataset `split` keeps for tests (None: a tenth).
    """

    scenario: Literal["uma", "umi"] = "uma"
    los: bool = False
    duplex: Literal["tdd", "fdd"] = "tdd"
    speed_kmh: tuple[float, float] = (10.0, 100.0)
    ue_pattern: UePattern = "omni"
    users_per_drop: int = 10
    seed: int = 0
    test_share: float | None = None

    @property
    def info(self) -> ChannelInfo:
        """The attributes of a dataset by this recipe."""
        return ChannelInfo(
            scenario=self.scenario,
            los=self.los,
            duplex=self.duplex,
            carrier_hz=CARRIER_HZ,
            subcarrier_spacing_hz=SPACING_HZ,
            step_s=STEP_S,
            ue_pattern=self.ue_pattern,
            generator="sionna TR 38.901",
            generator_version=sionna.__version__,
            seed=self.seed,
            test_share=self.test_share,
        )


class ChannelGenerator:
    """Draws batches of drops; a batch depends on the recipe and its own index alone."""

    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe
        self.drops = max(1, _BATCH_USERS // recipe.users_per_drop)
        bs_array = base_station_array()
        ut_arrays = [
            PanelArray(1, 1, "single", "V", pattern, CARRIER_HZ, device=_DEVICE)
            for pattern in _PATTERNS[recipe.ue_pattern]
        ]
        self._models = [
            _MODELS[recipe.scenario](CARRIER_HZ, "low", ut_array, bs_array, "uplink", device=_DEVICE)
            for ut_array in ut_arrays
        ]
        self._order = torch.from_numpy(antenna_order(bs_array))
        self._frequencies = subcarrier_frequencies(2 * SHAPE.subcarriers, SPACING_HZ, device=_DEVICE)

    @property
    def users(self) -> int:
        """Users in a batch."""
        return self.drops * self.recipe.users_per_drop

    def batch(self, index: int) -> tuple[NDArray[np.complex64], NDArray[np.float32], NDArray[np.int64]]:
        """CSI complex64 [user, antenna, time, 2K] over both bands, speed in km/h [user] and drop [user]."""
        recipe = self.recipe
        low, high = (speed / 3.6 for speed in recipe.speed_kmh)
        model = self._models[index % len(self._models)]
        with _reproducible([recipe.seed, index]):
            users, station, _, station_facing, velocity, indoor = gen_single_sector_topology(
                self.drops,
                recipe.users_per_drop,
                recipe.scenario,
                indoor_probability=0.0,
                min_ut_velocity=low,
                max_ut_velocity=high,
                device=_DEVICE,
            )
            # Upright and facing where they go, as QuaDRiGa's users do; Sionna would tumble them.
            facing = torch.atan2(velocity[..., 1], velocity[..., 0])[..., None] * torch.tensor(
                [1.0, 0.0, 0.0]
            )
            model.set_topology(users, station, facing, station_facing, velocity, indoor, recipe.los)
            gains, delays = model(SHAPE.history + SHAPE.future, 1 / STEP_S)
            csi = cir_to_ofdm_channel(self._frequencies, gains, delays)
        # [drop, 1, antenna, user, 1, time, subcarrier] -> [drop, user, antenna, time, subcarrier]
        csi = csi[:, 0, :, :, 0][:, self._order].transpose(1, 2)
        speed_kmh = torch.linalg.vector_norm(velocity, dim=-1) * 3.6
        drop = index * self.drops + np.arange(self.drops).repeat(recipe.users_per_drop)
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
    recipe: Recipe,
    users: int,
    advance: Callable[[int, int], None] = lambda done, users: None,
) -> None:
    """Write a dataset of `users` users; `advance` hears how many of how many are done.

    The same recipe gives the same bytes with the same library versions on the same kind of processor.
    """
    generator = ChannelGenerator(recipe)
    band = slice(None, SHAPE.subcarriers) if recipe.duplex == "tdd" else slice(SHAPE.subcarriers, None)
    with write_dataset(path, recipe.info, SHAPE, users) as writer:
        for batch, first in enumerate(range(0, users, generator.users)):
            csi, speed_kmh, drop = (part[: users - first] for part in generator.batch(batch))
            history = csi[:, :, : SHAPE.history, : SHAPE.subcarriers]
            writer.write(first, history, csi[:, :, SHAPE.history :, band], speed_kmh, drop)
            advance(first + len(csi), users)


def base_station_array() -> PanelArray:
    """4x4 dual-polarised panel, half a wavelength apart, elements by TR 38.901 table 7.3-1."""
    return PanelArray(4, 4, "dual", "VH", "38.901", CARRIER_HZ, device=_DEVICE)


def antenna_order(array: PanelArray) -> NDArray[np.int64]:
    """Sionna's index of each antenna in the order of :mod:`edgecsi.csi`: int64 [antenna].

    Read off the positions: columns along y, rows upwards along z, V before H at each place. Sionna counts
    rows downwards and all of V before H; QuaDRiGa's `3gpp-mmw` arrays, and so LLM4CP's files, count as we do.
    """
    _, column, row = array.ant_pos.numpy().round(4).T
    polarisation = np.zeros(array.num_ant, int)
    polarisation[array.ant_ind_pol2.numpy()] = 1
    return np.lexsort((polarisation, row, column))
