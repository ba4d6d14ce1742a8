import pytest
import tiny_bundle


@pytest.fixture
def bundle(tmp_path):
    """The folder of a whole bundle."""
    return tiny_bundle.write(tmp_path / "tiny.edgecsi").path
