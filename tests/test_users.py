import numpy as np
import pytest

from edgecsi.users import Users


def users(count, student=True):
    values = np.arange(count * 6, dtype=np.float32).reshape(count, 2, 3)
    return Users(values, values + 1, {"speed_kmh": np.arange(count) * 10.0}, values + 2 if student else None)


def test_some_of_them_keep_everything_together():
    some = users(5)[np.array([3, 1])]
    assert len(some) == 2
    np.testing.assert_array_equal(some.targets, some.inputs + 1)
    np.testing.assert_array_equal(some.student, some.inputs + 2)
    assert some.columns["speed_kmh"].tolist() == [30, 10]


@pytest.mark.parametrize("student", [True, False])
def test_pieces_join_to_the_whole(student):
    whole = users(7, student)
    pieces = list(whole.pieces(3))
    assert [len(piece) for piece in pieces] == [3, 3, 1]
    again = Users.join(pieces)
    np.testing.assert_array_equal(again.inputs, whole.inputs)
    np.testing.assert_array_equal(again.columns["speed_kmh"], whole.columns["speed_kmh"])
    assert (again.student is not None) == student
