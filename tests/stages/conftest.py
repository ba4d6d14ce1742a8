import shutil

import pytest


@pytest.fixture
def build(compressed, tmp_path):
    """A copy of the shared output folder, to be changed."""
    return shutil.copytree(compressed, tmp_path / "build")
