"""The terminal that tables, lines and progress bars for people go to."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.text import Text

from edgecsi.printable import printable


class CleanConsole(Console):
    """A rich console that shows all text as :func:`printable`; every table and line for people goes here.

    What is printed as a string is one line; cells and titles of tables may have several.
    """

    def print(self, *objects: Any, **how: Any) -> None:
        """As rich's."""
        super().print(*(printable(o) if isinstance(o, str) else o for o in objects), **how)

    def render_str(self, text: str, **how: Any) -> Text:
        """As rich's: every string of a table passes here."""
        return super().render_str(printable(text, lines=True), **how)
