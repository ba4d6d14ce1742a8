import io

import numpy as np
import pytest
import tiny_bundle

from edgecsi.bundle import GoldenSet
from edgecsi.csi import CsiShape
from edgecsi.errors import BundleError


def packed(save=np.savez, **changes):
    """The golden file with some arrays exchanged."""
    buffer = io.BytesIO()
    save(buffer, **{**vars(tiny_bundle.golden()), **changes})
    return buffer.getvalue()


def test_comes_back_as_it_was_written():
    golden = tiny_bundle.golden()
    found = GoldenSet.from_bytes(golden.to_bytes(), tiny_bundle.SHAPE)

    for name, array in vars(golden).items():
        np.testing.assert_array_equal(getattr(found, name), array, strict=True)


def test_the_same_users_give_the_same_bytes():
    assert tiny_bundle.golden().to_bytes() == tiny_bundle.golden().to_bytes()


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b"no zip", "not a zip"),
        (packed()[:-200], "zip"),
        (packed(np.savez_compressed), "compressed"),
        (packed(history=np.array([{}], dtype=object)), "history is object"),
        (packed(student=tiny_bundle.golden().student.astype(np.complex128)), "student is complex128"),
        (packed(speed_kmh=np.ones(2, np.float32)), "users"),
        (packed(truth=tiny_bundle.golden().truth * np.nan), "truth holds NaN"),
        (packed(truth=tiny_bundle.golden().truth * 0), "without power"),
    ],
)
def test_refuses_other_contents_in_one_line(data, complaint):
    with pytest.raises(BundleError, match=complaint):
        GoldenSet.from_bytes(data, tiny_bundle.SHAPE)


def test_refuses_users_of_another_shape():
    with pytest.raises(BundleError, match="history is complex64"):
        GoldenSet.from_bytes(packed(), CsiShape())


def test_refuses_a_header_that_claims_more_than_the_file_holds():
    data = packed().replace(b"(3, 4, 6, 8)", b"(9, 4, 6, 8)")

    with pytest.raises(BundleError, match="can't be used"):
        GoldenSet.from_bytes(data, tiny_bundle.SHAPE)
