from collections.abc import Callable

import numpy as np
import onnx
import pytest
import torch
from int8 import all_in_int8
from numpy.typing import NDArray
from onnx import TensorProto, helper

from edgecsi.bundle import Signature
from edgecsi.export.emulation import EmulatedEngine
from edgecsi.export.onnx_graph import export_onnx
from edgecsi.export.targets import all_targets
from edgecsi.models.csi_alm_light import CsiAlmLight
from edgecsi.radio import RadioSetting
from edgecsi.runtime import Engine, start_engine
from edgecsi.tasks import TASKS

RADIO = RadioSetting()  # the papers': whether a fused attention kernel exists depends on the sizes
CSI = TASKS.get("csi")


@pytest.fixture(scope="session")
def student() -> CsiAlmLight:
    torch.manual_seed(0)
    return CsiAlmLight(RADIO).eval()


@pytest.fixture(scope="session")
def student_onnx(student) -> bytes:
    return export_onnx(student, CSI, RADIO)


@pytest.fixture(scope="session")
def quantized_onnx(student_onnx) -> bytes:
    return all_in_int8(student_onnx)


@pytest.fixture(scope="session")
def lowered(student_onnx, quantized_onnx) -> dict[str, bytes]:
    """The graph that each target builds its engine from."""
    return {
        target.name: target.lower(quantized_onnx if target.calibrated else student_onnx)
        for target in all_targets()
    }


@pytest.fixture(scope="session")
def engines(lowered) -> dict[str, Engine]:
    """An engine per target: its own, or the emulation of the lowered graph that stands in for it."""
    started = {}
    signature = Signature.of(CSI, RADIO)
    for target in all_targets():
        graph = lowered[target.name]
        if not target.why_not_run():
            built = target.build(graph)
            started[target.name] = start_engine(built.engine, built.files, signature, 1, target.precision)
        elif target.promise.lowering:
            started[target.name] = EmulatedEngine(graph, threads=1)
    return started


@pytest.fixture(scope="session")
def history() -> Callable[..., NDArray[np.float32]]:
    """Seeded noise with the per-user scales of raw channel coefficients: float32 [user, antenna, T, K, 2]."""

    def draw(users: int, seed: int = 0) -> NDArray[np.float32]:
        rng = np.random.default_rng(seed)
        scale = 5e-6 * rng.uniform(0.1, 10, (users, 1, 1, 1, 1))
        return (scale * rng.standard_normal((users, *RADIO.history_shape, 2))).astype(np.float32)

    return draw


@pytest.fixture
def small_graph() -> Callable[..., bytes]:
    """An ONNX graph csi_history [user, 4] -> csi_future of the given nodes and weights."""

    def make(nodes: list[onnx.NodeProto], **weights: NDArray) -> bytes:
        graph = helper.make_graph(
            nodes,
            "small",
            [helper.make_tensor_value_info("csi_history", TensorProto.FLOAT, ["user", 4])],
            [helper.make_tensor_value_info("csi_future", TensorProto.FLOAT, None)],
            [onnx.numpy_helper.from_array(value, name) for name, value in weights.items()],
        )
        return helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", 23)], ir_version=10
        ).SerializeToString()

    return make
