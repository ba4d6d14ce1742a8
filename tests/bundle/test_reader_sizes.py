"""A bundle takes no more memory than it has bytes, and never more than the limit."""

import os
import subprocess
import sys

import pytest

from edgecsi.bundle import open_bundle
from edgecsi.errors import BundleError


def refusal(bundle):
    """The one line that opening the bundle gives."""
    with pytest.raises(BundleError) as caught:
        open_bundle(bundle)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_refuses_a_file_too_large_for_memory_without_reading_it(bundle):
    os.truncate(bundle / "engine.onnx", 1 << 40)

    assert "more than the limit" in refusal(bundle)


SMALL_MEMORY = """
import resource, sys
from edgecsi.bundle import open_bundle
resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
open_bundle(sys.argv[1])
"""


def test_takes_no_more_memory_than_its_files(bundle):
    """Where memory is locked, what is allocated is filled; a bundle may have more than there is here."""
    done = subprocess.run([sys.executable, "-c", SMALL_MEMORY, bundle], capture_output=True, text=True)

    assert done.returncode == 0, done.stderr


def test_refuses_a_manifest_too_large_for_memory(bundle):
    os.truncate(bundle / "manifest.json", 1 << 30)

    assert "more than the limit" in refusal(bundle)
