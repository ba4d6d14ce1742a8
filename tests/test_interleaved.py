import numpy as np

from edgecsi.interleaved import to_complex, to_interleaved


def test_interleaving_is_a_view_of_the_same_bytes():
    csi = (np.arange(24).reshape(2, 3, 4) + 1j).astype(np.complex64)
    interleaved = to_interleaved(csi)
    assert interleaved.shape == (2, 3, 4, 2)
    assert np.shares_memory(interleaved, csi)
    np.testing.assert_array_equal(interleaved[..., 1], 1)


def test_complex_is_the_inverse_of_interleaved():
    csi = (np.arange(24).reshape(2, 3, 4) * (1 - 2j)).astype(np.complex64)
    np.testing.assert_array_equal(to_complex(to_interleaved(csi)), csi)


def test_other_layouts_and_precisions_are_copied_right():
    csi = (np.arange(24).reshape(4, 3, 2) * (1 - 2j)).T
    np.testing.assert_array_equal(to_complex(to_interleaved(csi)), csi.astype(np.complex64))
