from collections.abc import Callable
from pathlib import Path

import h5py
import pytest
from llm4cp_format import random_csi, write_mat


@pytest.fixture
def pair(tmp_path) -> tuple[Path, Path]:
    """A small good (history, future) of LLM4CP's."""
    return (
        write_mat(tmp_path / "his.mat", "H_U_his_test", random_csi(3)),
        write_mat(tmp_path / "pre.mat", "H_U_pre_test", random_csi(2)),
    )


@pytest.fixture
def edit(small_dataset) -> Callable[[Callable[[h5py.File], object]], Path]:
    """Open a good dataset for damage: `edit(lambda file: ...)` -> its path."""

    def change(damage: Callable[[h5py.File], object]) -> Path:
        path = small_dataset()
        with h5py.File(path, "r+") as file:
            damage(file)
            del file.attrs["checksum"]
        return path

    return change
