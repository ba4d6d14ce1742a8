"""Training against rounding: activations of few bits, so that the network learns not to amplify their errors.

BF16 and INT8 engines round every activation. A network that is only asked for a small NMSE may put small
differences into large activations, and its engine then loses what the network had won. Rounded more coarsely
than the engine will, it has to do without. The gradient passes as if nothing were rounded (straight through,
arXiv:1308.3432).
"""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

MANTISSA_BITS = 24  # of float32, with the leading one
ROUNDED = (nn.Linear, nn.Conv1d, nn.LayerNorm)


def significant(value: Tensor, bits: int) -> Tensor:
    """A float32 tensor rounded to so many significant bits; BF16 has 8. Any |value| below 1e31."""
    scaled = value * (2 ** (MANTISSA_BITS - bits) + 1)  # Veltkamp's splitting
    return scaled - (scaled - value)


def round_activations(network: nn.Module, bits: int) -> None:
    """While `network` trains, round what goes into and comes out of its layers.

    A module with `rounds_output = True` has its own output rounded too: a block whose residual sum an engine
    rounds.
    """
    for module in network.modules():
        if isinstance(module, ROUNDED):
            module.register_forward_pre_hook(lambda module, inputs: _rounded(module, inputs, bits))
        if isinstance(module, ROUNDED) or getattr(module, "rounds_output", False):
            module.register_forward_hook(lambda module, _, output: _rounded(module, output, bits))


def _rounded(module: nn.Module, values: Any, bits: int) -> Any:
    """A tensor, or a tuple's first tensor, rounded with a straight-through gradient."""
    if not module.training:
        return values
    if isinstance(values, tuple):
        return (_rounded(module, values[0], bits), *values[1:])
    return values + (significant(values.detach(), bits) - values.detach())
