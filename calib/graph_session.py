"""Running a graph on users in ONNX Runtime."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from edgecsi.runtime.engines.onnxruntime import NO_OVERFLOW
from edgecsi.tasks import Task
from edgecsi.users import Users


class GraphSession:
    """A graph of one input in a session with so many threads; outputs: their names; None: the graph's own."""

    def __init__(
        self, graph: bytes, task: Task, threads: int = 1, outputs: Sequence[str] | None = None
    ) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.add_session_config_entry(*NO_OVERFLOW)
        self._session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        self._task, self._outputs = task, None if outputs is None else list(outputs)
        self._input = self._session.get_inputs()[0].name

    def run(self, users: Users) -> list[NDArray[np.float32]]:
        """The outputs for some users."""
        found: list[NDArray[np.float32]] = self._session.run(
            self._outputs, {self._input: self._task.input.to_engine(users.inputs)}
        )
        return found
