import numpy as np
import onnx
import pytest
import tiny_bundle
from hypothesis import given
from hypothesis import strategies as st
from onnx import helper, numpy_helper
from onnx.external_data_helper import _get_all_tensors, set_external_data

from edgecsi.bundle.onnx_scan import scan


def external_tensor(graph):
    return scan(graph).external


def foreign_node(graph):
    return scan(graph).foreign


def outside(name="outside"):
    """A tensor whose numbers lie in another file."""
    tensor = numpy_helper.from_array(np.ones(3, np.float32), name)
    set_external_data(tensor, "weights.bin")
    tensor.ClearField("raw_data")
    return tensor


def model(nodes=(), initializers=(), **fields):
    """A graph that holds the given parts."""
    graph = helper.make_graph(list(nodes), "g", [], [], list(initializers), **fields)
    return helper.make_model(graph)


def constant(tensor):
    return helper.make_node("Constant", [], ["c"], value=tensor)


def in_function():
    function = helper.make_function(
        "own", "F", [], ["c"], [constant(outside())], [helper.make_opsetid("", 23)]
    )
    return helper.make_model(helper.make_graph([], "g", [], []), functions=[function])


def in_sparse():
    sparse = helper.make_sparse_tensor(outside(), numpy_helper.from_array(np.arange(3), "i"), [9])
    return model(sparse_initializer=[sparse])


def in_branch():
    branch = helper.make_graph([constant(outside())], "branch", [], [])
    return model([helper.make_node("If", ["c"], ["y"], then_branch=branch, else_branch=branch)])


def in_training():
    plain = model()
    plain.training_info.add().initialization.CopyFrom(helper.make_graph([], "g", [], [], [outside()]))
    return plain


PLACES = {
    "initializer": lambda: model(initializers=[outside()]),
    "node attribute": lambda: model([constant(outside())]),
    "list of tensors": lambda: model([helper.make_node("N", [], [], many=[outside()], domain="x")]),
    "branch": in_branch,
    "function": in_function,
    "sparse": in_sparse,
    "training": in_training,
}


@pytest.mark.parametrize("place", PLACES)
def test_finds_external_data_wherever_a_tensor_can_be(place):
    assert external_tensor(PLACES[place]().SerializeToString()) == "outside"


def test_finds_a_location_without_a_file_name():
    tensor = outside()
    tensor.ClearField("external_data")

    assert external_tensor(model(initializers=[tensor]).SerializeToString()) == "outside"


def test_finds_a_file_name_without_a_location():
    tensor = outside()
    tensor.ClearField("data_location")

    assert external_tensor(model(initializers=[tensor]).SerializeToString()) == "outside"


def test_a_graph_with_its_numbers_inside_passes():
    assert external_tensor(tiny_bundle.graph()) is None


def test_a_location_that_says_inside_passes():
    tensor = numpy_helper.from_array(np.ones(3, np.float32), "inside")
    tensor.data_location = onnx.TensorProto.DEFAULT

    assert external_tensor(model(initializers=[tensor]).SerializeToString()) is None


@pytest.mark.parametrize("data", [b"", b"\x08\x0b", b"not a graph", b"\x3b", b"\x3a\xff\xff\xff\xff\x0f"])
def test_refuses_what_is_no_graph(data):
    with pytest.raises(ValueError, match=r"no graph|cut off|wire type|no field"):
        external_tensor(data)


def test_every_truncation_is_refused_or_has_nothing_outside():
    data = tiny_bundle.graph()

    for size in range(len(data)):
        try:
            assert external_tensor(data[:size]) is None
        except ValueError:
            continue


@given(st.data())
def test_misses_nothing_that_onnx_itself_would_find(data):
    """Bytes changed at random: where onnx still reads an external tensor, the scan finds it or refuses."""
    graph = bytearray(PLACES[data.draw(st.sampled_from(sorted(PLACES)))]().SerializeToString())
    for _ in range(data.draw(st.integers(0, 3))):
        graph[data.draw(st.integers(0, len(graph) - 1))] = data.draw(st.integers(0, 255))
    try:
        parsed = onnx.load_from_string(bytes(graph))
    except Exception:
        return  # no engine library reads it either
    if any(map(onnx.external_data_helper.uses_external_data, _get_all_tensors(parsed))):
        try:
            found = external_tensor(bytes(graph))
        except ValueError:
            return
        assert found is not None


def graph_in(operator, attribute="body", domain=""):
    """A node that holds a graph."""
    inner = helper.make_graph([], "inner", [], [])
    return model([helper.make_node(operator, [], ["y"], domain=domain, **{attribute: inner})])


def plain_function():
    function = helper.make_function("own", "F", [], ["c"], [], [helper.make_opsetid("", 23)])
    return helper.make_model(helper.make_graph([], "g", [], []), functions=[function])


FOREIGN = {
    "loop": (lambda: graph_in("Loop"), "control flow (Loop)"),
    "scan": (lambda: graph_in("Scan"), "control flow (Scan)"),
    "sequence map": (lambda: graph_in("SequenceMap"), "control flow (SequenceMap)"),
    "if": (lambda: graph_in("If", "then_branch"), "control flow (If)"),
    "a graph in another operator": (lambda: graph_in("Relu"), "control flow (a graph within a node)"),
    "domain": (lambda: model([helper.make_node("N", [], [], domain="x")]), "an operator of the domain 'x'"),
    "function": (lambda: plain_function(), "a function of its own"),
}


@pytest.mark.parametrize("kind", FOREIGN)
def test_finds_what_is_no_plain_operator(kind):
    made, words = FOREIGN[kind]
    assert foreign_node(made().SerializeToString()) == words


def test_plain_operators_pass():
    assert foreign_node(tiny_bundle.graph()) is None
    assert (
        foreign_node(model([helper.make_node("Relu", [], [], domain="ai.onnx")]).SerializeToString()) is None
    )


@given(st.data())
def test_no_changed_byte_hides_control_flow_from_the_scan_alone(data):
    """Bytes changed at random: where onnx still reads a node that isn't plain, the scan tells or refuses."""
    kind = data.draw(st.sampled_from(sorted(FOREIGN)))
    graph = bytearray(FOREIGN[kind][0]().SerializeToString())
    for _ in range(data.draw(st.integers(0, 3))):
        graph[data.draw(st.integers(0, len(graph) - 1))] = data.draw(st.integers(0, 255))
    try:
        parsed = onnx.load_from_string(bytes(graph))
    except Exception:
        return
    foreign = parsed.functions or any(
        node.domain not in ("", "ai.onnx")
        or node.op_type in ("If", "Loop", "Scan", "SequenceMap")
        or any(attribute.HasField("g") or attribute.graphs for attribute in node.attribute)
        for node in parsed.graph.node
    )
    if foreign:
        try:
            found = scan(bytes(graph))
            assert found.foreign or found.external
        except ValueError:
            return
