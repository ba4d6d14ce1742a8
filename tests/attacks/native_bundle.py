"""A whole bundle for the kernels of our own, with random weights and the tiny bundle's tensors."""

import numpy as np
import tiny_bundle
from tiny_bundle import RADIO

from edgecsi.bundle import golden_to_bytes, write_bundle
from edgecsi.runtime.engines.native import layout

SIZES = {
    "antennas": RADIO.antennas, "history": RADIO.history, "future": RADIO.future,
    "features": 2 * RADIO.subcarriers, "prompts": 2, "width": 64, "feed_forward": 64, "heads": 4, "layers": 1,
    "delta": 0,
}  # fmt: skip


def engine_bin(**changes):
    """engine.bin of those sizes."""
    sizes = {**SIZES, **changes}
    weights = [*layout.START, *layout.LAYER * sizes["layers"], *layout.END]
    count = sum(int(np.prod(weight.shape(layout.all_sizes(sizes)))) for weight in weights)
    numbers = np.random.default_rng(0).standard_normal(count, np.float32) / 20
    return np.array([sizes[name] for name in layout.SIZES], np.int32).tobytes() + numbers.tobytes()


def write(path, **changes):
    """Write it; `changes` are of the sizes in engine.bin, not of the manifest."""
    files = {
        "engine.bin": engine_bin(**changes),
        "student.onnx": tiny_bundle.graph(),
        "golden.npz": golden_to_bytes(tiny_bundle.golden()),
    }
    return write_bundle(path, tiny_bundle.manifest("native"), files)
