"""Text from outside on its way to a terminal or a page: nothing in it moves a cursor or poses as ours."""

from __future__ import annotations

MOST = 2000  # characters of a line about an error


def printable(text: str, lines: bool = False) -> str:
    """The text with U+FFFD for every character that isn't shown: controls, directions, lone surrogates.

    lines: keep line breaks.
    """
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() or (lines and char == "\n") else "\ufffd" for char in text)


def one_line(text: str) -> str:
    """A message as one line that is no longer than :data:`MOST`."""
    line = printable(" ".join(text.split()))
    return line if len(line) <= MOST else f"{line[:MOST]} ... ({len(line)} characters)"
