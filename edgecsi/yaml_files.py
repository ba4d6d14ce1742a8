"""YAML as people mean it: `2e4` is a number, and what YAML 1.1 would quietly read otherwise is refused.

Octal and hexadecimal numbers, digits grouped by `_`, `1:30`, yes, no, on, off, a key given twice, aliases and
tags: each is one line with its place.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path
from typing import Any, ClassVar

import yaml

from edgecsi.errors import EdgeCsiError
from edgecsi.files import read_limited
from edgecsi.printable import one_line

MAX_BYTES = 1 << 20
_REFUSED = "tag:edgecsi,refused"
_PLAIN = {  # tag -> plain text that means it
    "tag:yaml.org,2002:null": r"~|null|Null|NULL|",
    "tag:yaml.org,2002:bool": r"true|True|TRUE|false|False|FALSE",
    _REFUSED: r"[-+]?0[0-9]+(\.[0-9]*)?([eE][-+]?[0-9]+)?|[-+]?0[xob][0-9a-fA-F_]+"
    r"|[-+]?[0-9]+_[0-9_]*(\.[0-9_]*)?|[-+]?[0-9]+(:[0-5]?[0-9])+(\.[0-9]*)?|(?i:yes|no|on|off|y|n)",
    "tag:yaml.org,2002:int": r"[-+]?[0-9]+",
    "tag:yaml.org,2002:float": r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)"
    r"|\.(nan|NaN|NAN)",
}


def read_yaml(path: Path, text_fields: Collection[str] = ()) -> list[Any]:
    """The documents in a file. text_fields: keys whose plain values are text, whatever they look like.

    EdgeCsiError, in one line, for a file that can't be read, is no YAML, or says something that is read in
    two ways.
    """
    content = read_limited(path, MAX_BYTES)
    loader = None
    try:
        loader = _Loader(content.decode("utf-8"))
        loader.text_fields = text_fields
        documents = []
        while loader.check_data():
            documents.append(loader.get_data())
        return documents
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise EdgeCsiError(f"{path}: no YAML: {place}{one_line(str(error.problem))}") from error
    except RecursionError as error:
        raise EdgeCsiError(f"{path}: no YAML: nested too deeply") from error
    except (yaml.YAMLError, ValueError) as error:
        raise EdgeCsiError(f"{path}: no YAML: {one_line(str(error))}") from error
    finally:
        if loader is not None:
            loader.dispose()


class _Loader(yaml.SafeLoader):
    yaml_implicit_resolvers: ClassVar[dict[str, Any]] = {}
    text_fields: Collection[str] = ()

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            event = self.peek_event()
            raise yaml.composer.ComposerError(None, None, f"*{event.anchor}: write it out", event.start_mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key, value in node.value:
            said = key.value if isinstance(key, yaml.ScalarNode) else None
            plain = isinstance(value, yaml.ScalarNode) and value.style is None
            if said in self.text_fields and plain and not value.tag.endswith(":null"):
                value.tag = self.DEFAULT_SCALAR_TAG
            if said is None:
                continue  # no text: refused below
            meant = _number(said)
            if meant in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"{said!r} is given twice", key.start_mark
                )
            seen.add(meant)
        return super().construct_mapping(node, deep=True)

    def refuse(self, node: yaml.ScalarNode) -> Any:
        raise yaml.constructor.ConstructorError(
            None,
            None,
            f"{node.value} is read in two ways; write a decimal number, true or false, or text in quotes",
            node.start_mark,
        )

    def to_int(self, node: yaml.ScalarNode) -> int:
        return int(node.value)

    def to_float(self, node: yaml.ScalarNode) -> float:
        return float(node.value.lower().replace(".inf", "inf").replace(".nan", "nan"))


def _number(key: str) -> float | str:
    """A key as it may be compared: 30, "30" and 30.0 are one."""
    try:
        return float(key)
    except ValueError:
        return key


for _tag, _pattern in _PLAIN.items():
    _Loader.add_implicit_resolver(_tag, re.compile(f"(?:{_pattern})\\Z"), None)
_Loader.add_constructor(_REFUSED, _Loader.refuse)
_Loader.add_constructor("tag:yaml.org,2002:int", _Loader.to_int)
_Loader.add_constructor("tag:yaml.org,2002:float", _Loader.to_float)
