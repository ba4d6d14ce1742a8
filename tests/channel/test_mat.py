import tracemalloc

import h5py
import numpy as np
import pytest
import scipy.io
from llm4cp_format import OPTIONS, SPEEDS, USERS, as_matlab, assert_refused, random_csi, write_mat

from edgecsi.channel import Dataset
from edgecsi.channel import mat as mat_module
from edgecsi.channel.mat import import_mat
from edgecsi.channel.mat_options import ImportOptions
from edgecsi.radio import RadioSetting


def test_the_channels_come_back_as_they_were_drawn(mat_files, tiny_dataset, tmp_path):
    import_mat(tmp_path / "site.h5", *mat_files, OPTIONS)
    with Dataset.open(tmp_path / "site.h5") as site, Dataset.open(tiny_dataset) as drawn:
        assert site.radio == drawn.radio == RadioSetting()
        np.testing.assert_array_equal(site.history(slice(None)), drawn.history(slice(None)))
        np.testing.assert_array_equal(site.future(slice(None)), drawn.future(slice(None)))
        assert (site.origin.scenario, site.origin.los) == ("test", None)
        np.testing.assert_allclose(site.speed_kmh, np.repeat([10, 40, 70, 100], USERS))


@pytest.mark.parametrize("tile_bytes", [1, 2_000_000, 1 << 30])
def test_tiles_of_any_size_give_the_same(mat_files, tiny_dataset, tmp_path, monkeypatch, tile_bytes):
    monkeypatch.setattr(mat_module, "_TILE_BYTES", tile_bytes)
    import_mat(tmp_path / "site.h5", *mat_files, OPTIONS)
    with Dataset.open(tmp_path / "site.h5") as site, Dataset.open(tiny_dataset) as drawn:
        np.testing.assert_array_equal(site.history(slice(None)), drawn.history(slice(None)))


def test_without_chunks_and_in_double_precision(tmp_path):
    history, future = random_csi(3, dtype=np.complex128), random_csi(2, dtype=np.complex128)
    files = [
        write_mat(tmp_path / f"{name}.mat", name, data, chunks=None)
        for name, data in (("H_U_his_x", history), ("H_U_pre_x", future))
    ]
    import_mat(tmp_path / "site.h5", *files, OPTIONS)
    with Dataset.open(tmp_path / "site.h5") as ds:
        expected = history[1, 2, :, :, 3, 1, 0].astype(np.complex64)  # speed 1, user 2, column 3, row 1
        np.testing.assert_array_equal(ds.history(np.array([5]))[0, (3 * 4 + 1) * 2], expected)


def test_the_futures_name_says_tdd_or_fdd(pair, tmp_path):
    downlink = write_mat(tmp_path / "down.mat", "H_D_pre_test", random_csi(2))
    for future, duplex in ((pair[1], "tdd"), (downlink, "fdd")):
        import_mat(tmp_path / "site.h5", pair[0], future, OPTIONS)
        with Dataset.open(tmp_path / "site.h5") as ds:
            assert ds.radio.duplex == duplex


@pytest.mark.parametrize(("drops", "expected"), [("user", list(range(6))), ("speed", [0, 0, 0, 1, 1, 1])])
def test_drops(pair, tmp_path, drops, expected):
    import_mat(tmp_path / "site.h5", *pair, ImportOptions(drops=drops))
    with Dataset.open(tmp_path / "site.h5") as ds:
        assert ds.drop.tolist() == expected


@pytest.mark.parametrize(
    ("speeds", "expected"), [((30.0,), [30, 30]), ((5.0, 50.0), [5, 50]), ((5.0, 5.0), [5, 5])]
)
def test_speeds_along_the_axis(pair, tmp_path, speeds, expected):
    import_mat(tmp_path / "site.h5", *pair, ImportOptions(speeds=speeds))
    with Dataset.open(tmp_path / "site.h5") as ds:
        np.testing.assert_allclose(ds.speed_kmh, np.repeat(expected, 3))


def test_progress_reaches_the_end(pair, tmp_path):
    heard = []
    import_mat(tmp_path / "site.h5", *pair, OPTIONS, advance=lambda done, users: heard.append((done, users)))
    assert heard[-1] == (6, 6)


def test_llm4cps_own_files(quadriga, tmp_path):
    import_mat(tmp_path / "site.h5", quadriga / "H_U_his_train.mat", quadriga / "H_D_pre_train.mat", OPTIONS)
    with h5py.File(quadriga / "H_U_his_train.mat") as file:
        stored = file["H_U_his_train"][:, 2, 1, :, :, 0, 7]  # row 2, column 1, user 0, speed 7
    with Dataset.open(tmp_path / "site.h5") as ds:
        assert (len(ds), ds.radio.duplex) == (30, "fdd")
        read = ds.history(np.array([7 * 3]))[0]
        np.testing.assert_array_equal(read[12].T.real, stored["real"][0])  # (1*4 + 2)*2
        np.testing.assert_array_equal(read[13].T.imag, stored["imag"][1])
        assert 1e-7 < np.abs(read).mean() < 1e-4
        np.testing.assert_allclose(ds.speed_kmh[::3], np.arange(10, 101, 10))


def test_streamed(tiny_dataset, tmp_path, monkeypatch):
    with Dataset.open(tiny_dataset) as ds:
        parts = {"H_U_his_x": ds.history(slice(None)), "H_U_pre_x": ds.future(slice(None))}
    files = [
        write_mat(tmp_path / f"{name}.mat", name, as_matlab(csi), chunks=(2, 4, 4, 48, 4, 1, 1))
        for name, csi in parts.items()
    ]
    whole = sum(csi.nbytes for csi in parts.values())
    del parts
    monkeypatch.setattr(mat_module, "_TILE_BYTES", whole // 24)
    tracemalloc.start()
    import_mat(tmp_path / "site.h5", *files, OPTIONS)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < whole / 4


def test_too_many_speeds(pair, tmp_path):
    assert_refused(tmp_path, *pair, "3 speeds", speeds=(1.0, 2.0, 3.0))


def test_missing_file(pair, tmp_path):
    assert_refused(tmp_path, tmp_path / "none.mat", pair[1], "none.mat", "no such file")


def test_old_matlab_file(pair, tmp_path):
    scipy.io.savemat(tmp_path / "old.mat", {"H_U_his": np.ones(3)})
    assert_refused(tmp_path, tmp_path / "old.mat", pair[1], "v5", "-v7.3")


@pytest.mark.parametrize("kept", [0.5, 0.98])
def test_truncated(pair, tmp_path, kept):
    content = pair[0].read_bytes()
    pair[0].write_bytes(content[: int(len(content) * kept)])
    assert_refused(tmp_path, *pair, "his.mat", "truncated")


def test_damaged_chunk(pair, tmp_path):
    with h5py.File(pair[0]) as file:
        chunk = file["H_U_his_test"].id.get_chunk_info(3)
    content = bytearray(pair[0].read_bytes())
    start = 512 + chunk.byte_offset
    content[start : start + chunk.size] = bytes(chunk.size)
    pair[0].write_bytes(content)
    assert_refused(tmp_path, *pair, "his.mat", "damaged")


def test_history_and_future_in_each_others_place(pair, tmp_path):
    assert_refused(tmp_path, pair[1], pair[0], "H_U_his*", "H_U_pre_test")


def test_futures_of_other_users(pair, tmp_path):
    other = write_mat(tmp_path / "other.mat", "H_U_pre_test", random_csi(2, users=4))
    assert_refused(tmp_path, pair[0], other, "(2, 4, 2, 5, 4, 4, 2)", "(2, 3, 3, 5, 4, 4, 2)")


def test_real_numbers(pair, tmp_path):
    with h5py.File(tmp_path / "real.mat", "w") as file:
        file["H_U_his_a"] = np.ones((2, 4, 4, 5, 3, 3, 2))
    assert_refused(tmp_path, tmp_path / "real.mat", pair[1], "complex", "float64")


def test_link_out_of_the_file(pair, tmp_path):
    with h5py.File(tmp_path / "link.mat", "w") as file:
        file["H_U_his_a"] = h5py.ExternalLink(pair[0], "H_U_his_test")
    assert_refused(tmp_path, tmp_path / "link.mat", pair[1], "link")


@pytest.mark.parametrize(("value", "words"), [(np.nan, "NaN or Inf"), (0, "zero power")])
def test_a_bad_user_is_named_by_its_index(pair, tmp_path, value, words):
    history = random_csi(3)
    history[1, 2] = value
    bad = write_mat(tmp_path / "bad.mat", "H_U_his_test", history)
    found = ("bad.mat: speed 1, user 2", "H_U_his_test(2,3,:)", words, "--drop-dead-users")
    assert_refused(tmp_path, bad, pair[1], *found)
    assert_refused(
        tmp_path,
        write_mat(tmp_path / "H.mat", "H_U_his_a", random_csi(3)),
        bad_future(tmp_path, value),
        "future.mat: speed 0, user 1",
        words,
    )


def bad_future(folder, value):
    future = random_csi(2)
    future[0, 1] = value
    return write_mat(folder / "future.mat", "H_U_pre_test", future)


@pytest.mark.parametrize("tile_bytes", [1, 1 << 30])
def test_dead_users_are_left_out_where_that_is_asked_for(tmp_path, monkeypatch, tile_bytes):
    monkeypatch.setattr(mat_module, "_TILE_BYTES", tile_bytes)
    history = random_csi(3)
    history[1, 2], history[1, 0] = 0, np.nan
    files = write_mat(tmp_path / "his.mat", "H_U_his_a", history), bad_future(tmp_path, 0)
    left_out = import_mat(tmp_path / "site.h5", *files, ImportOptions(drop_dead_users=True))
    assert left_out == 3
    with Dataset.open(tmp_path / "site.h5") as ds:
        assert ds.speed_kmh.tolist() == [10, 10, 100]
        assert ds.drop.tolist() == [0, 2, 4]
        expected = [history[s, u, :, :, 0, 0, 0].astype(np.complex64) for s, u in ((0, 0), (0, 2), (1, 1))]
        np.testing.assert_array_equal(ds.history(slice(None))[:, 0], expected)


def test_a_file_of_dead_users_is_refused(pair, tmp_path):
    dead = write_mat(tmp_path / "dead.mat", "H_U_his_a", np.zeros_like(random_csi(3)))
    assert_refused(tmp_path, dead, pair[1], "no user has channels", drop_dead_users=True)


@pytest.mark.parametrize("names", [("r", "i"), ("re", "im"), ("real", "imag")])
@pytest.mark.parametrize("group", [False, True])
def test_complex_numbers_under_other_names(pair, tmp_path, names, group):
    history = random_csi(3)
    stored = np.empty(history.T.shape, [(name, np.float32) for name in names])
    stored[names[0]], stored[names[1]] = history.T.real, history.T.imag
    with h5py.File(tmp_path / "his.mat", "w") as file:
        if group:  # as Octave writes it
            file["H_U_his_a/type"] = np.bytes_("float complex matrix")
        file["H_U_his_a/value" if group else "H_U_his_a"] = stored
    import_mat(tmp_path / "site.h5", tmp_path / "his.mat", pair[1], OPTIONS)
    with Dataset.open(tmp_path / "site.h5") as ds:
        expected = history[1, 2, :, :, 3, 1, 0]
        np.testing.assert_array_equal(ds.history(np.array([5]))[0, (3 * 4 + 1) * 2], expected)


def test_a_link_in_octaves_group(pair, tmp_path):
    with h5py.File(tmp_path / "link.mat", "w") as file:
        file.create_group("H_U_his_a")["value"] = h5py.ExternalLink(pair[0], "H_U_his_test")
    assert_refused(tmp_path, tmp_path / "link.mat", pair[1], "link")


@pytest.mark.parametrize("sizes", [(4, 1, 2), (8, 4, 2), (4, 4, 1), (1, 1, 1)])
def test_other_arrays(tmp_path, sizes):
    """MATLAB drops axes of length 1 at the end."""
    files = []
    for name, steps in (("H_U_his_a", 3), ("H_U_pre_a", 2)):
        csi = np.ones((2, 3, steps, 5, *sizes), np.complex64)
        while csi.shape[-1] == 1:
            csi = csi[..., 0]
        files.append(write_mat(tmp_path / f"{name}.mat", name, csi))
    import_mat(tmp_path / "site.h5", *files, OPTIONS)
    with Dataset.open(tmp_path / "site.h5") as ds:
        array = ds.radio.array
        assert (array.columns, array.rows, array.polarisations) == sizes


def test_what_is_no_file_of_that_kind_says_another_way(pair, tmp_path):
    np.save(tmp_path / "a.npy", random_csi(3))
    assert_refused(tmp_path, tmp_path / "a.npy", pair[1], "a.npy", "-v7.3", "edgecsi.write_dataset")
    one = write_mat(tmp_path / "one.mat", "H", random_csi(3))
    assert_refused(tmp_path, one, one, "holds H", "edgecsi.write_dataset")


def test_the_fixture_has_the_layout_of_the_real_files(mat_files, quadriga):
    with h5py.File(mat_files[0]) as made, h5py.File(quadriga / "H_U_his_train.mat") as real:
        assert made.userblock_size == real.userblock_size
        ours, theirs = made["H_U_his_train"], real["H_U_his_train"]
        assert ours.dtype == theirs.dtype
        assert ours.compression == theirs.compression
        assert dict(ours.attrs) == dict(theirs.attrs)
        assert ours.shape[:5] == theirs.shape[:5]
        assert ours.shape[5:] == (USERS, SPEEDS)
