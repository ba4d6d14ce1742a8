"""HTML and SVG as element trees: every string is escaped because nothing is ever pasted as text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from xml.etree import ElementTree

from edgecsi.printable import printable

Element = ElementTree.Element
Child = Element | str | None

# No script, no network: the page can only show what is in it.
POLICY = "default-src 'none'; style-src 'unsafe-inline'"

STYLE = """
:root { --ink: #1c2733; --soft: #5c6b7a; --line: #dfe5eb; --paper: #fff; --ground: #f5f7f9; }
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink);
  font: 15px/1.5 system-ui, "Segoe UI", Roboto, "Helvetica Neue", sans-serif; }
main { max-width: 1280px; margin: 0 auto; padding: 32px 24px 64px; }
h1 { font-size: 26px; margin: 0 0 4px; } h2 { font-size: 19px; margin: 40px 0 10px; }
h3 { font-size: 15px; margin: 18px 0 6px; }
p { margin: 6px 0; max-width: 78ch; } .soft { color: var(--soft); }
section.card, figure { background: var(--paper); border: 1px solid var(--line); border-radius: 10px; }
section.card { padding: 14px 18px; overflow-x: auto; }
.badge { display: inline-block; padding: 2px 10px; border-radius: 999px; background: #fff3d6; color: #7a5200;
  border: 1px solid #f0d28a; font-size: 13px; }
table { border-collapse: collapse; font-size: 13.5px; font-variant-numeric: tabular-nums; width: 100%; }
th { text-align: left; font-weight: 600; color: var(--soft); border-bottom: 1px solid var(--line);
  white-space: nowrap; }
td { border-bottom: 1px solid #eef1f4; white-space: nowrap; } th, td { padding: 4px 10px 4px 0; }
tr:last-child td { border-bottom: 0; } td.number, th.number { text-align: right; }
th.number { white-space: normal; vertical-align: bottom; padding-right: 8px; }
td.wrap { white-space: normal; min-width: 30ch; overflow-wrap: anywhere; }
td.pass { color: #11643a; background: #e4f5ea; } td.fail { color: #9b1c1c; background: #fde8e6; }
td.undecided { color: #7a5200; background: #fff6df; }
td.pass, td.fail, td.undecided { text-align: right; padding: 4px 8px; border-left: 2px solid var(--paper); }
.grid { display: grid; grid-template-columns: repeat(auto-fit, minmax(480px, 1fr)); gap: 16px; }
figure { margin: 0; padding: 12px 14px; } figcaption { font-weight: 600; font-size: 14px; }
svg { width: 100%; height: auto; display: block; } svg text { font-size: 11px; fill: var(--soft); }
svg text.label { fill: var(--ink); } details { margin-top: 10px; } summary { cursor: pointer; }
"""


def element(tag: str, *children: Child, **attributes: object) -> Element:
    """An element with children in order; `class_` is the attribute class, `_` in names becomes `-`."""
    names = {name: name.rstrip("_").replace("_", "-") for name in attributes}
    made = Element(tag, {names[name]: printable(str(value)) for name, value in attributes.items()})
    for child in children:
        if isinstance(child, str):
            _append_text(made, printable(child, lines=True))
        elif child is not None:
            made.append(child)
    return made


def table(headers: Sequence[str], rows: Iterable[Sequence[Child]], numbers: int = 0) -> Element:
    """A table whose last `numbers` columns are set to the right. A cell may be a ready <td>."""
    first = len(headers) - numbers
    kinds = [{"class_": "number"} if i >= first else {} for i in range(len(headers))]
    head = [element("th", name, **kind) for name, kind in zip(headers, kinds, strict=True)]
    body = [
        element("tr", *(_cell(cell, kind) for cell, kind in zip(row, kinds, strict=True))) for row in rows
    ]
    return element("table", element("thead", element("tr", *head)), element("tbody", *body))


def page(title: str, *content: Child) -> str:
    """A whole document with the style in it."""
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", **{"http-equiv": "Content-Security-Policy", "content": POLICY}),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("title", title),
        element("style", STYLE),
    )
    document = element("html", head, element("body", element("main", *content)), lang="en")
    return "<!doctype html>\n" + ElementTree.tostring(document, encoding="unicode", method="html") + "\n"


def _cell(cell: Child, kind: dict[str, str]) -> Element:
    return cell if isinstance(cell, Element) and cell.tag == "td" else element("td", cell, **kind)


def _append_text(parent: Element, text: str) -> None:
    if len(parent):
        parent[-1].tail = (parent[-1].tail or "") + text
    else:
        parent.text = (parent.text or "") + text
