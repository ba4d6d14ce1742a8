"""PyTorch network -> the neutral FP32 ONNX graph that every target starts from.

Opset 23, so that `scaled_dot_product_attention` stays one `Attention` operator. One input and one output,
float32, named and shaped by the task, `user` dynamic; the normalisation is part of the graph.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import onnx
import onnxruntime
import torch
from onnx_ir.passes.common import RemoveUnusedNodesPass
from onnxscript import optimizer
from torch import Tensor, nn

from edgecsi.bundle import Signature
from edgecsi.errors import BuildError
from edgecsi.export.attention_layout import ATTENTION_LAYOUT
from edgecsi.export.graph import first_line, write_graph
from edgecsi.export.separate_projections import SEPARATE_PROJECTIONS
from edgecsi.export.unrolled_elimination import unroll
from edgecsi.radio import RadioSetting
from edgecsi.tasks import Task

OPSET = 23
TOLERANCE = 1e-8  # of the squared error against the module, relative: -80 dB
SMALL = 5e-6  # the scale of raw channel coefficients, which the graph must normalise as the network does
UNLIMITED = 1 << 31  # bytes: fold constants of any size, such as a teacher's dictionary keys and values


def export_onnx(network: nn.Module, task: Task, radio: RadioSetting) -> bytes:
    """Export a network of `edgecsi.models` and check the graph against it.

    Whatever does not depend on the input is folded into constants. The bytes depend on the weights and on
    the library versions only; they hold no paths and no external data.

    Args:
        network: takes and gives the task's tensors, as an engine does.
        task: names the tensors.
        radio: gives their sizes.

    Raises:
        BuildError: PyTorch can't export the network, or ONNX Runtime's outputs differ from the network's.
    """
    signature = Signature.of(task, radio)
    device = next(network.parameters()).device
    seed = torch.Generator().manual_seed(0)
    example = torch.randn(2, *signature.input.user_dims, generator=seed).to(device)
    if task.scales:
        example[1] *= SMALL
    training = network.training
    network.eval()
    try:
        with torch.no_grad():  # without a tape, tracing takes a fifth less time and gives the same graph
            graph = _export(network, example, signature)
            expected = network(example).cpu().numpy()
            if expected.shape[1:] != signature.output.user_dims:
                raise BuildError(
                    f"{type(network).__name__} predicts {list(expected.shape[1:])} per user, {task.name} is "
                    f"{list(signature.output.user_dims)}"
                )
    finally:
        network.train(training)
    _check(graph, signature, example.cpu().numpy(), expected)
    return graph


def _export(network: nn.Module, example: Tensor, signature: Signature) -> bytes:
    try:
        with _quiet():
            program = torch.onnx.export(
                network,
                (example,),
                dynamo=True,
                opset_version=OPSET,
                input_names=[signature.input.name],
                output_names=[signature.output.name],
                dynamic_shapes=({0: torch.export.Dim("user", min=1)},),
                verbose=False,
            )
            if program is None:
                raise ValueError("the exporter gives no program")
            ATTENTION_LAYOUT.apply_to_model(program.model)
            optimizer.optimize_ir(program.model, input_size_limit=UNLIMITED, output_size_limit=UNLIMITED)
            SEPARATE_PROJECTIONS.apply_to_model(program.model)
            RemoveUnusedNodesPass()(program.model)
            model = program.model_proto
            unroll(model)
        _strip_metadata(model)
        return write_graph(model)
    except Exception as error:  # the exporter, onnxscript and protobuf each raise their own
        raise BuildError(
            f"{type(network).__name__} can't be exported to ONNX: {first_line(error)}"
        ) from error


def _strip_metadata(model: onnx.ModelProto) -> None:
    """Remove what the exporter notes about where the code lies on this machine."""
    graph = model.graph
    for item in (model, graph, *graph.node, *graph.input, *graph.output, *graph.value_info):
        del item.metadata_props[:]
        item.doc_string = ""


def _check(graph: bytes, signature: Signature, inputs: np.ndarray, expected: np.ndarray) -> None:
    try:
        session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
        (output,) = session.run([signature.output.name], {signature.input.name: inputs})
    except Exception as error:  # its exceptions share no base class
        raise BuildError(f"ONNX Runtime can't run the graph: {first_line(error)}") from error
    for user, (row, wanted) in enumerate(zip(output, expected, strict=True)):
        energy = np.square(wanted, dtype=np.float64).sum()
        error = np.square(np.subtract(row, wanted, dtype=np.float64)).sum()
        if not error <= TOLERANCE * energy:
            raise BuildError(
                f"the ONNX graph differs from the network: squared error {error / energy:.1e} of the output "
                f"for user {user} of 2 random ones (allowed {TOLERANCE:.0e})"
            )


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence the exporter's remarks about packages and internals that don't concern the user."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            yield
        finally:
            logger.setLevel(level)
