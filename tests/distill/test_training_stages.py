"""The stages that train: network, relation-targets and student."""

import pytest

from edgecsi.errors import ModelError
from edgecsi.models import load, load_config
from edgecsi.models.folder import trained_state
from edgecsi.stages import network, relation_targets, student
from edgecsi.stages.code import closure
from edgecsi.stages.stage import Stage


@pytest.fixture(scope="module")
def made(tiny_dataset, teacher_folder, options, tmp_path_factory):
    """(options, folder) of every stage of a distillation."""
    out = tmp_path_factory.mktemp("stages")
    asked = {
        "network": network.Options.part_of(options, network="gru", epochs=1),
        "targets": relation_targets.Options.part_of(options, teacher="csi-alm"),
        "student": student.Options.part_of(options, epochs=1),
    }
    rows = {"network": network.ROW, "targets": relation_targets.ROW, "student": student.ROW}
    inputs = {"data": tiny_dataset, "teacher": teacher_folder, "targets": out / "targets"}
    for name, row in rows.items():
        (out / name).mkdir()
        row.run(asked[name], inputs, out / name)
    return asked, out


def test_results_are_where_they_are_said_to_be(made):
    _, out = made
    assert {path.name for path in (out / "network").iterdir()} == {network.MODEL}
    assert {path.name for path in (out / "targets").iterdir()} == {relation_targets.TARGETS}
    assert load_config(out / "network" / network.MODEL).name == "gru"
    assert load_config(out / "student" / network.MODEL).name == "csi-alm-light"


def test_folders_that_are_inputs_take_the_place_of_paths(made, tiny_dataset, tmp_path):
    asked, out = made
    first = out / "network" / network.MODEL
    again = asked["network"].model_copy(update={"learning_rate": 1e-12, "start_from": tmp_path / "nothing"})
    network.ROW.run(again, {"data": tiny_dataset, "start_from": first}, tmp_path)
    found, wanted = trained_state(load(tmp_path / network.MODEL)), trained_state(load(first))
    assert all((found[name] - weight).abs().max() < 1e-9 for name, weight in wanted.items())


def test_targets_of_another_teacher_than_was_said_are_refused(made, tiny_dataset, tmp_path):
    asked, out = made
    inputs = {"data": tiny_dataset, "teacher": out / "network" / network.MODEL}
    with pytest.raises(ModelError, match=r"the teacher .* is gru, not csi-alm"):
        relation_targets.ROW.run(asked["targets"], inputs, tmp_path)
    assert not list(tmp_path.iterdir())


def key(options, row=network.ROW):
    return Stage(row, options).key


def test_a_key_holds_the_options_and_the_networks_file():
    gru, cnn = (network.Options(network=name) for name in ("gru", "cnn"))
    assert key(gru) == key(network.Options(network="gru"))
    assert key(gru) != key(cnn)
    assert key(gru) != key(gru.model_copy(update={"weight_decay": 0.0}))
    assert network.ROW.modules(gru) == ("edgecsi.models.recurrent", "edgecsi.tasks.csi")
    assert "peft" in network.ROW.libraries(network.Options())
    assert "peft" not in network.ROW.libraries(gru)


def test_a_key_holds_the_code_that_trains_and_no_other_networks():
    found = closure([network.ROW.module, *network.ROW.modules(network.Options(network="gru"))])
    assert {"edgecsi.training.loop", "edgecsi.training.loss", "edgecsi.models.recurrent"} <= found
    assert not {"edgecsi.models.csi_alm", "edgecsi.models.csi_alm_light_ad", "edgecsi.distill.loss"} & found
    targets = closure([relation_targets.ROW.module])
    assert "edgecsi.distill.targets" in targets
    assert not {"edgecsi.training.loop", "edgecsi.distill.loss"} & targets
