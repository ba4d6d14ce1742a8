"""An engine of one file: ONNX's own reference implementation, in numpy. Runner and builder in one."""

import onnx
from onnx.reference import ReferenceEvaluator

from edgecsi.errors import BundleError
from edgecsi.export.builders import BuiltEngine
from edgecsi.runtime.engine import ENGINES, EngineRow, Precision


class ReferenceEngine:
    """A graph and what interprets it."""

    max_users, threads = None, 1

    def __init__(self, graph, signature):
        try:
            self._session = ReferenceEvaluator(onnx.load_model_from_string(graph))
        except Exception as error:
            raise BundleError(f"the reference refuses engine.onnx: {error}") from error
        self._signature = signature

    def run(self, inputs):
        return self._session.run([self._signature.output.name], {self._signature.input.name: inputs})[0]


def engine():
    return "reference"


def why_not_build(precision="fp32"):
    return None


def build(graph, precision="fp32"):
    return BuiltEngine(
        engine=engine(),
        files={"engine.onnx": graph},
        libraries={"onnx": onnx.__version__},
        precision_checked="network",
    )


ENGINES.register(
    EngineRow(
        name="reference",
        title="ONNX's reference",
        target="reference",
        files=("engine.onnx",),
        libraries=("onnx",),
        precisions={"fp32": Precision("ONNX's reference implementation", -100.0, -100.0)},
        builder=__name__,
        machine="any",
        why_not_run=lambda precision, manifest: None,
        start=lambda files, threads, precision, signature: ReferenceEngine(files["engine.onnx"], signature),
        module=__name__,
    )
)
