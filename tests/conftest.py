"""Fixtures that every room's tests may use."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tiny_compress
from hypothesis import settings
from llm4cp_format import ORIGIN, as_matlab, write_mat
from numpy.typing import NDArray

from edgecsi import logs
from edgecsi.channel import Dataset, write_dataset
from edgecsi.radio import ArrayGeometry, RadioSetting

settings.register_profile("edgecsi", deadline=None, derandomize=True)  # no wall clock, no chance
settings.load_profile("edgecsi")
logs.setup()  # what edgecsi says is on stderr, as on the command line

# Of `small_dataset`.
SMALL = RadioSetting(history=3, future=2, subcarriers=4, array=ArrayGeometry(columns=1, rows=1))


@pytest.fixture(scope="session")
def tiny_dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """24 users in 8 drops, TDD UMa NLoS, 10 to 100 km/h, seed 1, from real Sionna channels."""
    from edgecsi.channel.tr38901 import generate
    from edgecsi.channel.tr38901_options import DataOptions

    path = tmp_path_factory.mktemp("tiny") / "tiny.h5"
    generate(path, DataOptions(users=24, users_per_drop=3, seed=1))
    return path


@pytest.fixture(scope="session")
def compressed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The output folder of one whole `edgecsi compress` for every target; not to be changed."""
    out = tmp_path_factory.mktemp("compressed") / "build"
    done = tiny_compress.run(out)
    assert done.code == 0, done.stderr
    return out


@pytest.fixture(scope="session")
def quadriga() -> Path:
    folder = Path(__file__).parents[1].parent / "shared" / "data" / "quadriga"
    if not folder.is_dir():
        pytest.skip(f"LLM4CP's files are not here ({folder.name})")
    return folder


@pytest.fixture(scope="session")
def mat_files(tiny_dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """(history, future) in LLM4CP's format with the channels of `tiny_dataset`, 4 speeds x 6 users."""
    folder = tmp_path_factory.mktemp("mat")
    with Dataset.open(tiny_dataset) as ds:
        history, future = as_matlab(ds.history(slice(None))), as_matlab(ds.future(slice(None)))
    return (
        write_mat(folder / "H_U_his_train.mat", "H_U_his_train", history),
        write_mat(folder / "H_U_pre_train.mat", "H_U_pre_train", future),
    )


@pytest.fixture
def small_dataset(tmp_path: Path) -> Callable[..., Path]:
    """Writes a dataset of random small CSI: `small_dataset(users=6, drop=..., radio=...)`."""

    def write(
        users: int = 6,
        drop: NDArray[np.integer] | None = None,
        name: str = "small.h5",
        radio: RadioSetting = SMALL,
    ) -> Path:
        random = np.random.default_rng(users)
        history, future = (
            random.standard_normal((users, *one)).astype(np.complex64)
            for one in (radio.history_shape, radio.future_shape)
        )
        with write_dataset(tmp_path / name, radio, ORIGIN, users) as writer:
            writer.write(0, history, future, np.full(users, 30.0), np.arange(users) if drop is None else drop)
        return tmp_path / name

    return write
