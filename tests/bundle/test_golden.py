import io

import numpy as np
import pytest
import tiny_bundle
from level_task import LEVELS
from tiny_bundle import CSI, RADIO

from edgecsi.bundle import golden_from_bytes, golden_to_bytes
from edgecsi.errors import BundleError
from edgecsi.radio import RadioSetting
from edgecsi.users import Users


def arrays(users):
    """What the file holds, by name."""
    columns = {f"column.{name}": column for name, column in users.columns.items()}
    return {"inputs": users.inputs, "targets": users.targets, "student": users.student, **columns}


def packed(save=np.savez, **changes):
    """The golden file with some arrays exchanged; None leaves one out."""
    buffer = io.BytesIO()
    parts = {**arrays(tiny_bundle.golden()), **{name.replace("__", "."): v for name, v in changes.items()}}
    save(buffer, **{name: array for name, array in parts.items() if array is not None})
    return buffer.getvalue()


@pytest.mark.parametrize("task", [CSI, LEVELS], ids=lambda task: task.name)
def test_comes_back_as_it_was_written(task):
    golden = tiny_bundle.golden(task=task)
    found = golden_from_bytes(golden_to_bytes(golden), task, RADIO)

    for name, array in arrays(golden).items():
        np.testing.assert_array_equal(arrays(found)[name], array, strict=True)


def test_the_same_users_give_the_same_bytes():
    assert golden_to_bytes(tiny_bundle.golden()) == golden_to_bytes(tiny_bundle.golden())


def test_users_whom_no_student_predicted_are_none():
    golden = tiny_bundle.golden()
    with pytest.raises(ValueError, match="student's predictions"):
        golden_to_bytes(Users(golden.inputs, golden.targets, golden.columns))


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b"no zip", "not a zip"),
        (packed()[:-200], "zip"),
        (packed(np.savez_compressed), "compressed"),
        (packed(inputs=np.array([{}], dtype=object)), "inputs is object"),
        (packed(student=tiny_bundle.golden().student.astype(np.complex128)), "student is complex128"),
        (packed(column__speed_kmh=np.ones(2, np.float32)), "users"),
        (packed(column__speed_kmh=np.full(3, np.inf, np.float32)), "speed_kmh holds NaN or infinity"),
        (packed(column__snr_db=np.full(3, np.nan, np.float32)), "snr_db holds NaN"),
        (packed(column__snr_db=None), "snr_db"),
        (packed(targets=tiny_bundle.golden().targets * np.nan), "targets holds NaN"),
        (packed(targets=tiny_bundle.golden().targets * 0), "without power"),
        (packed(student=tiny_bundle.golden().student * 0), "without power"),
    ],
)
def test_refuses_other_contents_in_one_line(data, complaint):
    with pytest.raises(BundleError, match=complaint):
        golden_from_bytes(data, CSI, RADIO)


def test_refuses_users_of_another_setting_or_task():
    with pytest.raises(BundleError, match="inputs is complex64"):
        golden_from_bytes(packed(), CSI, RadioSetting())
    with pytest.raises(BundleError, match="inputs is complex64"):
        golden_from_bytes(packed(), LEVELS, RADIO)


def test_refuses_a_header_that_claims_more_than_the_file_holds():
    data = packed().replace(b"(3, 4, 6, 8)", b"(9, 4, 6, 8)")

    with pytest.raises(BundleError, match="can't be used"):
        golden_from_bytes(data, CSI, RADIO)
