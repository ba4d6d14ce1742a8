"""Channel data and networks that can't be used: one clear line each, and nothing left behind."""

import shutil

import h5py
import numpy as np
import pytest
from command_line import refuse
from llm4cp_format import write_mat


class Place:
    """A folder with good files; each row of the tables below spoils one of them."""

    def __init__(self, folder, compressed, dataset, small_dataset):
        self.folder = folder
        self.compressed, self.dataset, self.small_dataset = compressed, dataset, small_dataset

    def data(self, spoil=None):
        """A copy of a good dataset, changed by `spoil(file)`."""
        path = shutil.copy(self.dataset, self.folder / "site.h5")
        if spoil:
            with h5py.File(path, "r+") as file:
                spoil(file)
                file.attrs.pop("checksum")
        return path

    def mat(self, name="H_U_his_train", steps=3, change=lambda csi: csi):
        csi = np.random.default_rng(steps).standard_normal((2, 3, steps, 5, 4, 4, 2)).astype(np.complex64)
        return write_mat(self.folder / f"{name}.mat", name, change(csi))


@pytest.fixture
def place(tmp_path, compressed, tiny_dataset, small_dataset):
    return Place(tmp_path, compressed, tiny_dataset, small_dataset)


# -- channel data --------------------------------------------------------------------------------


def cut(path, kept):
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * kept)])
    return path


def link(file):
    del file["future"]
    file["future"] = h5py.ExternalLink("/etc/other.h5", "future")


def empty(file):
    for name in ("history", "future"):
        shape, dtype = file[name].shape, file[name].dtype
        del file[name]
        file.create_dataset(name, (0, *shape[1:]), dtype)
    for name in ("speed_kmh", "drop"):
        dtype = file[name].dtype
        del file[name]
        file.create_dataset(name, (0,), dtype)


def one_drop(file):
    file["drop"][...] = 0


def text(place):
    path = place.folder / "site.h5"
    path.write_text("not channels")
    return path


DATASETS = {
    "missing": (lambda place: place.folder / "none.h5", "none.h5: no such file"),
    "a folder": (lambda place: place.folder, "no such file"),
    "text": (text, "not an HDF5 file"),
    "truncated": (lambda place: cut(place.data(), 0.5), "truncated"),
    "external link": (lambda place: place.data(link), "'future' is a link"),
    "empty": (lambda place: place.data(empty), "empty, it holds no user"),
    "too few drops": (lambda place: place.data(one_drop), "1 drops are too few"),
}


@pytest.mark.parametrize("case", DATASETS)
@pytest.mark.parametrize("verb", ["train", "distill", "compress"])
def test_a_dataset_that_can_not_be_used(place, case, verb):
    make, words = DATASETS[case]
    path, out = make(place), place.folder / "out"
    command = {
        "train": ("train", "csi-alm", "--data", path, "--backbone", "random", "-o", out),
        "distill": ("distill", "--data", path, "--teacher", place.compressed / "teacher", "-o", out),
        "compress": ("compress", "--data", path, "--backbone", "random", "--target", "ort-fp32", "-o", out),
    }[verb]
    refuse(command, words)
    assert not out.exists()


def spoiled(name, value):
    def spoil(file):
        file[name][:, 3] = value

    return spoil


def silent(file):
    file["history"][...] = 0


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (spoiled("history", np.nan), "has NaN or Inf; repair or leave out this user"),
        (spoiled("future", np.inf), "has NaN or Inf; repair or leave out this user"),
        (silent, "has zero power; leave out this user"),
    ],
    ids=["NaN", "Inf", "zero power"],
)
@pytest.mark.parametrize("verb", ["train", "compress"])
def test_a_user_that_can_not_be_used(place, spoil, words, verb):
    path, out = place.data(spoil), place.folder / "out"
    command = {
        "train": ("train", "csi-alm", "--data", path, "--backbone", "random", "--epochs", "1", "-o", out),
        "compress": ("compress", "--data", path, "--student", place.compressed / "student",
                     "--target", "ort-fp32", "-o", out),
    }[verb]  # fmt: skip
    refuse(command, words)


MATLAB = {
    "missing": (lambda place: place.folder / "none.mat", "none.mat: no such file"),
    "truncated": (lambda place: cut(place.mat(), 0.6), "truncated"),
    "another variable": (lambda place: place.mat("H_D_pre_train"), "needs one variable H_U_his*"),
    "NaN": (
        lambda place: place.mat(change=lambda csi: csi * np.nan),
        "speed 0, user 0 (from 0; H_U_his_train(1,1,:) in MATLAB) has NaN or Inf",
    ),
    "zero power": (
        lambda place: place.mat(change=lambda csi: csi * 0),
        "MATLAB) has zero power; repair or leave out",
    ),
    "other axes": (
        lambda place: place.mat(change=lambda csi: csi.reshape(2, 3, 3, 5, 2, 8, 2)),
        "its shape (2, 3, 2, 5, 4, 4, 2) does not fit the history's (2, 3, 3, 5, 2, 8, 2)",
    ),
}


@pytest.mark.parametrize("case", MATLAB)
def test_a_mat_file_that_can_not_be_used(place, case):
    make, words = MATLAB[case]
    out = place.folder / "site.h5"
    future = place.mat("H_U_pre_train", steps=2)
    refuse(("data", "import", "--history", make(place), "--future", future, "-o", out), words)
    assert not out.exists()


def test_a_mat_file_with_an_external_link(place):
    path = place.folder / "link.mat"
    with h5py.File(path, "w") as file:
        file["H_U_his_a"] = h5py.ExternalLink("/etc/other.mat", "H_U_his_a")
    future = place.mat("H_U_pre_train", steps=2)
    out = place.folder / "site.h5"
    refuse(("data", "import", "--history", path, "--future", future, "-o", out), "'H_U_his_a' is a link")


# -- networks ------------------------------------------------------------------------------------


def fdd(file):
    file.attrs["radio"] = file.attrs["radio"].replace('"tdd"', '"fdd"')


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (lambda place: place.small_dataset(users=30), "subcarriers is "),
        (lambda place: place.data(fdd), "duplex is "),
    ],
    ids=["shape", "duplex"],
)
@pytest.mark.parametrize("command", ["distill --teacher", "compress --teacher", "compress --student"])
def test_data_of_another_shape_or_duplex_mode_than_the_networks(place, data, words, command):
    verb, role = command.split()
    network = place.compressed / role.removeprefix("--")
    target = ("--target", "ort-fp32") if verb == "compress" else ()
    out = place.folder / "out"
    refuse((verb, role, network, "--data", data(place), *target, "-o", out), words)
    assert not out.exists()


@pytest.mark.parametrize("verb", ["train", "compress"])
@pytest.mark.parametrize(
    ("backbone", "words"),
    [
        ("bert", "unknown backbone 'bert'; choose one of smollm2, gpt2, qwen2.5-0.5b, random"),
        ("gpt2", "Ways to get one: `hf download openai-community/gpt2` where the hub is reached; "
         "--backbone-folder with a copy of openai-community/gpt2; --backbone smollm2"),
        ("qwen2.5-0.5b", "`hf download Qwen/Qwen2.5-0.5B`"),
    ],
)  # fmt: skip
def test_a_backbone_that_can_not_be_had(place, verb, backbone, words, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(place.folder / "hub"))
    out = place.folder / "out"
    command = {
        "train": ("train", "csi-alm", "--data", place.dataset, "--backbone", backbone, "-o", out),
        "compress": (
            *("compress", "--profile", "quick", "--target", "ort-fp32", "--backbone", backbone, "-o", out),
        ),
    }[verb]
    refuse(command, words)
    assert not out.exists()


def test_a_backbone_folder_without_weights(place):
    (place.folder / "gpt2").mkdir()
    (place.folder / "gpt2" / "config.json").write_text('{"model_type": "gpt2"}')
    options = ("--backbone", "gpt2", "--backbone-folder", place.folder / "gpt2")
    refuse(
        ("train", "csi-alm", "--data", place.dataset, *options, "-o", place.folder / "out"),
        "no usable weights in",
    )


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda folder: (folder / "config.json").unlink(), "it has no config.json"),
        (lambda folder: (folder / "config.json").write_text("{"), "config.json"),
        (lambda folder: (folder / "config.json").write_text('{"name": "x"}'), "config.json: name"),
        (lambda folder: (folder / "model.safetensors").unlink(), "model.safetensors"),
        (lambda folder: cut(folder / "model.safetensors", 0.9), "model.safetensors can't be read"),
    ],
    ids=["no config", "half a config", "another config", "no weights", "half the weights"],
)
@pytest.mark.parametrize("role", ["teacher", "student"])
def test_a_model_folder_that_can_not_be_used(place, spoil, words, role):
    folder = shutil.copytree(place.compressed / role, place.folder / role)
    spoil(folder)
    verb = ("distill",) if role == "teacher" else ("compress", "--target", "ort-fp32")
    refuse((*verb, "--data", place.dataset, f"--{role}", folder, "-o", place.folder / "out"), words)


def test_relation_heads_that_divide_no_width(place):
    out = place.folder / "out"
    options = ("--relation-heads", "7", "--max-users", "2", "--epochs", "1")
    teacher = place.compressed / "teacher"
    refuse(
        ("distill", "--teacher", teacher, "--data", place.dataset, *options, "-o", out), "choose a divisor"
    )
