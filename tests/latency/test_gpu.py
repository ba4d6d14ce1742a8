"""What can be checked of the GPU's stages where there is no GPU."""

import importlib

import numpy as np

from edgecsi.latency.gpu import GpuProbe, _stages
from edgecsi.runtime.engine import ENGINES
from edgecsi.runtime.engines.tensorrt import TensorRtEngine


def test_the_probe_uses_only_what_the_engine_has():
    """It is a subclass that reads the engine's buffers: a renamed one would show on a GPU only."""
    set_by_engine = {
        name
        for method in (TensorRtEngine.__init__, TensorRtEngine._allocate)
        for name in method.__code__.co_names
    }
    used = {"_cuda", "_device", "_context", "_stream", "_host_in", "_host_out", "_device_in", "_device_out"}
    used |= {"_signature"}
    methods = (GpuProbe.measure, GpuProbe._enqueue, GpuProbe._execute, GpuProbe._launched, GpuProbe._replayed)
    assert used <= {name for method in methods for name in method.__code__.co_names}
    assert used <= set_by_engine


def test_rows_that_name_a_probe_name_one_that_is_there():
    probes = {row.gpu_probe for row in ENGINES if row.gpu_probe}
    assert probes
    assert all(callable(importlib.import_module(probe).open_probe) for probe in probes)


def test_stages_become_percentiles():
    part = _stages(True, [{"enqueue": 10.0 + i, "host_to_host": 50.0} for i in range(100)])
    assert part.cuda_graph
    assert part.stages["enqueue"].calls == 100
    assert part.stages["enqueue"].percentiles_us["p50"] >= np.median(np.arange(10.0, 110.0))
