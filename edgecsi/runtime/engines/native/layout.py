"""What `engine.bin` holds, as one table: sizes as int32, then weights as float32, each in C order.

The builder writes it, `layout.h` reads it. That header is made from this table, and a test compares them:

    python -m edgecsi.runtime.engines.native.layout
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

LANES = 16  # floats in a register; the features of a row are padded with zeros to a multiple of it
HEADER = Path(__file__).with_name("layout.h")

# features: numbers of a step, 2K for CSI. prompts: learned tokens in front of the history. delta: 1 where the
# future is predicted as a change against the last step.
SIZES = (
    "antennas", "history", "future", "features", "prompts",
    "width", "feed_forward", "heads", "layers", "delta",
)  # fmt: skip
DERIVED = {"tokens": "prompts + history", "wide": f"(features + {LANES - 1}) / {LANES} * {LANES}"}


@dataclass(frozen=True)
class Weight:
    """An array. dims: each a name of SIZES or DERIVED, with how many of it follow each other."""

    name: str
    dims: tuple[tuple[int, str], ...]

    def shape(self, sizes: Mapping[str, int]) -> tuple[int, ...]:
        """Its shape, given :func:`all_sizes`."""
        return tuple(times * sizes[name] for times, name in self.dims)


def _weight(name: str, *dims: str | tuple[int, str]) -> Weight:
    return Weight(name, tuple((1, dim) if isinstance(dim, str) else dim for dim in dims))


START = (
    _weight("embedding", (3, "wide"), "width"),
    _weight("position", "history", "width"),
    _weight("prompt", "prompts", "width"),
)
LAYER = (  # `layers` times
    _weight("norm", "width"),
    _weight("norm_bias", "width"),
    _weight("qkv", "width", (3, "width")),
    _weight("qkv_bias", (3, "width")),
    _weight("out", "width", "width"),
    _weight("out_bias", "width"),
    _weight("feed_norm", "width"),
    _weight("feed_norm_bias", "width"),
    _weight("feed", "width", "feed_forward"),
    _weight("feed_bias", "feed_forward"),
    _weight("back", "feed_forward", "width"),
    _weight("back_bias", "width"),
)
END = (
    _weight("to_future", "future", "tokens"),
    _weight("to_features", "width", "wide"),
    _weight("rest", "future", "wide"),
)


def all_sizes(sizes: Mapping[str, int]) -> dict[str, int]:
    """SIZES -> SIZES and DERIVED."""
    padded = -(-sizes["features"] // LANES) * LANES
    return {**sizes, "tokens": sizes["prompts"] + sizes["history"], "wide": padded}


def header() -> str:
    """The text of `layout.h`."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield "// The layout of engine.bin. Written by layout.py from its table: change it there."
    yield from ("#pragma once", "", "#include <vector>", "", "namespace edgecsi {", "")
    yield f"constexpr int LANES = {LANES};  // floats in a register"
    yield f"constexpr int SIZE_COUNT = {len(SIZES)};"
    yield from ("", "struct SizeTable {", f"    int {', '.join(SIZES)};", "")
    for name, formula in DERIVED.items():
        yield f"    int {name}() const {{ return {formula}; }}"
    yield from ("", "    // Floats behind the sizes.", "    long weights() const {")
    yield from _wrapped(f"return {_sum(START)} + layers * ({_sum(LAYER)}) + {_sum(END)};", indent=8)
    yield from ("    }", "};", "")
    yield from ("struct LayerWeights {", *_wrapped(f"const float {_pointers(LAYER)};", indent=4), "};", "")
    yield "// Where each array begins, `next` being the first float behind the sizes."
    yield from ("struct Weights {", f"    const float {_pointers(START)};")
    yield "    std::vector<LayerWeights> layers;"
    yield from (f"    const float {_pointers(END)};", "")
    yield "    Weights(const SizeTable& sizes, const float* next) : layers(sizes.layers) {"
    yield "        const auto take = [&next](long count) {"
    yield from ("            const float* found = next;", "            next += count;")
    yield from ("            return found;", "        };")
    yield from (f"        {weight.name} = take({_count(weight, 'sizes.')});" for weight in START)
    yield "        for (auto& layer : layers) {"
    yield from (f"            layer.{weight.name} = take({_count(weight, 'sizes.')});" for weight in LAYER)
    yield "        }"
    yield from (f"        {weight.name} = take({_count(weight, 'sizes.')});" for weight in END)
    yield from ("    }", "};", "", "}  // namespace edgecsi")


def _wrapped(statement: str, indent: int) -> list[str]:
    spaces = indent * " "
    return textwrap.wrap(statement, 110, initial_indent=spaces, subsequent_indent=spaces + 4 * " ")


def _sum(weights: tuple[Weight, ...]) -> str:
    return " + ".join(_count(weight) for weight in weights)


def _count(weight: Weight, owner: str = "") -> str:
    names = [owner + name + ("()" if name in DERIVED else "") for _, name in weight.dims]
    times = 1
    for factor, _ in weight.dims:
        times *= factor
    return " * ".join([f"{times}L", *names])


def _pointers(weights: tuple[Weight, ...]) -> str:
    return ", ".join(f"*{weight.name}" for weight in weights)


if __name__ == "__main__":
    HEADER.write_text(header(), encoding="utf-8")
